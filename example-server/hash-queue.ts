import type { Network } from './client-network.ts'
import { createFairQueue } from './fair-queue.ts'
import { Refusal } from './refusals.ts'

interface Waiting {
  readonly enter: () => void
  readonly giveUp: (refusal: Refusal) => void
}

export interface HashQueueOptions {
  readonly concurrency: number
  /** How many may wait in all, of one address, and of one site. */
  readonly maxWaiting: number
  readonly maxWaitingOfAddress: number
  readonly maxWaitingOfSite: number
}

/**
 * Lets a few works run at a time and a bounded number wait, served in turn by where they come from. Hashing is slow and
 * large on purpose: without a bound, a crowd would take all memory and every thread, and without shares one client would
 * keep everybody else waiting, with right passwords too.
 */
export function createHashQueue({ concurrency, maxWaiting, maxWaitingOfAddress, maxWaitingOfSite }: HashQueueOptions) {
  const waiting = createFairQueue<Waiting>()
  let running = 0

  function isFull(from: Network): boolean {
    const { site, address } = waiting.sizeOf(from)
    return waiting.size() >= maxWaiting || address >= maxWaitingOfAddress || site >= maxWaitingOfSite
  }

  async function turn(from: Network): Promise<void> {
    if (running < concurrency) {
      running++
      return
    }
    if (isFull(from)) throw new Refusal('BUSY')
    await new Promise<void>((resolve, reject) => waiting.push({ enter: resolve, giveUp: reject }, from))
  }

  /** Hands the place over to the next one, so that nobody can jump in between. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) running--
    else next.enter()
  }

  return {
    /** @throws Refusal BUSY when too many wait, in all or from there */
    async inTurn<T>(from: Network, work: () => Promise<T>): Promise<T> {
      await turn(from)
      try {
        return await work()
      } finally {
        leave()
      }
    },

    /** Refuses those who wait as BUSY: for a process that ends, and would leave them without an answer. */
    turnAway(): void {
      for (const { giveUp } of waiting.clear()) giveUp(new Refusal('BUSY'))
    },

    load: () => ({ running, waiting: waiting.size() })
  }
}
