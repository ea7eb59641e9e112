import { randomUUID } from 'node:crypto'
import { isLive, revokedUntil } from './store.ts'
import type { EndedSession, FeedEntry, NewSession, SessionRow, SessionStore } from './store.ts'

export interface MemoryStoreOptions {
  /** Milliseconds since the epoch, for tests. Default: `Date.now`. */
  clock?: (() => number) | undefined
}

/** How long the time of a `revokeAll()` is remembered for `authenticatedAt`. */
const dayMs = 86_400_000

/**
 * Keeps sessions in the memory of this process.
 *
 * Guarantees all that {@link SessionStore} promises, within one process: every method reads and writes in one turn of
 * the event loop. It does **not** survive a restart (everybody is signed out) and is **not** shared: with several
 * processes, a session exists on the one that started it and nowhere else. For tests, development and tools.
 *
 * ```ts
 * await app.register(authenticate, { issuer, secret, store: memoryStore() })
 * ```
 */
export function memoryStore ({ clock = Date.now }: MemoryStoreOptions = {}): SessionStore {
  const rows = new Map<string, SessionRow>()
  const idsOf = new Map<string, Set<string>>()
  /** Until when ended sessions matter; the row has no room for it. */
  const untilOf = new Map<string, number>()
  const revokedAllAt = new Map<string, number>()
  const feed = createFeed()

  function add ({ idleMs, absoluteMs, claims, ...session }: NewSession, now: number): SessionRow {
    const row = Object.freeze({
      ...session,
      // Through JSON, as every other store: what does not survive there must not survive here.
      claims: deepFreeze(JSON.parse(JSON.stringify(claims)) as Record<string, unknown>),
      generation: 0,
      createdAt: now,
      rotatedAt: now,
      retries: Object.freeze([]),
      idleExpiresAt: now + Math.min(idleMs, absoluteMs),
      absoluteExpiresAt: now + absoluteMs,
      revokedAt: null
    })
    rows.set(row.id, row)
    const ids = idsOf.get(row.sub)
    if (ids === undefined) idsOf.set(row.sub, new Set([row.id]))
    else ids.add(row.id)
    return row
  }

  function change (row: SessionRow, changes: Partial<SessionRow>): SessionRow {
    const changed = Object.freeze({ ...row, ...changes })
    rows.set(row.id, changed)
    return changed
  }

  function end (row: SessionRow, now: number, lifetimeSeconds: number): EndedSession {
    const until = revokedUntil(now, row, lifetimeSeconds)
    change(row, { revokedAt: now })
    untilOf.set(row.id, until)
    feed.put({ kind: 'session', id: row.id, until })
    return { id: row.id, sub: row.sub, until }
  }

  /** Oldest first, for sets keep the order of insertion. */
  function liveRows (sub: string, now: number): SessionRow[] {
    return [...idsOf.get(sub) ?? []].map((id) => rows.get(id)!).filter((row) => isLive(row, now))
  }

  function remove ({ id, sub }: SessionRow): void {
    const ids = idsOf.get(sub)!
    ids.delete(id)
    if (ids.size === 0) idsOf.delete(sub)
    rows.delete(id)
    untilOf.delete(id)
  }

  return {
    async insert (session, { end: ending, authenticatedAt = Infinity, lifetimeSeconds }) {
      const now = clock()
      if (rows.has(session.id)) throw new Error('Cannot insert the session: its id exists')
      if (!((revokedAllAt.get(session.sub) ?? -Infinity) <= authenticatedAt)) return { row: null, now, ended: [] }
      const ended = [...new Set(ending)].map((id) => rows.get(id))
        .filter((row) => row !== undefined && row.revokedAt === null)
        .map((row) => end(row!, now, lifetimeSeconds))
      return { row: add(session, now), now, ended }
    },

    async find (id) {
      return { row: rows.get(id) ?? null, now: clock() }
    },

    async rotate (id, { from, to, minAgeMs, idleMs }) {
      const now = clock()
      const row = rows.get(id) ?? null
      if (row === null || !isLive(row, now) || row.generation !== from || Math.abs(now - row.rotatedAt) < minAgeMs) {
        return { row, now, applied: false }
      }
      const idleExpiresAt = Math.min(now + idleMs, row.absoluteExpiresAt)
      return { row: change(row, { generation: to, rotatedAt: now, idleExpiresAt }), now, applied: true }
    },

    async countRetry (id, { generation, retries, keep, idleMs }) {
      const now = clock()
      const row = rows.get(id) ?? null
      if (row === null || !isLive(row, now) || row.generation !== generation || String(row.retries) !== String(retries)) {
        return { row, now, applied: false }
      }
      const idleExpiresAt = Math.min(now + idleMs, row.absoluteExpiresAt)
      return { row: change(row, { retries: Object.freeze([...keep, now]), idleExpiresAt }), now, applied: true }
    },

    async revoke (id, { sub, lifetimeSeconds }) {
      const row = rows.get(id)
      if (row === undefined || (sub !== undefined && row.sub !== sub)) return null
      if (row.revokedAt !== null) return { id, sub: row.sub, until: untilOf.get(id)! }
      return end(row, clock(), lifetimeSeconds)
    },

    async revokeAll (sub, { except, lifetimeSeconds }) {
      const now = clock()
      revokedAllAt.set(sub, Math.max(now, revokedAllAt.get(sub) ?? now))
      return liveRows(sub, now).filter(({ id }) => id !== except).map((row) => end(row, now, lifetimeSeconds))
    },

    async list (sub) {
      return liveRows(sub, clock())
    },

    async feed (entries) {
      for (const entry of entries) if (!feed.has(entry)) feed.put(entry)
    },

    async readFeed (cursor, limit) {
      return { ...feed.read(cursor, limit), now: clock() }
    },

    async sweep () {
      const now = clock()
      const gone = [...rows.values()].filter((row) => (untilOf.get(row.id) ?? row.idleExpiresAt) <= now)
      gone.forEach(remove)
      for (const [sub, at] of revokedAllAt) if (at <= now - dayMs) revokedAllAt.delete(sub)
      feed.sweep(now)
      return gone.length
    },

    async close () {}
  }
}

