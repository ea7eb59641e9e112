import type { SqliteDatabase } from './driver.ts'
import { isInsideTransaction } from './errors.ts'

interface Transaction<T> {
  readonly mode: 'DEFERRED' | 'IMMEDIATE'
  readonly work: () => T
}

/** Commits what `work` does, or nothing. Waits for the lock as long as the connection's `busy_timeout`. */
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
      // Some failures (a full disk) have rolled back already; the first error is the one to report.
    }
    throw error
  }
}

function begin(database: SqliteDatabase, mode: string): void {
  try {
    database.exec(`BEGIN ${mode}`)
  } catch (cause) {
    if (!isInsideTransaction(cause)) throw cause
    // Joining it would leave our writes to their commit, or theirs to ours; reading in it may be reading the past.
    throw new Error(
      'The connection given to sqliteStore() is inside a transaction of the application: ' +
        'end that before awaiting anything, or give the store a connection of its own',
      { cause }
    )
  }
}
