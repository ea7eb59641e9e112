/** Allows at most `calls` calls in any period of `ms` milliseconds. */
export class CallLimit {
  readonly #ms: number
  /** When the last `calls` calls were allowed; the oldest is at {@link #next}. */
  readonly #times: Float64Array
  #next = 0

  constructor({ calls, ms }: { readonly calls: number; readonly ms: number }) {
    this.#ms = ms
    this.#times = new Float64Array(calls).fill(-Infinity)
  }

  /** @param now milliseconds of a clock that never goes back */
  allows(now: number): boolean {
    if (now - this.#times[this.#next]! < this.#ms) return false
    this.#times[this.#next] = now
    this.#next = (this.#next + 1) % this.#times.length
    return true
  }
}
