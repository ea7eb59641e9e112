/** Statements are written with this prefix. */
const written = 'auth'

/** Lower case, because SQLite does not tell names apart by case; names that begin with `sqlite_` are SQLite's own. */
const valid = /^(?!sqlite(_|$))[a-z][a-z0-9_]{0,40}$/

export function checkPrefix(prefix: unknown = written): string {
  if (typeof prefix === 'string' && valid.test(prefix)) return prefix
  throw new TypeError(
    'sqliteStore(): "prefix" must be 1 to 41 lower-case letters, digits and underscores, ' +
      `must begin with a letter and must not begin with "sqlite": received ${JSON.stringify(prefix) ?? typeof prefix}`
  )
}

/** The statement, for the tables, indexes and columns of this prefix. */
export function withPrefix(sql: string, prefix: string): string {
  return sql.replaceAll(/\bauth_/g, `${prefix}_`)
}
