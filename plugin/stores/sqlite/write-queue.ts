import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Attempt, SqliteDatabase } from './driver.ts'
import { lateError } from './errors.ts'
import { toNumber } from './rows.ts'

/** How long one transaction goes on taking in calls: for so long this process does nothing else. */
const batchMs = 10
/** After so long with the lock, a process leaves it to the others: longer where nobody else has written lately. */
const turnMs = { shared: 20, alone: 160 }
/** It leaves the lock until another one has written, at most this long: the others ask for it every 2 ms. */
const giveWayMs = { shared: 8, alone: 4 }

interface Call {
  readonly work: () => unknown
  /** When the caller gives up. */
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
  readonly limitMs: number
}

/**
 * The writes of one connection, in order. However many calls wait, the process contends for the lock of the file once,
 * and calls that wait together share one commit: each is a savepoint, and fails alone.
 */
export function createWriteQueue({ database, attempt, pause, limitMs }: WriteQueueOptions) {
  const calls: Call[] = []
  let draining: Promise<void> | null = null
  /** Changes when another connection commits. */
  const dataVersion = database.prepare('PRAGMA data_version')
  const readVersion = () => toNumber(dataVersion.get({}))
  let turn: Turn = { kind: 'alone', version: readVersion(), beganAt: -Infinity }
  let committedAt = -Infinity

  function enqueue<T>(work: () => T): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      calls.push({ work, until: performance.now() + limitMs, resolve: resolve as Call['resolve'], reject })
    })
    draining ??= drain()
    return result
  }

  async function drain(): Promise<void> {
    for (let busy: unknown = null, isFirst = true; calls.length > 0; isFirst = false) {
      try {
        // Before the first commit too: the writes of requests that arrived together then share it.
        await (busy === null ? giveWay() : pause())
        if (!isFirst) rejectLate(busy)
        busy = commitSome(busy !== null)
      } catch (error) {
        // Nothing was committed (the client is closed, a transaction is open, the disk is full): the rest fails alike.
        for (const { reject } of calls.splice(0)) reject(error)
      }
    }
    draining = null
  }

  /** A process that always has something to write would otherwise hardly ever leave the lock to another one. */
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

  /** The caller has given up: carrying the call out now would surprise. */
  function rejectLate(busy: unknown): void {
    while (calls[0] !== undefined && calls[0].until < performance.now()) calls.shift()!.reject(lateError(limitMs, busy))
  }

  /** What SQLite threw where another connection holds the lock, else `null`. */
  function commitSome(busyBefore: boolean): unknown {
    const tried = attempt(runSome)
    if ('busy' in tried) return tried.busy
    calls.splice(0, tried.result.length)
    for (const settle of tried.result) settle()
    committedAt = performance.now()
    if (busyBefore) beginTurn()
    return null
  }

  /** Returns what tells the callers, after the commit. */
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
        // SQLite has rolled back the transaction (a full disk): the calls before this one are lost too.
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
