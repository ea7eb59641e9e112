import { setImmediate } from 'node:timers/promises'
import { ExpiryIndex } from './memory/expiry-index.ts'
import { Owners, type Owner } from './memory/owners.ts'
import { RevocationLog } from './memory/revocation-log.ts'
import { newRow, slid } from './memory/rows.ts'
import { isLive, isRotatable, maxBatch, revokedUntil, wholeMilliseconds } from './session-store.ts'
import type {
  CompareAndSetResult,
  NewSession,
  RevokedSession,
  SessionRow,
  SessionStore,
  Subject
} from './session-store.ts'

export interface MemoryStoreOptions {
  /** Milliseconds since the epoch, for tests. Default: `Date.now`. */
  clock?: (() => number) | undefined
}

interface Kept {
  readonly row: SessionRow
  readonly owner: Owner
  counter: number
  /** Until when the access tokens of a revoked session matter. */
  until: number | null
}

/**
 * Keeps sessions in the memory of this process.
 *
 * Guarantees all that {@link SessionStore} promises, within one process: every method reads and writes in one turn of
 * the event loop. It does **not** survive a restart: everybody has to sign in again, while access tokens that were
 * revoked before it are accepted until they expire. It is **not** shared: a session exists in the process that started
 * it and nowhere else. `list()` looks at every session of the subject that was not logged as revoked; so do `insert()`
 * and `trim()` where there are too many. For tests, development and tools.
 *
 * ```ts
 * await app.register(authenticate, { issuer, secret, store: memoryStore() })
 * ```
 */
