import { setTimeout } from 'node:timers/promises'

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

/** How long a call waits for another process' write: below the 2 s after which a refresh is a 503. */
const patienceMs = 1500
/** At random up to this, so that processes do not wait in step. */
const pauseMs = 10

export function createTransactions (database: SqliteDatabase) {
  const patience = database.prepare('PRAGMA busy_timeout')

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
  const read = transaction('DEFERRED')
  const writeNow = transaction('IMMEDIATE')

  /** SQLite itself would wait with the whole process standing still; callers one after another, each as long. */
  function attempt<T> (work: () => T): T {
    const { timeout } = patience.get({}) as { timeout: number | bigint }
    database.exec('PRAGMA busy_timeout = 0')
    try {
      return writeNow(work)
    } finally {
      database.exec(`PRAGMA busy_timeout = ${timeout}`)
    }
  }

  return {
    read,
    /** Blocks while another process writes, for as long as the connection's `busy_timeout`. */
    writeNow,
    /** Waits while another process writes, and lets this one go on meanwhile. */
    async write<T> (work: () => T): Promise<T> {
      for (const until = performance.now() + patienceMs; ;) {
        try {
          return attempt(work)
        } catch (error) {
          if (performance.now() > until || !isBusy(error)) throw error
          await setTimeout(Math.random() * pauseMs)
        }
      }
    }
  }
}

export function isBusy (error: unknown): boolean {
  return /locked|busy/i.test((error as Error).message)
}
