import { Refusal } from './refusals.ts'

interface Waiting {
  readonly enter: () => void
  readonly giveUp: (refusal: Refusal) => void
}

/**
 * Lets a few works run at a time and a bounded number wait, first come, first served. Hashing is slow and large on
 * purpose: without a bound, a crowd (or one attacker) would take all memory and every thread.
 */
export function createHashQueue ({ concurrency, maxWaiting }: { concurrency: number, maxWaiting: number }) {
  const waiting: Waiting[] = []
  let running = 0

  async function turn (): Promise<void> {
    if (running < concurrency) {
      running++
      return
    }
    if (waiting.length >= maxWaiting) throw new Refusal('BUSY')
    await new Promise<void>((resolve, reject) => waiting.push({ enter: resolve, giveUp: reject }))
  }

  /** Hands the place over to the next one, so that nobody can jump in between. */
  function leave (): void {
    const next = waiting.shift()
    if (next === undefined) running--
    else next.enter()
  }

  return {
    /** @throws Refusal BUSY when too many wait */
    async inTurn<T> (work: () => Promise<T>): Promise<T> {
      await turn()
      try {
        return await work()
      } finally {
        leave()
      }
    },

    /** Refuses those who wait as BUSY: for a process that ends, and would leave them without an answer. */
    turnAway (): void {
      for (const { giveUp } of waiting.splice(0)) giveUp(new Refusal('BUSY'))
    },

    load: () => ({ running, waiting: waiting.length })
  }
}