export function memoryStore({ clock = Date.now }: MemoryStoreOptions = {}): SessionStore {
  const sessions = new Map<string, Kept>()
  const owners = new Owners()
  const expiry = new ExpiryIndex()
  const log = new RevocationLog()

  /** The row as callers see it: what `revokeAll()` revoked is revoked, logged or not. */
  function rowOf(id: string): SessionRow | null {
    const kept = sessions.get(id)
    if (kept === undefined) return null
    const { row, owner } = kept
    return row.revokedAt === null && kept.counter < owner.counter
      ? Object.freeze({ ...row, revokedAt: owner.revokedAllAt })
      : row
  }

  function put(kept: Kept): SessionRow {
    sessions.set(kept.row.id, kept)
    expiry.set(kept.row.id, kept.until ?? kept.row.idleExpiresAt)
    return kept.row
  }

  function add(session: NewSession, now: number): SessionRow {
    const owner = owners.get(session.issuer, session.sub)
    owner.open.add(session.id)
    return put({ row: newRow(session, now), owner, counter: owner.counter, until: null })
  }

  /** Changes a live row that fits; every compare-and-set goes through here. */
  function compareAndSet(
    id: string,
    fits: (row: SessionRow, now: number) => boolean,
    change: (row: SessionRow, now: number) => Partial<SessionRow>
  ): CompareAndSetResult {
    const storeTime = clock()
    const row = rowOf(id)
    if (row === null || !isLive(row, storeTime) || !fits(row, storeTime)) return { row, storeTime, applied: false }
    const changed = Object.freeze({ ...row, ...change(row, storeTime) })
    return { row: put({ ...sessions.get(id)!, row: changed }), storeTime, applied: true }
  }

  function revoke(
    id: string,
    now: number,
    { lifetimeSeconds, atLeast = 0 }: { lifetimeSeconds: number; atLeast?: number }
  ): RevokedSession {
    const kept = sessions.get(id)!
    const until = Math.max(revokedUntil(kept.row, { revokedAt: now, lifetimeSeconds }), atLeast)
    kept.owner.open.delete(id)
    put({ ...kept, row: Object.freeze({ ...rowOf(id)!, revokedAt: rowOf(id)!.revokedAt ?? now }), until })
    log.append({ kind: 'session', id, until })
    return { id, sub: kept.row.sub, until }
  }

  const isLogged = (id: string) => sessions.get(id)?.until !== null

  /** Oldest first. */
  function liveRows(subject: Subject, now: number): SessionRow[] {
    return owners
      .of(subject)
      .flatMap(({ open }) => [...open])
      .map((id) => rowOf(id)!)
      .filter((row) => isLive(row, now))
      .sort((a, b) => a.createdAt - b.createdAt)
  }

  function remove(id: string, now: number): void {
    const {
      row: { issuer, sub },
      owner
    } = sessions.get(id)!
    sessions.delete(id)
    expiry.delete(id)
    owner.open.delete(id)
    owners.drop(issuer, sub, now)
  }

  /** Logs a batch of the live sessions that are behind the counter. */
  function logBehind(subject: Subject, now: number, lifetimeSeconds: number) {
    const behind: string[] = []
    for (const { open, counter } of owners.of(subject)) {
      for (const id of open) {
        const kept = sessions.get(id)!
        if (kept.row.idleExpiresAt <= now) open.delete(id)
        else if (kept.counter < counter && behind.push(id) > maxBatch) break
      }
    }
    const revoked = behind.slice(0, maxBatch).map((id) => revoke(id, now, { lifetimeSeconds }))
    return { revoked, more: behind.length > revoked.length }
  }

  /** Makes room for `maxSessions`, the least recently rotated first. */
  function evict(
    subject: Subject,
    now: number,
    { maxSessions, atMost, lifetimeSeconds }: { maxSessions: number; atMost: number; lifetimeSeconds: number }
  ) {
    const open = owners.of(subject).reduce((total, owner) => total + owner.open.size, 0)
    const live = open > maxSessions ? liveRows(subject, now) : []
    const excess = Math.max(0, live.length - maxSessions)
    const revoked = live
      .sort((a, b) => a.rotatedAt - b.rotatedAt)
      .slice(0, Math.min(excess, atMost))
      .map(({ id }) => revoke(id, now, { lifetimeSeconds }))
    return { revoked, more: excess > revoked.length }
  }

  return {
    async insert(
      session,
      { issuers, revoke: named, revokeOthers = false, maxSessions, authenticatedAge, lifetimeSeconds }
    ) {
      const now = clock()
      if (sessions.has(session.id)) throw new Error('Cannot insert the session: its id exists')
      const subject = { issuers, sub: session.sub }
      if (authenticatedAge !== undefined) {
        const authenticatedAt = now - authenticatedAge()
        if (Number.isNaN(authenticatedAt)) return { row: null, storeTime: now }
        const refusing = owners.of(subject).filter(({ revokedAllAt }) => !(revokedAllAt < authenticatedAt))
        for (const owner of refusing) owner.revokedAllAt = Math.min(owner.revokedAllAt, now)
        if (refusing.length > 0) return { row: null, storeTime: now }
      }
      const revoked = [...new Set(named)]
        .filter((id) => !isLogged(id))
        .map((id) => revoke(id, now, { lifetimeSeconds }))
      if (revokeOthers) owners.raise(subject, now)
      const others = revokeOthers ? logBehind(subject, now, lifetimeSeconds) : { revoked: [], more: false }
      const evicted = evict(subject, now, { maxSessions: maxSessions - 1, atMost: maxBatch, lifetimeSeconds })
      return {
        row: add(session, now),
        storeTime: now,
        revoked: [...revoked, ...others.revoked],
        evicted: evicted.revoked,
        more: others.more || evicted.more
      }
    },

    async find(id) {
      return { row: rowOf(id), storeTime: clock() }
    },

    async rotate(id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) {
      return compareAndSet(
        id,
        (row, storeTime) => isRotatable(row, { from, minAgeMs, storeTime }),
        (row, now) => ({ generation: to, rotatedAt: now, ...slid(row, { now, idleMs, accessLifetimeSeconds }) })
      )
    },

    async countRetry(id, { generation, retries, keepRetries, idleMs, accessLifetimeSeconds }) {
      return compareAndSet(
        id,
        (row) => row.generation === generation && String(row.retries) === String(retries),
        (row, now) => ({
          retries: Object.freeze([...keepRetries, now]),
          ...slid(row, { now, idleMs, accessLifetimeSeconds })
        })
      )
    },

    async countRepeat(id, { generation, repeated, streak }) {
      return compareAndSet(
        id,
        (row) => row.generation === generation && (row.repeatedGeneration ?? -1) < repeated,
        () => ({ repeatedGeneration: repeated, repeatStreak: streak })
      )
    },

    async revoke(id, { sub, issuers, lifetimeSeconds }) {
      const storeTime = clock()
      const kept = sessions.get(id)
      const isMeant =
        kept !== undefined &&
        (sub === undefined || kept.row.sub === sub) &&
        (issuers === undefined || issuers.includes(kept.row.issuer))
      if (!isMeant) return { revoked: null, storeTime }
      if (kept.until !== null) return { revoked: { id, sub: kept.row.sub, until: kept.until }, storeTime }
      return { revoked: revoke(id, storeTime, { lifetimeSeconds }), storeTime }
    },

    async revokeAll(subject, { except, lifetimeSeconds }) {
      const storeTime = clock()
      owners.raise(subject, storeTime)
      const spared = except === undefined ? undefined : sessions.get(except)
      // Only a session that was alive before: one behind an earlier call stays revoked.
      if (
        spared !== undefined &&
        spared.counter === spared.owner.counter - 1 &&
        owners.of(subject).includes(spared.owner)
      ) {
        spared.counter++
      }
      return { ...logBehind(subject, storeTime, lifetimeSeconds), storeTime }
    },

    async trim(subject, { maxSessions, lifetimeSeconds }) {
      const storeTime = clock()
      const behind = logBehind(subject, storeTime, lifetimeSeconds)
      const evicted = evict(subject, storeTime, {
        maxSessions,
        atMost: maxBatch - behind.revoked.length,
        lifetimeSeconds
      })
      return { revoked: [...behind.revoked, ...evicted.revoked], more: behind.more || evicted.more, storeTime }
    },

    async list(subject, { limit }) {
      const storeTime = clock()
      const rows = liveRows(subject, storeTime)
      if (rows.length <= limit) return { rows, storeTime }
      const recent = new Set([...rows].sort((a, b) => b.rotatedAt - a.rotatedAt).slice(0, limit))
      return { rows: rows.filter((row) => recent.has(row)), storeTime }
    },

    async appendRevocations(entries, { lifetimeSeconds }) {
      const storeTime = clock()
      for (const { kind, id, until } of entries) {
        const entry = { kind, id, until: wholeMilliseconds(until) }
        const open = entry.kind === 'session' && !isLogged(entry.id)
        if (open) revoke(entry.id, storeTime, { lifetimeSeconds, atLeast: entry.until })
        else log.append(entry)
      }
      return { storeTime }
    },

    async readRevocations(cursor, limit) {
      return { ...log.read(cursor, limit), storeTime: clock() }
    },

    async sweep() {
      const now = clock()
      let removed = 0
      for (const id of expiry.due(now)) {
        remove(id, now)
        if (++removed % maxBatch === 0) await setImmediate()
      }
      for (const looked of owners.sweep(now)) if (looked % maxBatch === 0) await setImmediate()
      while (log.sweep(now, maxBatch)) await setImmediate()
      return removed
    },

    async close() {}
  }
}
