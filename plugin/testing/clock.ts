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

/** @param follow the time that passes by itself, in milliseconds */
export function createTestClock(follow: () => number): TestClock {
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

/** A clock that stands still at the current time, without its fraction of a second: no result depends on it then. */
export function standingStill(): () => number {
  const startedAt = Math.floor(Date.now() / 1000) * 1000
  return () => startedAt
}
