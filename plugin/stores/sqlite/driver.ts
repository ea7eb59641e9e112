import { setTimeout } from 'node:timers/promises'
import { callTimeoutMs } from '../call-timeout.ts'
import { kindOf, factoryOptionError } from '../factory-options.ts'
import type { SqliteDatabase } from './database.ts'
import { isBusy, timeoutError } from './errors.ts'
import { transaction } from './transaction.ts'
import { createWriteQueue, type Attempt } from './write-queue.ts'

/** The longest pause before the next try for the lock. Pauses are random, so that processes do not collide again. */
const retryMs = 2

interface DriverOptions {
  /** How long a call waits for its turn. Tests shorten it. */
  readonly timeoutMs?: number | undefined
  /** Throws when the connection must not be used any more. */
  readonly assertUsable: () => void
}

export type Driver = ReturnType<typeof createDriver>

/** @throws TypeError for anything that is not an open client, so that the mistake shows before the first request */
export function checkDatabase(database: unknown): asserts database is SqliteDatabase {
  const { exec, prepare, query, isOpen } = (database ?? {}) as Record<string, unknown>
  const isClient = typeof database === 'object' && typeof exec === 'function' && typeof prepare === 'function'
  // It has the same methods and one more, but its get() returns `null` for a row that does not exist.
  const isOfBun = typeof query === 'function'
  if (isClient && isOpen !== false && !isOfBun) return
  const client = isOfBun ? 'a client of bun:sqlite' : 'a closed client'
  throw factoryOptionError({
    factory: 'sqliteStore',
    option: 'database',
    expected: 'an open client of node:sqlite or @photostructure/sqlite, made by new DatabaseSync(path)',
    received: isClient ? client : kindOf(database)
  })
}

/** Transactions on one connection. They do not block the process while another connection holds the lock. */
export function createDriver(database: SqliteDatabase, { timeoutMs = callTimeoutMs, assertUsable }: DriverOptions) {
  const busyTimeout = database.prepare('PRAGMA busy_timeout')

  /** If SQLite waited for the lock itself, it would block the process. */
  function withoutWaiting<T>(work: () => T): T {
    const { timeout } = busyTimeout.get({}) as { timeout: number | bigint }
    database.exec('PRAGMA busy_timeout = 0')
    try {
      return work()
    } finally {
      database.exec(`PRAGMA busy_timeout = ${timeout}`)
    }
  }

  function attempt<T>(mode: 'DEFERRED' | 'IMMEDIATE', work: () => T): Attempt<T> {
    assertUsable()
    try {
      return { result: withoutWaiting(() => transaction(database, { mode, work })) }
    } catch (error) {
      if (!isBusy(error)) throw error
      return { busy: error }
    }
  }

  const pause = () => setTimeout(Math.random() * retryMs)
  const { enqueue, idle } = createWriteQueue({
    database,
    attempt: (work) => attempt('IMMEDIATE', work),
    pause,
    timeoutMs
  })

  return {
    /** Runs immediately: a reader does not wait for writers, only for a connection that has locked the whole file. */
    async read<T>(work: () => T): Promise<T> {
      for (const until = performance.now() + timeoutMs; ;) {
        const tried = attempt('DEFERRED', work)
        if ('result' in tried) return tried.result
        if (performance.now() > until) throw timeoutError(timeoutMs, tried.busy)
        await pause()
      }
    },
    /** Runs after all earlier writes. `work` may run more than once, and is committed once. */
    write: enqueue,
    /**
     * Moves what was committed from the log of SQLite to the file. A commit does it by itself when there are 1000
     * pages, which blocks the process longer. Does nothing while the application has a transaction open.
     */
    checkpoint(): void {
      try {
        database.exec('PRAGMA wal_checkpoint(PASSIVE)')
      } catch (error) {
        if (!isBusy(error)) throw error
      }
    },
    /** Resolves when no write is in progress. */
    idle
  }
}
