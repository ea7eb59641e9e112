import type { SqliteDatabase } from './database.ts'
import { isInsideTransaction } from './errors.ts'

interface Transaction<T> {
  readonly mode: 'DEFERRED' | 'IMMEDIATE'
  readonly work: () => T
}

/** Commits all of `work`, or nothing. Waits for the lock, at most for the connection's `busy_timeout`. */
export function transaction<T>(database: SqliteDatabase, { mode, work }: Transaction<T>): T {
  begin(database, mode)
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    try {
      database.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back already after some failures (a full disk); the first error is the one to report.
    }
    throw error
  }
}

function begin(database: SqliteDatabase, mode: string): void {
  try {
    database.exec(`BEGIN ${mode}`)
  } catch (cause) {
    if (!isInsideTransaction(cause)) throw cause
    // The application would commit or roll back our writes with its own, and our reads could be outdated.
    throw new Error(
      'The connection given to sqliteStore() is inside a transaction of the application: ' +
        'end it before awaiting anything, or give the store a connection of its own',
      { cause }
    )
  }
}
