import { AppError } from '../errors.ts'
import type { Network } from './client-network.ts'

/** Failures of an account within a window that cause no delay; each further one makes the next attempt wait longer. */
const freeFailures = 10
const stepMs = 100
const maxDelayMs = 2000

/** Number of failures from which the delay no longer grows. */
export const maxDelayingFailures = freeFailures + maxDelayMs / stepMs

/** How many attempts may be delayed at the same time. */
const maxWaiting = { inAll: 100, ofSite: 10 }

export function delayAfter(failures: number): number {
  return Math.min(maxDelayMs, Math.max(0, failures - freeFailures) * stepMs)
}

/** Delays attempts on an account that is being guessed. A delayed attempt does not occupy a place in the hash queue. */
export function createAccountDelay({ wait }: { wait: (ms: number) => Promise<unknown> }) {
  const ofSite = new Map<string, number>()
  let inAll = 0

  function count(site: string, change: 1 | -1): void {
    const now = (ofSite.get(site) ?? 0) + change
    inAll += change
    if (now === 0) ofSite.delete(site)
    else ofSite.set(site, now)
  }

  /** @throws AppError BUSY if too many attempts are delayed already, in all or from this site */
  return async function delay(ms: number, { site }: Network): Promise<void> {
    if (ms === 0) return
    if (inAll >= maxWaiting.inAll || (ofSite.get(site) ?? 0) >= maxWaiting.ofSite) throw new AppError('BUSY')
    count(site, 1)
    try {
      await wait(ms)
    } finally {
      count(site, -1)
    }
  }
}
