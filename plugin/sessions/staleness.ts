import type { Emit } from '../events.ts'

export interface StalenessParts {
  /** How old the list of revocations may be: `revocation.maxStalenessSeconds`, in milliseconds. */
  readonly limitMs: number
  /** Milliseconds that never run back: the wall clock can be set. */
  readonly monotonic: () => number
  /**
   * This node's own clock, which advances while the machine sleeps. The list is then as old as the clock that has
   * advanced more says. `null`: only `monotonic` counts.
   */
  readonly wallClock: (() => number) | null
  readonly emit: Emit
  /** The shard whose entries these are: events name it. Default: all entries are of one store. */
  readonly shard?: string | undefined
}

/** How old the list of revocations is, as a whole or for each shard of the store. */
export interface ListStaleness {
  now(): Moment
  /**
   * The log has been read to its end, except those of these shards.
   * @param sentAt when the read was sent. Its response may have waited in a process that was stopped.
   */
  reset(sentAt: Moment, unread: readonly string[]): void
  /** Whether the list is too old to decide about this session, or about a token without a session. */
  isStale(sessionId: string | null): boolean
  /** Whether a read that could not read these shards shows what was revoked of this session. */
  isShownBy(unread: readonly string[], sessionId: string | null): boolean
  /** Emits events for what has changed. */
  report(): void
}

/** A moment by both clocks. */
export interface Moment {
  readonly monotonic: number
  /** `NaN` if the wall clock does not count. */
  readonly wall: number
}

/**
 * How old the list of revocations is. Emits `revocation-log-stale` and `revocation-log-recovered`, once each time.
 */
export class Staleness implements ListStaleness {
  readonly #parts: StalenessParts
  #readAt: Moment = { monotonic: -Infinity, wall: -Infinity }
  #wasStale = false

  constructor(parts: StalenessParts) {
    this.#parts = parts
  }

  now(): Moment {
    const { monotonic, wallClock } = this.#parts
    return { monotonic: monotonic(), wall: wallClock === null ? NaN : wallClock() }
  }

  reset(sentAt: Moment): void {
    this.#readAt = sentAt
  }

  isStale(): boolean {
    return this.#silentMs() > this.#parts.limitMs
  }

  isShownBy(): boolean {
    return true
  }

  report(): void {
    const silentMs = this.#silentMs()
    const isStale = silentMs > this.#parts.limitMs
    if (isStale !== this.#wasStale) {
      const { emit, shard } = this.#parts
      emit({ type: isStale ? 'revocation-log-stale' : 'revocation-log-recovered', silentMs, ...(shard && { shard }) })
    }
    this.#wasStale = isStale
  }

  #silentMs(): number {
    const { monotonic, wallClock } = this.#parts
    const silentMs = monotonic() - this.#readAt.monotonic
    return wallClock === null ? silentMs : Math.max(silentMs, wallClock() - this.#readAt.wall)
  }
}
