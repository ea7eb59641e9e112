import { callTimeoutMs } from '../call-timeout.ts'

/** How long each kind of work may take, in milliseconds. Tests shorten them. */
export interface TimeLimits {
  readonly callMs: number
  /** One batch of `sweep()`. */
  readonly sweepMs: number
  readonly migrationMs: number
  /** Until the server responds to LISTEN, and until a notification arrives. */
  readonly pushMs: number
  /** The wait before a lost listening connection is opened again: at first, and at most. Doubles with each attempt. */
  readonly pushRetryMs: { readonly first: number; readonly longest: number }
  /** Between two attempts with a refused password. */
  readonly passwordRetryMs: number
}

export const timeLimits: TimeLimits = {
  // Above the 1.5 s that the server waits for one lock.
  callMs: callTimeoutMs,
  // No request waits for a sweep, and it must progress on a slow database too.
  sweepMs: 15_000,
  migrationMs: 600_000,
  pushMs: 2000,
  pushRetryMs: { first: 100, longest: 5000 },
  // Three attempts have to end before the application starts without its store (5 s).
  passwordRetryMs: 1000
}
