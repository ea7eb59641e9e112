type Bindings = Record<string, string | number | null>

export interface SqliteStatement {
  run (bindings: Bindings): { changes: number | bigint }
  get (bindings: Bindings): unknown
  all (bindings: Bindings): unknown[]
}

/** What is called of a SQLite client: the `DatabaseSync` of `node:sqlite` or of `@photostructure/sqlite` fits. */
export interface SqliteDatabase {
  exec (sql: string): void
  prepare (sql: string): SqliteStatement
}

export function createTransactions (database: SqliteDatabase) {
  function begin (mode: 'DEFERRED' | 'IMMEDIATE'): void {
    try {
      database.exec(`BEGIN ${mode}`)
    } catch (cause) {
      if (!/within a transaction/.test((cause as Error).message)) throw cause
      // Joining it would leave our writes to their commit, or theirs to ours; reading in it may be reading the past.
      throw new Error('The connection given to sqliteStore() is inside a transaction of the application: ' +
        'end that before awaiting anything, or give the store a connection of its own', { cause })
    }
  }

  const transaction = (mode: 'DEFERRED' | 'IMMEDIATE') => <T>(work: () => T): T => {
    begin(mode)
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      try {
        database.exec('ROLLBACK')
      } catch {
        // Some failures (a full disk) have rolled back already; the first error is the one to tell.
      }
      throw error
    }
  }
  return { read: transaction('DEFERRED'), write: transaction('IMMEDIATE') }
}
