import { Refusal } from './refusals.ts'

/**
 * Lets a few works run at a time and a bounded number wait, first come, first served. Hashing is slow and large on
 * purpose: without a bound, a crowd (or one attacker) would take all memory and every thread.
 */
export function createHashQueue ({ concurrency, maxWaiting }: { concurrency: number, maxWaiting: number }) {
  const waiting: (() => void)[] = []
  let running = 0

  async function turn (): Promise<void> {
    if (running < concurrency) {
      running++
      return
    }
    if (waiting.length >= maxWaiting) throw new Refusal('BUSY')
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  /** Hands the place over to the next one, so that nobody can jump in between. */
  function leave (): void {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }

  /** @throws Refusal BUSY when too many wait */
  return async function inTurn<T> (work: () => Promise<T>): Promise<T> {
    await turn()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
