import { show, factoryOptionError } from '../factory-options.ts'

/** Statements are written with this prefix. */
const written = 'auth'

/** Lower case, because SQLite ignores case in names. Names that begin with `sqlite_` are reserved. */
const valid = /^(?!sqlite(_|$))[a-z][a-z0-9_]{0,40}$/

/** @throws TypeError for a prefix that no table's name can begin with */
export function checkPrefix(prefix: unknown = written): string {
  if (typeof prefix === 'string' && valid.test(prefix)) return prefix
  throw factoryOptionError({
    factory: 'sqliteStore',
    option: 'prefix',
    expected:
      '1 to 41 lower-case letters, digits and underscores that begin with a letter and do not begin with "sqlite"',
    received: show(prefix)
  })
}

/** The statement with the tables, indexes and columns of this prefix. */
export function withPrefix(sql: string, prefix: string): string {
  return sql.replaceAll(/\bauth_/g, `${prefix}_`)
}
