import { setImmediate, setTimeout } from 'node:timers/promises'
import type { SqliteDatabase } from './database.ts'
import { timeoutError } from './errors.ts'
import { toNumber } from './rows.ts'

/** What a try for the lock results in. */
export type Attempt<T> = { readonly result: T } | { readonly busy: unknown }

/** How long one transaction takes in further calls: meanwhile this process is blocked. */
const batchMs = 10
/** How long a process keeps the lock before it lets others have it; longer if no other has written lately. */
const turnMs = { shared: 20, alone: 160 }
/** How long it then waits at most for another process to write: the others try for the lock every 2 ms. */
const giveWayMs = { shared: 8, alone: 4 }

interface Call {
  readonly work: () => unknown
  /** When the caller stops waiting. */
  readonly until: number
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Turn {
  readonly kind: 'shared' | 'alone'
  readonly version: number | null
  readonly beganAt: number
}

interface WriteQueueOptions {
  readonly database: SqliteDatabase
  /** One transaction. */
  readonly attempt: <T>(work: () => T) => Attempt<T>
  readonly pause: () => Promise<void>
  readonly timeoutMs: number
}

/**
 * The writes of one connection, in order. However many calls wait, the process competes for the lock of the file once.
 * Calls that wait together share one commit: each is a savepoint, so that a failed call does not affect the others.
 */
export function createWriteQueue({ database, attempt, pause, timeoutMs }: WriteQueueOptions) {
  const calls: Call[] = []
  let draining: Promise<void> | null = null
  /** Changes when another connection commits. */
  const dataVersion = database.prepare('PRAGMA data_version')
  const readVersion = () => toNumber(dataVersion.get({}))
  let turn: Turn = { kind: 'alone', version: readVersion(), beganAt: -Infinity }
  let committedAt = -Infinity

  function enqueue<T>(work: () => T): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      calls.push({ work, until: performance.now() + timeoutMs, resolve: resolve as Call['resolve'], reject })
    })
    draining ??= drain()
    return result
  }

  async function drain(): Promise<void> {
    for (let busy: unknown = null, isFirst = true; calls.length > 0; isFirst = false) {
      try {
        // Also before the first commit, so that the writes of requests that arrived together share it.
        await (busy === null ? giveWay() : pause())
        if (!isFirst) rejectLate(busy)
        busy = commitSome(busy !== null)
      } catch (error) {
        // Nothing was committed: the client is closed, inside a transaction, or the disk is full. All calls fail alike.
        for (const { reject } of calls.splice(0)) reject(error)
      }
    }
    draining = null
  }

  /** Without this, a process that always has something to write would rarely let another one have the lock. */
  async function giveWay(): Promise<void> {
    if (performance.now() - turn.beganAt < turnMs[turn.kind]) return await setImmediate()
    const version = readVersion()
    for (const until = committedAt + giveWayMs[turn.kind]; performance.now() < until && readVersion() === version;) {
      await setTimeout(1)
    }
    beginTurn()
    await setImmediate()
  }

  function beginTurn(): void {
    const version = readVersion()
    turn = { kind: version === turn.version ? 'alone' : 'shared', version, beganAt: performance.now() }
  }

  /** Their callers have stopped waiting: the calls must not be carried out later. */
  function rejectLate(busy: unknown): void {
    while (calls[0] !== undefined && calls[0].until < performance.now()) {
      calls.shift()!.reject(timeoutError(timeoutMs, busy))
    }
  }

  /** Returns SQLite's error if another connection holds the lock, else `null`. */
  function commitSome(busyBefore: boolean): unknown {
    const tried = attempt(runSome)
    if ('busy' in tried) return tried.busy
    calls.splice(0, tried.result.length)
    for (const settle of tried.result) settle()
    committedAt = performance.now()
    if (busyBefore) beginTurn()
    return null
  }

  /** Returns functions that settle the calls, to be called after the commit. */
  function runSome(): (() => void)[] {
    const settle: (() => void)[] = []
    const until = performance.now() + batchMs
    do settle.push(run(calls[settle.length]!))
    while (settle.length < calls.length && performance.now() < until)
    return settle
  }

  function run({ work, resolve, reject }: Call): () => void {
    database.exec('SAVEPOINT call')
    try {
      const result = work()
      database.exec('RELEASE call')
      return () => resolve(result)
    } catch (error) {
      try {
        database.exec('ROLLBACK TO call; RELEASE call')
      } catch {
        // SQLite has rolled back the whole transaction (a full disk), including the calls before this one.
        throw error
      }
      return () => reject(error)
    }
  }

  return {
    enqueue,
    async idle(): Promise<void> {
      await draining
    }
  }
}
