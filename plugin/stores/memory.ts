import { checkClock, checkOptionNames } from './factory-options.ts'
import { RevocationLog } from './memory/revocation-log.ts'
import type { Session } from './memory/session.ts'
import { SessionTable } from './memory/session-table.ts'
import { isLive, isRotatable, maxBatch, wholeMilliseconds } from './session-store.ts'
import type { CompareAndSetResult, InsertOptions, SessionStore, Subject } from './session-store.ts'
import { inSlices } from '../slices.ts'

/** What `memoryStore()` takes. */
export interface MemoryStoreOptions {
  /** Returns the time in milliseconds since the epoch; for tests. Default: the clock of the process, `Date.now`. */
  clock?: (() => number) | undefined
}

/**
 * Keeps sessions in the memory of this process. For tests, development and tools.
 *
 * It keeps all promises of {@link SessionStore} within one process: each method runs in one turn of the event loop. It
 * does **not** survive a restart: users must sign in again, and access tokens that were revoked before are accepted
 * until they expire. It is **not** shared: a session exists only in the process that started it. The cost of `list()`
 * grows with the number of the subject's sessions; that of `insert()` and `trim()` too, if there are more than
 * `maxSessions`.
 *
 * ```ts
 * await app.register(authenticate, { issuer, secret, store: memoryStore() })
 * ```
 * @throws TypeError for a wrong option
 */
export function memoryStore(options: MemoryStoreOptions = {}): SessionStore {
  checkOptionNames(options, { factory: 'memoryStore', known: ['clock'] })
  const clock = checkClock(options.clock, { factory: 'memoryStore' })
  const log = new RevocationLog()
  const sessions = new SessionTable(log)

  /** Changes a live session if `isMatch`. */
  function compareAndSet(
    id: string,
    {
      isMatch,
      change
    }: {
      isMatch: (session: Session, storeTime: number) => boolean
      change: (session: Session, storeTime: number) => void
    }
  ): CompareAndSetResult {
    const storeTime = clock()
    const session = sessions.get(id)
    if (session === undefined) return { row: null, storeTime, applied: false }
    const applied = isLive(session, storeTime) && isMatch(session, storeTime)
    if (applied) change(session, storeTime)
    return { row: session.toRow(), storeTime, applied }
  }

  /**
   * A `revokeAll()` time that is ahead of the clock is set back to now, so that this call is the last one it refuses.
   */
  function isRefused(subject: Subject, { age, now }: { age: number; now: number }): boolean {
    const authenticatedAt = now - age
    if (Number.isNaN(authenticatedAt)) return true
    let isRefused = false
    for (const owner of sessions.owners.of(subject)) {
      if (owner.revokedAllAt === null || owner.revokedAllAt < authenticatedAt) continue
      owner.revokedAllAt = Math.min(owner.revokedAllAt, now)
      isRefused = true
    }
    return isRefused
  }

  function revokeOthers(subject: Subject, { now, lifetimeSeconds }: { now: number } & InsertOptions) {
    sessions.owners.raise(subject, now)
    return sessions.logBehind(subject, { now, lifetimeSeconds })
  }

  return {
    async insert(session, options) {
      const { issuers, authenticatedAge, maxSessions, lifetimeSeconds } = options
      const now = clock()
      if (sessions.get(session.id) !== undefined) throw new Error('Cannot insert the session: its id exists')
      const subject = { issuers, sub: session.sub }
      if (authenticatedAge !== undefined && isRefused(subject, { age: authenticatedAge(), now })) {
        return { row: null, storeTime: now }
      }
      const revoked = [...new Set(options.revoke)]
        .map((id) => sessions.get(id))
        .filter((named) => named?.until === null)
        .map((named) => sessions.revoke(named!, { now, lifetimeSeconds }))
      const others = options.revokeOthers ? revokeOthers(subject, { ...options, now }) : { revoked: [], more: false }
      const evicted = sessions.evict(subject, {
        maxSessions: maxSessions - 1,
        atMost: maxBatch,
        now,
        lifetimeSeconds
      })
      return {
        row: sessions.add(session, now).toRow(),
        storeTime: now,
        revoked: [...revoked, ...others.revoked],
        evicted: evicted.revoked,
        more: others.more || evicted.more
      }
    },

    async find(id) {
      return { row: sessions.get(id)?.toRow() ?? null, storeTime: clock() }
    },

    async rotate(id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) {
      return compareAndSet(id, {
        isMatch: (session, storeTime) => isRotatable(session, { from, minAgeMs, storeTime }),
        change(session, now) {
          session.generation = to
          session.rotatedAt = now
          sessions.slide(session, { now, idleMs, accessLifetimeSeconds })
        }
      })
    },

    async countRetry(id, { generation, retries, keepRetries, idleMs, accessLifetimeSeconds }) {
      return compareAndSet(id, {
        isMatch: (session) => session.generation === generation && String(session.retries) === String(retries),
        change(session, now) {
          session.retries = Object.freeze([...keepRetries, now])
          sessions.slide(session, { now, idleMs, accessLifetimeSeconds })
        }
      })
    },

    async countRepeat(id, { generation, repeated, streak }) {
      return compareAndSet(id, {
        isMatch: (session) => session.generation === generation && (session.repeatedGeneration ?? -1) < repeated,
        change(session) {
          session.repeatedGeneration = repeated
          session.repeatStreak = streak
        }
      })
    },

    async revoke(id, { sub, issuers, lifetimeSeconds }) {
      const storeTime = clock()
      const session = sessions.get(id)
      const isMeant =
        session !== undefined &&
        (sub === undefined || session.owner.sub === sub) &&
        (issuers === undefined || issuers.includes(session.owner.issuer))
      return { revoked: isMeant ? sessions.revoke(session, { now: storeTime, lifetimeSeconds }) : null, storeTime }
    },

    async revokeAll(subject, { except, lifetimeSeconds }) {
      const storeTime = clock()
      sessions.owners.raise(subject, storeTime)
      if (except !== undefined) sessions.spare(except, subject)
      return { ...sessions.logBehind(subject, { now: storeTime, lifetimeSeconds }), storeTime }
    },

    async trim(subject, { maxSessions, lifetimeSeconds }) {
      const storeTime = clock()
      const terms = { now: storeTime, lifetimeSeconds }
      const behind = sessions.logBehind(subject, terms)
      const atMost = maxBatch - behind.revoked.length
      const evicted = sessions.evict(subject, { maxSessions, atMost, ...terms })
      return { revoked: [...behind.revoked, ...evicted.revoked], more: behind.more || evicted.more, storeTime }
    },

    async list(subject, { limit }) {
      const storeTime = clock()
      return { rows: sessions.recent(subject, { now: storeTime, limit }).map((session) => session.toRow()), storeTime }
    },

    async appendRevocations(entries, { lifetimeSeconds }) {
      const storeTime = clock()
      for (const { kind, id, until } of entries) {
        const atLeast = wholeMilliseconds(until)
        const session = kind === 'session' ? sessions.get(id) : undefined
        if (session?.until === null) sessions.revoke(session, { now: storeTime, lifetimeSeconds, atLeast })
        else log.append({ kind, id, until: atLeast })
      }
      return { storeTime }
    },

    async readRevocations(cursor, limit) {
      return { ...log.read(cursor, limit), storeTime: clock() }
    },

    async sweep() {
      const now = clock()
      const removed = await inSlices(sessions.sweep(now))
      await inSlices(sessions.owners.sweep(now))
      await inSlices(log.sweep(now))
      return removed
    },

    async close() {}
  }
}
