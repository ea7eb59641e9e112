import type { Rates } from './lossy-proxy.ts'

export const tabCount = 8
export const lifetimeSeconds = 3
export const rates: Rates = { lost: 0.02, stalled2s: 0.02, stalled60s: 0.005 }
/** With this seed, the response of the 6th refresh is lost. The 12th stalls for 2 s, the 15th for 60 s. */
export const seed = 560
/** From the start of one request of a tab to the next. */
export const everyMs = 400
/** Callers wait this long for a response. */
export const timeoutMs = 15_000
