/** What a column can be given. SQLite stores a boolean as 0 or 1, a time in ms since the epoch, a list as JSON. */
export type Value = string | number | boolean | Date | readonly string[] | null

/** A statement, or a part of one. */
export interface Sql {
  /** What is between the values: one more than there are values. */
  readonly strings: readonly string[]
  readonly values: readonly Value[]
}

/**
 * Writes a statement that SQLite and PostgreSQL both understand. What is in `${}` is sent beside the text, so that it
 * cannot become SQL; another `sql` becomes a part of the statement.
 *
 * @example
 *   const isEnabled = sql`disabled_at IS NULL`
 *   await query<{ id: string }>(sql`SELECT id FROM users WHERE name = ${name} AND ${isEnabled}`)
 */
export function sql(template: readonly string[], ...inserted: readonly (Value | Sql)[]): Sql {
  const strings = [template[0]!]
  const values: Value[] = []
  inserted.forEach((value, index) => {
    const [first, ...rest] = isSql(value) ? value.strings : ['', '']
    strings.push(`${strings.pop()}${first}`, ...rest)
    strings.push(`${strings.pop()}${template[index + 1]}`)
    if (isSql(value)) values.push(...value.values)
    else values.push(value)
  })
  return { strings, values }
}

const isSql = (value: Value | Sql): value is Sql => typeof value === 'object' && value !== null && 'strings' in value

/** The text with `$1`, `$2`, … for the values. */
export const textOf = ({ strings }: Sql) => strings.reduce((text, next, index) => `${text}$${index}${next}`)

/**
 * Runs a statement, and resolves to its rows: those of a `SELECT` or of `RETURNING`.
 * @throws AppError DATABASE_UNAVAILABLE on any failure that is not our own mistake
 */
export type Query = <Row>(statement: Sql) => Promise<Row[]>

/** Whether a statement has failed because of a unique index. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message: string }
  return code === '23505' || message.startsWith('UNIQUE constraint failed')
}

/** A time as it is read: PostgreSQL returns a date, SQLite milliseconds since the epoch. */
export type StoredTime = Date | number

/** A list as it is read: PostgreSQL returns an array, SQLite JSON. */
export type StoredList = string[] | string

export const readTime = (time: StoredTime) => new Date(time)
export const readList = (list: StoredList) => (typeof list === 'string' ? (JSON.parse(list) as string[]) : list)
