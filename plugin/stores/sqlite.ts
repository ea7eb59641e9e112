import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { createTransactions } from './sqlite/client.ts'
import type { SqliteDatabase } from './sqlite/client.ts'
import { toEntry, toRow } from './sqlite/rows.ts'
import { configure, migrate } from './sqlite/schema.ts'
import { prepareStatements, sweepRows } from './sqlite/statements.ts'
import { isLive, revokedUntil } from './store.ts'
import type { EndedSession, SessionRow, SessionStore } from './store.ts'

export type { SqliteDatabase } from './sqlite/client.ts'

export interface SqliteStoreOptions {
  /** Milliseconds since the epoch, for tests. Default: `Date.now`. */
  clock?: (() => number) | undefined
}

/** How long the time of a `revokeAll()` is remembered for `authenticatedAt`. */
const dayMs = 86_400_000

/**
 * Keeps sessions in a SQLite file, which the application may use for its own tables too.
 *
 * Takes an open client and never closes it. Creates its tables (`auth_…`) at once, also when several processes start
 * together over one file, and sets `journal_mode=WAL` and `synchronous=FULL`: what a call answers has been written to
 * the disk. `busy_timeout` is set only where it is 0. Calls are synchronous underneath: they block the process while
 * they write themselves, but not while another one does; then they wait, and reject after 1.5 s. They are **not** for
 * files on a network drive.
 *
 * Every call is a transaction of its own. While the application has one open on this connection (across an `await`),
 * calls reject and touch nothing: give the store a connection of its own, then.
 *
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * await app.register(authenticate, { issuer, secret, store: sqliteStore(new DatabaseSync('auth.db')) })
 * ```
 *
 * @throws where the file cannot be written, or the connection is inside a transaction
 */
export function sqliteStore (database: SqliteDatabase, { clock = Date.now }: SqliteStoreOptions = {}): SessionStore {
  configure(database)
  const { read, write, writeNow } = createTransactions(database)
  writeNow(() => migrate(database, clock()))
  const statements = prepareStatements(database)

  const rowOf = (id: string) => toRow(statements.find.get({ id }))
  const liveRows = (sub: string, now: number) =>
    statements.ofSubject.all({ sub }).map((columns) => toRow(columns)!).filter(({ row }) => isLive(row, now))

  function end (row: SessionRow, now: number, lifetimeSeconds: number): EndedSession {
    const { id, sub } = row
    const until = revokedUntil(now, row, lifetimeSeconds)
    statements.end.run({ id, now, until })
    statements.putEntry.run({ mark: newMark(), kind: 'session', id, until })
    return { id, sub, until }
  }

  return {
    insert: async (session, { end: ending, authenticatedAt, lifetimeSeconds }) => write(() => {
      const { id, sub, salt, device, scope, accessLifetimeSeconds, idleMs, absoluteMs } = session
      const now = clock()
      const revokedAll = statements.revokedAll.get({ sub }) as { at: number | bigint } | undefined
      if (authenticatedAt !== undefined && revokedAll !== undefined && !(Number(revokedAll.at) <= authenticatedAt)) {
        return { row: null, now, ended: [] }
      }
      const ended = [...new Set(ending)].map(rowOf)
        .filter((found) => found !== null && found.row.revokedAt === null)
        .map((found) => end(found!.row, now, lifetimeSeconds))
      const absoluteExpiresAt = now + absoluteMs
      const idleExpiresAt = Math.min(now + idleMs, absoluteExpiresAt)
      const claims = JSON.stringify(session.claims)
      statements.insert.run({ id, sub, salt, now, idleExpiresAt, absoluteExpiresAt, accessLifetimeSeconds, device, scope, claims })
      return { row: rowOf(id)!.row, now, ended }
    }),

    find: async (id) => read(() => ({ row: rowOf(id)?.row ?? null, now: clock() })),

    rotate: async (id, { from, to, minAgeMs, idleMs }) => write(() => {
      const now = clock()
      const rotated = toRow(statements.rotate.get({ id, from, to, minAgeMs, idleMs, now }))
      return { row: (rotated ?? rowOf(id))?.row ?? null, now, applied: rotated !== null }
    }),

    countRetry: async (id, { generation, retries, keep, idleMs }) => write(() => {
      const now = clock()
      const counted = toRow(statements.countRetry.get({
        id, generation, retries: JSON.stringify(retries), counted: JSON.stringify([...keep, now]), idleMs, now
      }))
      return { row: (counted ?? rowOf(id))?.row ?? null, now, applied: counted !== null }
    }),

    revoke: async (id, { sub, lifetimeSeconds }) => write(() => {
      const found = rowOf(id)
      if (found === null || (sub !== undefined && found.row.sub !== sub)) return null
      if (found.revokedUntil !== null) return { id, sub: found.row.sub, until: found.revokedUntil }
      return end(found.row, clock(), lifetimeSeconds)
    }),

    revokeAll: async (sub, { except, lifetimeSeconds }) => write(() => {
      const now = clock()
      statements.rememberRevokedAll.run({ sub, now })
      return liveRows(sub, now).filter(({ row }) => row.id !== except).map(({ row }) => end(row, now, lifetimeSeconds))
    }),

    list: async (sub) => read(() => liveRows(sub, clock()).map(({ row }) => row)),

    feed: async (entries) => write(() => {
      for (const { kind, id, until } of entries) statements.addEntry.run({ mark: newMark(), kind, id, until })
    }),

    readFeed: async (cursor, limit) => read(() => {
      const [number = 0, mark = ''] = cursor?.split('.') ?? []
      // `0.` is the cursor of an empty feed: everything comes after it.
      const resumed = cursor === null || cursor === '0.' || statements.entryAt.get({ number: Number(number), mark }) !== undefined
      const after = resumed ? Number(number) : 0
      const found = statements.entriesAfter.all({ number: after, limit: limit + 1 }).map(toEntry)
      const page = found.slice(0, limit)
      return {
        entries: page.map(({ entry }) => entry),
        cursor: page.at(-1)?.cursor ?? (resumed && cursor !== null ? cursor : '0.'),
        more: found.length > limit,
        resumed,
        now: clock()
      }
    }),

    async sweep () {
      const now = await write(() => {
        const time = clock()
        statements.sweepRevokedAll.run({ now: time - dayMs })
        statements.sweepFeed.run({ now: time })
        return time
      })
      let total = 0
      for (let swept = sweepRows; swept === sweepRows; total += swept) {
        swept = await write(() => Number(statements.sweepSessions.run({ now }).changes))
        await setImmediate()
      }
      return total
    },

    async close () {}
  }
}

/** Tells an entry from another one that got its number after the file was restored from a backup. */
const newMark = () => randomBytes(9).toString('base64url')
