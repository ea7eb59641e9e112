import { revokeAllRememberedMs } from '../session-store.ts'
import type { Driver } from './driver.ts'
import type { Statements } from './statements.ts'

/** How long one transaction removes rows: meanwhile other writers wait, and this process is blocked. */
const sliceMs = 8
/** Rows that are removed between two looks at the clock. */
const rowsAtOnce = 50

interface SweepOptions extends Pick<Driver, 'write'> {
  readonly statements: Statements
  readonly clock: () => number
}

/** Removes what has expired, in short transactions. Other calls are carried out between them. */
export async function sweep({ write, statements, clock }: SweepOptions): Promise<number> {
  /** Repeats `removeSome`, which returns how many rows it looked at, until it finds fewer than its limit. */
  async function removeAll(removeSome: (limit: number) => number): Promise<number> {
    let total = 0
    for (let more = true; more;) {
      const slice = await write(() => {
        let removed = 0
        for (const until = performance.now() + sliceMs; ;) {
          const some = removeSome(rowsAtOnce)
          removed += some
          if (some < rowsAtOnce) return { removed, more: false }
          if (performance.now() > until) return { removed, more: true }
        }
      })
      total += slice.removed
      more = slice.more
    }
    return total
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