/** The revocation feed: numbered entries in the order of their numbers, one for each thing revoked. */
function createFeed () {
  const mark = randomUUID()
  const keyOf = ({ kind, id }: FeedEntry) => `${kind} ${id}`
  const known = new Set<string>()
  let entries: { number: number, entry: FeedEntry }[] = []
  let last = 0

  /** What the reader has seen; `null` where this store cannot have given the cursor, as after a restart. */
  function numberIn (cursor: string): number | null {
    const [number, markOfCursor] = cursor.split('.')
    return markOfCursor === mark && Number(number) <= last ? Number(number) : null
  }

  return {
    has: (entry: FeedEntry) => known.has(keyOf(entry)),

    /** Adds an entry, in place of the one there may be: readers that are past that one must see this one. */
    put ({ kind, id, until }: FeedEntry): void {
      const entry = Object.freeze({ kind, id, until })
      const key = keyOf(entry)
      if (known.has(key)) entries = entries.filter((other) => keyOf(other.entry) !== key)
      known.add(key)
      entries.push({ number: ++last, entry })
    },

    read (cursor: string | null, limit: number) {
      const seen = cursor === null ? 0 : numberIn(cursor)
      // From the end, for most readers have read nearly all.
      const start = entries.findLastIndex(({ number }) => number <= (seen ?? 0)) + 1
      const page = entries.slice(start, start + limit)
      return {
        entries: page.map(({ entry }) => entry),
        cursor: `${page.at(-1)?.number ?? seen ?? 0}.${mark}`,
        more: start + page.length < entries.length,
        resumed: seen !== null
      }
    },

    sweep (now: number): void {
      for (const { entry } of entries) if (entry.until <= now) known.delete(keyOf(entry))
      entries = entries.filter(({ entry }) => entry.until > now)
    }
  }
}

function deepFreeze<T> (value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
