/** A connection that was silent for this long may be broken. Heartbeats are at most 2 s apart. */
const longestSilenceMs = 3000
/** Between two reads of the log while push works. */
const quietSeconds = 5
/** A node's clock that moved this far against the monotonic one was set, or the machine slept. */
const clockStepMs = 1000

export interface PollPaceParts {
  readonly pollSeconds: number
  readonly maxStalenessSeconds: number
  /** Milliseconds that never run back. */
  readonly monotonic: () => number
  /** This node's own clock. */
  readonly nodeClock: () => number
}

/**
 * Which polls of the revocation log are due: all of them, unless push works. A heartbeat says that messages arrive, and
 * nothing about the log: so the log is still read, often enough that the list never becomes stale by a pause.
 */
export class PollPace {
  readonly #parts: PollPaceParts
  /** Half a poll less than a whole number of them, because a timer may be a little early. */
  readonly #quietMs: number
  #heardAt = -Infinity
  #readAt = -Infinity
  /** This node's clock minus the monotonic clock at the last read. */
  #offset = NaN

  constructor(parts: PollPaceParts) {
    const { pollSeconds, maxStalenessSeconds } = parts
    const polls = Math.min(Math.ceil(quietSeconds / pollSeconds), Math.floor(maxStalenessSeconds / 2 / pollSeconds))
    this.#parts = parts
    this.#quietMs = (Math.max(polls, 1) - 0.5) * pollSeconds * 1000
  }

  /** A message of the store has arrived. */
  heartbeat(): void {
    this.#heardAt = this.#parts.monotonic()
  }

  /** The log was read to its end, by a read that was sent at this time of the monotonic clock. */
  read(sentAt: number): void {
    this.#readAt = sentAt
    this.#offset = this.#offsetNow()
  }

  isDue(): boolean {
    const now = this.#parts.monotonic()
    const hearsPush = now - this.#heardAt <= longestSilenceMs
    const hasReadRecently = now - this.#readAt < this.#quietMs
    const isSameClock = Math.abs(this.#offsetNow() - this.#offset) <= clockStepMs
    return !(hearsPush && hasReadRecently && isSameClock)
  }

  #offsetNow(): number {
    return this.#parts.nodeClock() - this.#parts.monotonic()
  }
}
