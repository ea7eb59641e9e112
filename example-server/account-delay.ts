import type { Network } from './client-network.ts'
import { Refusal } from './refusals.ts'

/** Failures within a window that cost an account nothing; each further one makes the next attempt wait longer. */
const freeFailures = 10
const stepMs = 100
const longestMs = 2000

/** From so many failures on, the delay grows no more. */
export const mostDelayingFailures = freeFailures + longestMs / stepMs

/** As many as wait for their delay at a time: in all, and from one site. */
const mostWaiting = { inAll: 100, ofSite: 10 }

export function delayAfter(failures: number): number {
  return Math.min(longestMs, Math.max(0, failures - freeFailures) * stepMs)
}

/**
 * Delays attempts on an account that is being guessed at, from however many addresses. Holds no place in the hash queue
 * meanwhile.
 */
export function createAccountDelay({ wait }: { wait: (ms: number) => Promise<unknown> }) {
  const ofSite = new Map<string, number>()
  let inAll = 0

  function count(site: string, change: 1 | -1): void {
    const now = (ofSite.get(site) ?? 0) + change
    inAll += change
    if (now === 0) ofSite.delete(site)
    else ofSite.set(site, now)
  }

  /** @throws Refusal BUSY when too many wait, in all or from there */
  return async function delay(ms: number, { site }: Network): Promise<void> {
    if (ms === 0) return
    if (inAll >= mostWaiting.inAll || (ofSite.get(site) ?? 0) >= mostWaiting.ofSite) throw new Refusal('BUSY')
    count(site, 1)
    try {
      await wait(ms)
    } finally {
      count(site, -1)
    }
  }
}
