import { checkPool, ignore } from './postgres/driver.ts'
import type { PostgresPool } from './postgres/driver.ts'
import { createPostgresStore } from './postgres/store.ts'
import type { SessionStore } from './session-store.ts'

export type { PostgresClient, PostgresPool } from './postgres/driver.ts'

export interface PostgresStoreOptions {
  /**
   * Where the tables are: 1 to 40 letters, digits or underscores; made where it is missing. Default: `public`, which
   * every database has, so that no right to make schemas is needed; `auth_` keeps the tables apart from others there.
   */
  schema?: string | undefined
}

/**
 * Keeps sessions in PostgreSQL (13 or newer), for any number of processes. Connect to the primary: replicas are
 * rejected, because a revoked session stays alive there until they catch up.
 *
 * Takes an open pool and never closes it. Creates or updates its tables (`auth_…`) in `prepare()`, or before the first
 * call; a failed attempt is repeated at the next one. Every call is one round trip and one transaction of its own,
 * except that `appendRevocations()` and `sweep()` work in batches of one transaction each. It is durable when it
 * resolves (also under `synchronous_commit = off`, but not beyond what replication of the server promises), and rejects
 * after 1.9 s: it may have been carried out nevertheless. Times are the server's, in milliseconds.
 *
 * Rotating costs the same however many sessions there are, and changes no index. `revokeAll()` costs the same however
 * many sessions the subject has. `list()` and `insert()` read all live sessions of the subject, which `maxSessions`
 * bounds.
 *
 * Push takes one client of the pool for as long as the store is open, but never the last one: where `max` is 1, or the
 * stores that share a pool are as many as its clients, `subscribe()` rejects and polling suffices. It needs a
 * connection of its own to the server: behind PgBouncer in transaction mode all else works, and `subscribe()` rejects.
 * `pool.end()` waits until `close()` has given that client back. The pool's `error` gets a listener that does nothing:
 * a restart of the server would end the process otherwise. Give the pool a `connectionTimeoutMillis`: without one,
 * attempts to reach a host that is gone keep its places.
 *
 * It does **not** work where the default isolation level is above READ COMMITTED, nor for a `sub` of over 2000 bytes,
 * nor for texts with U+0000 in `id`, `issuer`, `sub` or `scope`: such calls reject.
 *
 * ```ts
 * import { Pool } from 'pg'
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
 * await app.register(authenticate, { issuer, secret, store: postgresStore(pool) })
 * ```
 *
 * @throws TypeError for anything but a pool: a connection string, a `Client`
 * @throws RangeError for a schema that is not named as above
 */
export function postgresStore(pool: PostgresPool, { schema = 'public' }: PostgresStoreOptions = {}): SessionStore {
  checkPool(pool)
  if (!/^\w{1,40}$/.test(schema)) {
    throw new RangeError(`"schema" must be 1 to 40 letters, digits or underscores: received ${JSON.stringify(schema)}`)
  }
  // Once, however many stores share the pool; for good, because a pool that is being ended emits it too.
  pool.removeListener('error', ignore)
  pool.on('error', ignore)
  return createPostgresStore(pool, { schema })
}
