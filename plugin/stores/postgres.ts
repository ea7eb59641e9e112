import { ignore, onClient, within } from './postgres/client.ts'
import type { PostgresPool } from './postgres/client.ts'
import { createListener } from './postgres/listener.ts'
import { toEnded, toEntry, toRow } from './postgres/rows.ts'
import type { Columns } from './postgres/rows.ts'
import { migrate } from './postgres/schema.ts'
import { createStatements } from './postgres/statements.ts'
import type { SessionStore } from './store.ts'

export type { PostgresClient, PostgresPool } from './postgres/client.ts'

export interface PostgresStoreOptions {
  /**
   * Where the tables are: 1 to 40 letters, digits or underscores; made where it is missing. Default: `public`, which
   * every database has, so that no right to make schemas is needed; `auth_` keeps the tables apart from others there.
   */
  schema?: string | undefined
}

/** Below the 2 s after which a refresh is a 503, above what the server itself waits for one lock. */
const callMs = 1900
const migrationMs = 30_000

/** How many rows one transaction of `sweep()` removes. */
const sweepRows = 1000

/**
 * Keeps sessions in PostgreSQL (13 or newer), for any number of processes. The database is on a primary server: a
 * replica is refused, for what was revoked is alive there a little longer.
 *
 * Takes an open pool and never closes it. Creates or updates its tables (`auth_…`) before the first call; a failed
 * attempt is repeated at the next one. Every call is one round trip and one transaction of its own, durable when it is
 * answered (also under `synchronous_commit = off`, but not beyond what replication of the server promises), and rejects
 * after 1.9 s: it may have been carried out nevertheless. Times are the server's, in milliseconds.
 *
 * Push takes one client of the pool for as long as the store is open; where `max` is 1 there is none, and polling
 * suffices. It needs a connection of its own to the server: behind PgBouncer in transaction mode all else works, but
 * nothing is pushed. `pool.end()` waits until `close()` has given that client back. The pool's `error` gets a listener
 * that does nothing: a restart of the server would end the process otherwise. Give the pool a
 * `connectionTimeoutMillis`: without one, attempts to reach a host that is gone keep its places.
 *
 * It does **not** work where the default isolation level is above READ COMMITTED, nor for a `sub` of over 2000 bytes,
 * nor for texts with U+0000 in `id`, `sub` or `scope`: such calls reject.
 *
 * ```ts
 * import { Pool } from 'pg'
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
 * await app.register(authenticate, { issuer, secret, store: postgresStore(pool) })
 * ```
 *
 * @throws RangeError for a schema that is not named as above
 */
export function postgresStore (pool: PostgresPool, { schema = 'public' }: PostgresStoreOptions = {}): SessionStore {
  if (!/^\w{1,40}$/.test(schema)) {
    throw new RangeError(`"schema" must be 1 to 40 letters, digits or underscores: received ${JSON.stringify(schema)}`)
  }
  // Once, however many stores share the pool; for good, for a pool that is being ended emits it too.
  pool.removeListener('error', ignore)
  pool.on('error', ignore)
  const sql = createStatements(`"${schema}"`)
  const listener = createListener(pool, `${schema}.auth_feed`)
  let prepared: Promise<void> | undefined

  function prepare (): Promise<void> {
    prepared ??= within(migrationMs, (late) => onClient(pool, late, (client) => migrate(client, schema))).catch((error: unknown) => {
      prepared = undefined
      throw error
    })
    return prepared
  }

  const query = (text: string, values: unknown[]): Promise<Columns[]> => within(callMs, async (late) => {
    await Promise.race([prepare(), late])
    const { rows } = await onClient(pool, late, (client) => client.query(text, values))
    return rows as Columns[]
  })

  async function queryOne (text: string, values: unknown[]): Promise<Columns> {
    const [columns] = await query(text, values)
    return columns!
  }

  async function write (text: string, values: unknown[]) {
    const columns = await queryOne(text, values)
    return { row: toRow(columns), now: Number(columns.now), applied: columns.applied === true }
  }

  return {
    async insert (session, { end, authenticatedAt = null, lifetimeSeconds }) {
      const { id, sub, salt, device, scope, claims, accessLifetimeSeconds, idleMs, absoluteMs } = session
      const columns = await queryOne(sql.insert, [
        id, sub, salt, device === null ? null : JSON.stringify(device), scope, JSON.stringify(claims),
        // What is no time is no proof; PostgreSQL has NaN as later than all times.
        accessLifetimeSeconds, idleMs, absoluteMs, end, Number.isNaN(authenticatedAt) ? -Infinity : authenticatedAt, lifetimeSeconds
      ])
      const row = toRow(columns)
      const now = Number(columns.now)
      return row === null ? { row, now, ended: [] } : { row, now, ended: toEnded(columns.ended) }
    },

    async find (id) {
      const columns = await queryOne(sql.find, [id])
      return { row: toRow(columns), now: Number(columns.now) }
    },

    rotate: (id, { from, to, minAgeMs, idleMs }) => write(sql.rotate, [id, from, to, minAgeMs, idleMs]),

    countRetry: (id, { generation, retries, keep, idleMs }) =>
      write(sql.countRetry, [id, generation, retries.join(), keep.join(), idleMs]),

    async revoke (id, { sub = null, lifetimeSeconds }) {
      const [found] = await query(sql.revoke, [id, sub, lifetimeSeconds])
      return found === undefined ? null : { id, sub: String(found.sub), until: Number(found.until) }
    },

    async revokeAll (sub, { except = null, lifetimeSeconds }) {
      return toEnded((await queryOne(sql.revokeAll, [sub, except, lifetimeSeconds])).ended)
    },

    async list (sub) {
      return (await query(sql.list, [sub])).map(toRow).filter((row) => row !== null)
    },

    async feed (entries) {
      if (entries.length === 0) return
      await query(sql.addEntries, [entries.map(({ kind }) => kind), entries.map(({ id }) => id), entries.map(({ until }) => until)])
    },

    async readFeed (cursor, limit) {
      const { number, mark } = parseCursor(cursor)
      const found = await query(sql.readFeed, [number, mark, limit + 1])
      const resumed = found[0]!.resumed === true
      const page = found.filter((columns) => columns.number !== null).slice(0, limit)
      const last = page.at(-1)
      return {
        entries: page.map(toEntry),
        cursor: last === undefined ? (resumed && cursor !== null ? cursor : '0.') : `${last.number}.${last.mark}`,
        more: found.length > limit,
        resumed,
        now: Number(found[0]!.now)
      }
    },

    subscribe: async (wake) => {
      if (pool.options?.max === 1) return
      await listener.add(wake)
    },

    async sweep () {
      let total = 0
      for (let more = true; more;) {
        const columns = await queryOne(sql.sweep, [sweepRows])
        total += Number(columns.swept)
        more = columns.more === true
      }
      return total
    },

    async close () {
      listener.close()
    }
  }
}

/** `0.` is the cursor of an empty feed: everything comes after it. No entry has the number -1. */
function parseCursor (cursor: string | null) {
  if (cursor === null || cursor === '0.') return { number: '0', mark: null }
  const [, number = '-1', mark = null] = /^(\d{1,18})\.([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/.exec(cursor) ?? []
  return { number, mark }
}
