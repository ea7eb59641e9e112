import type { SqliteDatabase } from './driver.ts'
import { checkPrefix } from './prefix.ts'

export interface SqliteStoreOptions {
  /**
   * Names of tables and indexes begin with it and an underscore: applications that share a file each need their own.
   * Up to 41 lower-case letters, digits and underscores. Default: `'auth'`.
   */
  prefix?: string | undefined
  /** Milliseconds since the epoch, for tests. Default: `Date.now`. */
  clock?: (() => number) | undefined
  /** Milliseconds that a call waits while others write, for tests. Default: 1800. */
  limitMs?: number | undefined
}

export function checkOptions({ prefix, clock = Date.now, limitMs, ...others }: SqliteStoreOptions) {
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new TypeError(`sqliteStore() has no option "${unknown}": it has prefix and clock`)
  return { prefix: checkPrefix(prefix), clock, limitMs }
}

/** What is passed here instead of an open client is found now, not at the first request. */
export function assertDatabase(database: unknown): asserts database is SqliteDatabase {
  const { exec, prepare, isOpen } = (database ?? {}) as Record<string, unknown>
  const isClient = typeof database === 'object' && typeof exec === 'function' && typeof prepare === 'function'
  if (isClient && isOpen !== false) return
  const received = isClient ? 'one that is closed' : database === null ? 'null' : `a value of type ${typeof database}`
  throw new TypeError(
    'sqliteStore() needs an open client of node:sqlite or @photostructure/sqlite, ' +
      `made by new DatabaseSync(path): received ${received}`
  )
}
