import { setImmediate, setTimeout } from 'node:timers/promises'
import { revokeAllRememberedMs } from '../session-store.ts'
import type { Driver } from './driver.ts'
import type { Statements } from './statements.ts'

/** How long one transaction with its commit, and one checkpoint, may block this process. Other writers wait as well. */
const sliceMs = 15
/** How many rows a transaction removes. With fewer than `atLeast`, the disk is what takes the time. */
const rows = { atLeast: 50, atFirst: 100, atMost: 1000 }

interface SweepOptions extends Pick<Driver, 'write' | 'checkpoint'> {
  readonly statements: Statements
  readonly clock: () => number
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
  /** Waits for so many milliseconds. Default: a timer. */
  readonly pause?: ((ms: number) => Promise<unknown>) | undefined
}

/**
 * Removes what has expired, in short transactions. How long one takes depends on the disk, so each is measured. A
 * third of the time is left to other calls.
 */
export async function sweep({
  write,
  checkpoint,
  statements,
  clock,
  monotonic = () => performance.now(),
  pause = setTimeout
}: SweepOptions): Promise<number> {
  let limit = rows.atFirst

  /** Repeats `removeSome`, which returns how many rows it looked at, until it finds fewer than its limit. */
  async function removeAll(removeSome: (limit: number) => number): Promise<number> {
    for (let total = 0; ;) {
      const { beganAt, removed } = await write(() => ({ beganAt: monotonic(), removed: removeSome(limit) }))
      const writeMs = monotonic() - beganAt
      total += removed
      if (removed < limit) return total
      await setImmediate()
      const checkpointMs = timed(checkpoint)
      await pause((writeMs + checkpointMs) / 2)
      const isInTime = Math.max(writeMs, checkpointMs) <= sliceMs
      limit = isInTime ? Math.min(Math.ceil(limit * 1.25), rows.atMost) : Math.max(limit >> 1, rows.atLeast)
    }
  }

  function timed(work: () => void): number {
    const beganAt = monotonic()
    work()
    return monotonic() - beganAt
  }

  const removed = await removeAll((limit) => Number(statements.sweepSessions.run({ now: clock(), limit }).changes))
  await removeAll((limit) => Number(statements.sweepLog.run({ now: clock(), limit }).changes))
  await removeAll((limit) => {
    const now = clock()
    const due = statements.dueSubjects.all({ now, limit }) as { sub: string; issuer: string }[]
    for (const { sub, issuer } of due) {
      const isKept =
        Number(statements.keepSubject.run({ sub, issuer, checkAt: now + revokeAllRememberedMs }).changes) === 1
      if (!isKept) statements.removeSubject.run({ sub, issuer })
    }
    return due.length
  })
  return removed
}
