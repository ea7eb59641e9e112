import { setImmediate } from 'node:timers/promises'
import { checkClock, checkOptionNames } from './factory-options.ts'
import { RevocationLog } from './memory/revocation-log.ts'
import { slid } from './memory/rows.ts'
import { SessionTable } from './memory/session-table.ts'
import { isLive, isRotatable, maxBatch, wholeMilliseconds } from './session-store.ts'
import type { CompareAndSetResult, InsertOptions, SessionRow, SessionStore, Subject } from './session-store.ts'

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

  /** Changes a live row if `isMatch`. */
  function compareAndSet(
    id: string,
    {
      isMatch,
      change
    }: {
      isMatch: (row: SessionRow, storeTime: number) => boolean
      change: (row: SessionRow, storeTime: number) => Partial<SessionRow>
    }
  ): CompareAndSetResult {
    const storeTime = clock()
    const row = sessions.row(id)
    if (row === null || !isLive(row, storeTime) || !isMatch(row, storeTime)) return { row, storeTime, applied: false }
    return { row: sessions.change(id, change(row, storeTime)), storeTime, applied: true }
  }

  /**
   * A `revokeAll()` time that is ahead of the clock is set back to now, so that this call is the last one it refuses.
   */
  function isRefused(subject: Subject, { age, now }: { age: number; now: number }): boolean {
    const authenticatedAt = now - age
    if (Number.isNaN(authenticatedAt)) return true
    const refusing = sessions.owners.of(subject).filter(({ revokedAllAt }) => !(revokedAllAt < authenticatedAt))
    for (const owner of refusing) owner.revokedAllAt = Math.min(owner.revokedAllAt, now)
    return refusing.length > 0
  }

  function revokeOthers(subject: Subject, { now, lifetimeSeconds }: { now: number } & InsertOptions) {
    sessions.owners.raise(subject, now)
    return sessions.logBehind(subject, { now, lifetimeSeconds })
  }

  return {
    async insert(session, options) {
      const { issuers, authenticatedAge, maxSessions, lifetimeSeconds } = options
      const now = clock()
      if (sessions.has(session.id)) throw new Error('Cannot insert the session: its id exists')
      const subject = { issuers, sub: session.sub }
      if (authenticatedAge !== undefined && isRefused(subject, { age: authenticatedAge(), now })) {
        return { row: null, storeTime: now }
      }
      const revoked = [...new Set(options.revoke)]
        .filter((id) => sessions.isOpen(id))
        .map((id) => sessions.revoke(id, { now, lifetimeSeconds }))
      const others = options.revokeOthers ? revokeOthers(subject, { ...options, now }) : { revoked: [], more: false }
      const evicted = sessions.evict(subject, {
        maxSessions: maxSessions - 1,
        atMost: maxBatch,
        now,
        lifetimeSeconds
      })
      return {
        row: sessions.add(session, now),
        storeTime: now,
        revoked: [...revoked, ...others.revoked],
        evicted: evicted.revoked,
        more: others.more || evicted.more
      }
    },

    async find(id) {
      return { row: sessions.row(id), storeTime: clock() }
    },

    async rotate(id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) {
      return compareAndSet(id, {
        isMatch: (row, storeTime) => isRotatable(row, { from, minAgeMs, storeTime }),
        change: (row, now) => ({ generation: to, rotatedAt: now, ...slid(row, { now, idleMs, accessLifetimeSeconds }) })
      })
    },

    async countRetry(id, { generation, retries, keepRetries, idleMs, accessLifetimeSeconds }) {
      return compareAndSet(id, {
        isMatch: (row) => row.generation === generation && String(row.retries) === String(retries),
        change: (row, now) => ({
          retries: Object.freeze([...keepRetries, now]),
          ...slid(row, { now, idleMs, accessLifetimeSeconds })
        })
      })
    },

    async countRepeat(id, { generation, repeated, streak }) {
      return compareAndSet(id, {
        isMatch: (row) => row.generation === generation && (row.repeatedGeneration ?? -1) < repeated,
        change: () => ({ repeatedGeneration: repeated, repeatStreak: streak })
      })
    },

    async revoke(id, { sub, issuers, lifetimeSeconds }) {
      const storeTime = clock()
      const row = sessions.row(id)
      const isMeant =
        row !== null &&
        (sub === undefined || row.sub === sub) &&
        (issuers === undefined || issuers.includes(row.issuer))
      if (!isMeant) return { revoked: null, storeTime }
      const revoked = sessions.revoked(id) ?? sessions.revoke(id, { now: storeTime, lifetimeSeconds })
      return { revoked, storeTime }
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
      const rows = sessions.live(subject, storeTime)
      if (rows.length <= limit) return { rows, storeTime }
      const recent = new Set([...rows].sort((a, b) => b.rotatedAt - a.rotatedAt).slice(0, limit))
      return { rows: rows.filter((row) => recent.has(row)), storeTime }
    },

    async appendRevocations(entries, { lifetimeSeconds }) {
      const storeTime = clock()
      for (const { kind, id, until } of entries) {
        const atLeast = wholeMilliseconds(until)
        if (kind === 'session' && sessions.isOpen(id)) sessions.revoke(id, { now: storeTime, lifetimeSeconds, atLeast })
        else log.append({ kind, id, until: atLeast })
      }
      return { storeTime }
    },

    async readRevocations(cursor, limit) {
      return { ...log.read(cursor, limit), storeTime: clock() }
    },

    async sweep() {
      const now = clock()
      let removed = 0
      for (removed of sessions.sweep(now)) if (removed % maxBatch === 0) await setImmediate()
      for (const looked of sessions.owners.sweep(now)) if (looked % maxBatch === 0) await setImmediate()
      while (log.sweep(now, maxBatch)) await setImmediate()
      return removed
    },

    async close() {}
  }
}
