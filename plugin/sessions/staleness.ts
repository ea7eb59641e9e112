import type { Emit } from '../events.ts'

export interface StalenessParts {
  /** How long the log may go unread: `revocation.maxStalenessSeconds`, in milliseconds. */
  readonly limitMs: number
  /** Milliseconds that never run back: the wall clock can be set. */
  readonly monotonic: () => number
  readonly emit: Emit
}

/**
 * How long the revocation log has not been read. Emits `revocation-log-stale` and `revocation-log-recovered`, once each
 * time.
 */
export class Staleness {
  readonly #parts: StalenessParts
  #lastReadAt = -Infinity
  #wasStale = false

  constructor(parts: StalenessParts) {
    this.#parts = parts
  }

  /** The log has been read to its end. */
  reset(): void {
    this.#lastReadAt = this.#parts.monotonic()
  }

  isStale(): boolean {
    const { limitMs, monotonic, emit } = this.#parts
    const silentMs = monotonic() - this.#lastReadAt
    const isStale = silentMs > limitMs
    if (isStale !== this.#wasStale) {
      emit({ type: isStale ? 'revocation-log-stale' : 'revocation-log-recovered', silentMs })
    }
    this.#wasStale = isStale
    return isStale
  }
}
