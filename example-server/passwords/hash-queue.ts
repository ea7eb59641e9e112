import type { Network } from '../attempts/client-network.ts'
import { AppError } from '../errors.ts'
import { createFairQueue } from './fair-queue.ts'

interface Waiter {
  readonly start: () => void
  readonly refuse: (error: AppError) => void
}

export interface HashQueueOptions {
  /** How many hashes run at the same time. */
  readonly concurrency: number
  /** How many may wait: in all, from one address, and from one site. */
  readonly maxWaiting: number
  readonly maxWaitingOfAddress: number
  readonly maxWaitingOfSite: number
}

/**
 * Runs a few hashes at a time, lets a bounded number wait, and serves those in turn by where they come from. Hashing is
 * slow and uses much memory on purpose: without a bound, a crowd would use up all memory and every thread; without
 * shares, one client could make everyone else wait, even with right passwords.
 */
export function createHashQueue({ concurrency, maxWaiting, maxWaitingOfAddress, maxWaitingOfSite }: HashQueueOptions) {
  const waiting = createFairQueue<Waiter>()
  let running = 0

  function isFull(from: Network): boolean {
    const { site, address } = waiting.sizeOf(from)
    return waiting.size() >= maxWaiting || address >= maxWaitingOfAddress || site >= maxWaitingOfSite
  }

  async function enter(from: Network): Promise<void> {
    if (running < concurrency) {
      running++
      return
    }
    if (isFull(from)) throw new AppError('BUSY')
    await new Promise<void>((resolve, reject) => waiting.push({ start: resolve, refuse: reject }, from))
  }

  /** Hands its place directly to the next waiter, so that a new caller cannot overtake it. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) running--
    else next.start()
  }

  return {
    /** @throws AppError BUSY if too many wait already, in all or from this network */
    async inTurn<T>(from: Network, work: () => Promise<T>): Promise<T> {
      await enter(from)
      try {
        return await work()
      } finally {
        leave()
      }
    },

    /** Refuses all waiters with BUSY, so that they get a response before the process ends. */
    refuseWaiting(): void {
      for (const { refuse } of waiting.clear()) refuse(new AppError('BUSY'))
    },

    load: () => ({ running, waiting: waiting.size() })
  }
}
