/** Values by the names of the parameters. */
type Bindings = Record<string, string | number | null>

/** The methods of a prepared statement that the store calls. */
export interface SqliteStatement {
  run(bindings: Bindings): { changes: number | bigint }
  get(bindings: Bindings): unknown
  all(bindings: Bindings): unknown[]
}

/** The methods that the store calls: the `DatabaseSync` of `node:sqlite` or of `@photostructure/sqlite` has them. */
export interface SqliteDatabase {
  exec(sql: string): void
  prepare(sql: string): SqliteStatement
}
