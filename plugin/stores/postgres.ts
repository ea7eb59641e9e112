import { checkPool, ignore } from './postgres/driver.ts'
import type { PostgresPool } from './postgres/driver.ts'
import { createPostgresStore } from './postgres/store.ts'
import type { SessionStore } from './session-store.ts'
import { checkOptionNames, show, factoryOptionError } from './factory-options.ts'

export type { PostgresClient, PostgresPool } from './postgres/driver.ts'

/** What `postgresStore()` takes besides the pool. */
export interface PostgresStoreOptions {
  /**
   * The schema of the tables: 1 to 40 letters, digits or underscores. The store creates it if it is missing. Default:
   * `'public'`, which exists in every database, so that the store needs no permission to create schemas. The tables'
   * names begin with `auth_`, which keeps them apart from others. Anything else throws a TypeError.
   */
  schema?: string | undefined
}

/**
 * Keeps sessions in PostgreSQL (13 or newer), for any number of processes. Connect to the primary: replicas are
 * rejected, because a revoked session stays alive there until they catch up.
 *
 * Takes an open pool and never closes it. Creates or migrates its tables (`auth_…`) in `prepare()`, or before the first
 * call; the next call repeats a failed attempt. Every call is one round trip and one transaction, except that
 * `appendRevocations()` and `sweep()` work in batches of one transaction each, and that `find()` and `rotate()` share
 * one transaction with other such calls that arrive while the server is busy with the ones before. A call whose session
 * is locked by another transaction does not delay the others. When a call resolves, its result is durable, even under
 * `synchronous_commit = off` (but not beyond what the server's replication promises). A call rejects after 1.8 s; it
 * may have been carried out nevertheless. Times are the server's, in milliseconds.
 *
 * The cost of rotating does not depend on the number of sessions, and no index changes. The cost of `revokeAll()` does
 * not depend on the number of the subject's sessions. `list()` and `insert()` read all live sessions of the subject,
 * which `maxSessions` limits.
 *
 * Push takes one client of the pool while the store is open, but never the last one: if `max` is 1, or as many stores
 * share the pool as it has clients, `subscribe()` rejects and the readers poll. Push needs a connection of its own to
 * the server: behind PgBouncer in transaction mode everything else works, and `subscribe()` rejects. `pool.end()` waits
 * until `close()` has returned that client. The store adds an `error` listener that does nothing to the pool, because
 * a restart of the server would end the process otherwise. Set `connectionTimeoutMillis` on the pool: without it,
 * attempts to reach an unreachable host keep the pool's places.
 *
 * It does **not** work if the default isolation level is above READ COMMITTED. Calls reject a `sub` of over 2000 bytes,
 * and U+0000 in `id`, `issuer`, `sub` or `scope`.
 *
 * ```ts
 * import { Pool } from 'pg'
 * import { postgresStore } from 'fastify-authenticate/stores/postgres'
 *
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
 * await app.register(authenticate, { issuer, secret, store: postgresStore(pool) })
 * ```
 *
 * @throws TypeError if `pool` is not a pool (but a connection string or a `Client`, for example), or for a wrong option
 */
export function postgresStore(pool: PostgresPool, options: PostgresStoreOptions = {}): SessionStore {
  checkPool(pool)
  checkOptionNames(options, { factory: 'postgresStore', known: ['schema'] })
  const { schema = 'public' } = options
  if (typeof schema !== 'string' || !/^\w{1,40}$/.test(schema)) {
    throw factoryOptionError({
      factory: 'postgresStore',
      option: 'schema',
      expected: '1 to 40 letters, digits or underscores',
      received: show(schema)
    })
  }
  // Once, however many stores share the pool. Never removed, because a pool also emits it while it is being ended.
  pool.removeListener('error', ignore)
  pool.on('error', ignore)
  return createPostgresStore(pool, { schema })
}
