const hourMs = 3_600_000
/** A larger difference is not compensated: one of the clocks is wrong. */
export const maxSkewMs = 2 * hourMs
/** A larger difference is reported. */
const reportMs = 1000

export interface StoreClockParts {
  /** This node's clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** `accessToken.lifetimeSeconds`, in milliseconds. */
  readonly lifetimeMs: number
  /** Called when a difference of over a second is first seen, and again when it has changed by over a second. */
  readonly onSkew: (skewMs: number, compensated: boolean) => void
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
}

/** A response of the store. */
export interface Observation {
  /** By the store's clock. */
  readonly storeTime: number
  /** When this node sent the call, by its own clock. */
  readonly sentAt: number
  /** When this node received the response, by its own clock. */
  readonly receivedAt: number
}

/**
 * This node's clock, corrected by the store's time in each response. It makes nodes whose own clocks differ agree on
 * when access tokens and revocations expire.
 *
 * The true difference lies between `storeTime - receivedAt` and `storeTime - sentAt`. The estimate moves only if it is
 * outside that range, so a slow response changes nothing. A change that would prolong tokens takes effect after
 * `lifetimeMs`, when the tokens that it could revive have expired by both clocks.
 */
export class StoreClock {
  readonly #parts: StoreClockParts
  readonly #monotonic: () => number
  #skewMs = 0
  #hasObserved = false
  /**
   * `null` unless all responses since `since` have shown a lower difference than the one in use. `skewMs` is the latest
   * of these differences, `highestMs` the highest.
   */
  #slower: { readonly since: number; skewMs: number; highestMs: number } | null = null
  #reportedMs = 0
  #excessMs = 0
  /** This node's clock minus the monotonic clock: it changes when somebody sets this node's clock. */
  #offset: number
  /**
   * How far this node's clock was set forward and not yet corrected for. The response to a call that was running at
   * that moment does not show the step.
   */
  #ownStepMs = 0

  constructor(parts: StoreClockParts) {
    this.#parts = parts
    this.#monotonic = parts.monotonic ?? (() => performance.now())
    this.#offset = parts.clock() - this.#monotonic()
  }

  readonly now = (): number => this.#parts.clock() + this.#skewMs

  /**
   * How far ahead of the store this clock knowingly runs. Its tokens are valid that much longer by the store's clock.
   */
  get aheadMs(): number {
    return this.#slower === null ? 0 : this.#skewMs - this.#slower.skewMs
  }

  /** The store's time, which decides when a revocation expires. It can be behind {@link now}. */
  readonly storeNow = (): number => this.now() - this.aheadMs

  /** The last difference, if it was too large to compensate; else 0. */
  get excessMs(): number {
    return this.#excessMs
  }

  observe(observation: Observation): void {
    this.#ownStepMs = Math.max(0, this.#ownStepMs + this.#takeStep())
    const skewMs = closest(this.#skewMs, observation)
    this.#report(skewMs)
    this.#excessMs = Math.abs(skewMs) > maxSkewMs ? skewMs : 0
    if (this.#excessMs !== 0) return
    const isFaster = skewMs >= this.#skewMs
    // If this node's own clock was set forward, an immediate correction leaves `now()` as it was.
    const slowerMs = this.#skewMs - skewMs
    const isOurStep = this.#ownStepMs > reportMs && slowerMs <= this.#ownStepMs + reportMs
    if (isOurStep) this.#ownStepMs = Math.max(0, this.#ownStepMs - Math.max(0, slowerMs))
    if (isFaster || isOurStep || !this.#hasObserved) this.#set(skewMs)
    else this.#recordSlower(skewMs)
    this.#hasObserved = true
  }

  /**
   * Adopts the highest difference that was seen during a wait of `lifetimeMs`. Clocks always drift a little, so a small
   * difference may have begun the wait: a large step back during it must wait for the full time itself.
   */
  #recordSlower(skewMs: number): void {
    const now = this.#monotonic()
    const { since, highestMs } = this.#slower ?? { since: now, highestMs: skewMs }
    this.#slower = { since, skewMs, highestMs: Math.max(highestMs, skewMs) }
    if (now - since < this.#parts.lifetimeMs) return
    this.#set(this.#slower.highestMs)
    if (skewMs < this.#skewMs) this.#slower = { since: now, skewMs, highestMs: skewMs }
  }

  #set(skewMs: number): void {
    this.#skewMs = skewMs
    this.#slower = null
  }

  #takeStep(): number {
    const before = this.#offset
    this.#offset = this.#parts.clock() - this.#monotonic()
    return this.#offset - before
  }

  #report(skewMs: number): void {
    if (Math.abs(skewMs - this.#reportedMs) <= reportMs) return
    this.#reportedMs = skewMs
    this.#parts.onSkew(skewMs, Math.abs(skewMs) <= maxSkewMs)
  }
}

function closest(skewMs: number, { storeTime, sentAt, receivedAt }: Observation): number {
  return Math.min(Math.max(skewMs, storeTime - receivedAt), storeTime - sentAt)
}
