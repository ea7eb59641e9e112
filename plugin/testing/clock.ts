/** The clock of the kit, of its store and of its issuers. */
export interface TestClock {
  /** The time in milliseconds since the epoch. */
  now(): number
  /**
   * Moves the clock forward.
   * ```ts
   * const auth = createTestAuth()
   * auth.clock.advance(601) // the access tokens of before have expired
   * ```
   * @param seconds more than 0; may have a fraction
   * @throws RangeError for anything else
   */
  advance(seconds: number): void
}

/**
 * @param follow the time that passes by itself, in milliseconds. Default: none passes
 * @throws TypeError unless it is a function
 */
export function createTestClock(follow: () => number = standingStill()): TestClock {
  if (typeof follow !== 'function') {
    throw new TypeError('"clock" must be a function that returns milliseconds since the epoch')
  }
  let aheadMs = 0
  return {
    now: () => follow() + aheadMs,
    advance(seconds) {
      if (!(Number.isFinite(seconds) && seconds > 0)) {
        throw new RangeError(`"seconds" must be a number above 0: received ${String(seconds)}`)
      }
      aheadMs += Math.round(seconds * 1000)
    }
  }
}

/** Now, in whole seconds: no result depends on the fraction of a second at which a test began. */
function standingStill(): () => number {
  const startedAt = Math.floor(Date.now() / 1000) * 1000
  return () => startedAt
}
