import type { SessionStore } from './session-store.ts'
import { checkDatabase } from './sqlite/driver.ts'
import type { SqliteDatabase } from './sqlite/database.ts'
import { checkPrefix } from './sqlite/prefix.ts'
import { createSqliteStore } from './sqlite/store.ts'
import { checkClock, checkOptionNames } from './factory-options.ts'

export type { SqliteDatabase } from './sqlite/database.ts'

/** What `sqliteStore()` takes besides the database. */
export interface SqliteStoreOptions {
  /**
   * The names of the tables and indexes begin with it and an underscore. Applications that share a file each need their
   * own. 1 to 41 lower-case letters, digits and underscores; the first is a letter. Default: `'auth'`. Anything else
   * throws a TypeError.
   */
  prefix?: string | undefined
  /** Returns milliseconds since the epoch: the store's time. Only tests replace it. Default: `Date.now`. */
  clock?: (() => number) | undefined
}

/**
 * Keeps sessions in a SQLite file, which the application may use for its own tables too.
 *
 * Keeps all promises of {@link SessionStore}, for all processes of one machine that have the file open. When a call
 * resolves, its result is on the disk: the store sets `journal_mode=WAL` and `synchronous=FULL`. It creates its tables
 * (`auth_…`) immediately, also when several processes start together. It sets `busy_timeout` only if that is 0.
 *
 * A call blocks the process while it writes, a few milliseconds at a time. It does not block the process while another
 * process writes: calls then wait in order, and reject after 1.8 s. When the file is deleted or replaced, calls reject
 * until it is put back or the process restarts.
 *
 * The file must **not** be on a network drive. While the application has a transaction open on this connection (across
 * an `await`), calls reject and change nothing; give the store a connection of its own in that case. Calls with U+0000
 * in `id`, `issuer` or `sub` reject. The store never closes the connection.
 *
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { sqliteStore } from 'fastify-authenticate/stores/sqlite'
 *
 * await app.register(authenticate, { issuer, secret, store: sqliteStore(new DatabaseSync('auth.db')) })
 * ```
 *
 * @throws TypeError if `database` is not an open client of `node:sqlite` or `@photostructure/sqlite`, such as one of
 * `bun:sqlite`, or for a wrong option
 * @throws UnusableStoreError if the file cannot be written, is not a database, or needs a newer fastify-authenticate
 */
export function sqliteStore(database: SqliteDatabase, options: SqliteStoreOptions = {}): SessionStore {
  checkDatabase(database)
  checkOptionNames(options, { factory: 'sqliteStore', known: ['prefix', 'clock'] })
  const clock = checkClock(options.clock, { factory: 'sqliteStore' })
  return createSqliteStore(database, { prefix: checkPrefix(options.prefix), clock })
}
