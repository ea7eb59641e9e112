import { setTimeout } from 'node:timers/promises'
import { isBusy, lateError } from './errors.ts'
import { transaction } from './transaction.ts'
import { createWriteQueue } from './write-queue.ts'

type Bindings = Record<string, string | number | null>

export interface SqliteStatement {
  run(bindings: Bindings): { changes: number | bigint }
  get(bindings: Bindings): unknown
  all(bindings: Bindings): unknown[]
}

/** What is called of a SQLite client: the `DatabaseSync` of `node:sqlite` or of `@photostructure/sqlite` fits. */
export interface SqliteDatabase {
  exec(sql: string): void
  prepare(sql: string): SqliteStatement
}

/** How long a call waits for its turn: below the 2 s of a request, so that the database's own reason is reported. */
const callLimitMs = 1800
/** The lock is asked for again after at most this long, at random, so that processes are not in step. */
const retryMs = 2

export type Attempt<T> = { readonly result: T } | { readonly busy: unknown }

interface DriverOptions {
  /** Default: 1800. Shorter in tests. */
  readonly limitMs?: number | undefined
  /** Throws where the connection must not be used any more. */
  readonly assertUsable: () => void
}

export type Driver = ReturnType<typeof createDriver>

/** Transactions on one connection. The process goes on while another connection holds the lock. */
export function createDriver(database: SqliteDatabase, { limitMs = callLimitMs, assertUsable }: DriverOptions) {
  const busyTimeout = database.prepare('PRAGMA busy_timeout')

  /** SQLite itself would wait with the whole process standing still. */
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
    limitMs
  })

  return {
    /** Runs at once: a reader waits for no writer, only for a connection that has the file to itself. */
    async read<T>(work: () => T): Promise<T> {
      for (const until = performance.now() + limitMs; ;) {
        const tried = attempt('DEFERRED', work)
        if ('result' in tried) return tried.result
        if (performance.now() > until) throw lateError(limitMs, tried.busy)
        await pause()
      }
    },
    /** Runs after the writes that came before. `work` may run more than once, and is committed once. */
    write: enqueue,
    /** Resolves when no write is under way. */
    idle
  }
}
