const hourMs = 3_600_000
/** Beyond this, a difference is a mistake to correct, not one to compensate. */
export const maxSkewMs = 2 * hourMs
/** Beyond this, somebody should know. */
const tellMs = 1000

export interface StoreClockParts {
  /** This node's clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** How long an access token lives. */
  readonly lifetimeMs: number
  /** Receives a difference of over a second when it is first seen, and again when it has changed by as much. */
  readonly onSkew: (skewMs: number, compensated: boolean) => void
  readonly monotonic?: (() => number) | undefined
}

/** The store's time in a response, and when this node sent the call and received the response by its own clock. */
export interface Observation {
  readonly storeTime: number
  readonly sentAt: number
  readonly receivedAt: number
}

/**
 * One clock for this application's own tokens and revocations: this node's, corrected by what the store's responses
 * tell. Nodes whose clocks differ then agree, and a revocation ends when the store says.
 *
 * The true difference lies between `storeTime - receivedAt` and `storeTime - sentAt`: the estimate moves no further
 * than into that range, so that a slow response changes nothing. A change by which tokens would live longer counts
 * only after `lifetimeMs`, when the tokens that it could revive have expired by both clocks.
 */
export class StoreClock {
  readonly #parts: StoreClockParts
  readonly #monotonic: () => number
  #skewMs = 0
  #hasObserved = false
  /** Responses that tell of a slower store: the last difference, and the highest since then. */
  #slower: { readonly since: number; skewMs: number; highestMs: number } | null = null
  #toldMs = 0
  #excessMs = 0
  /** This node's clock against a clock that nobody sets: a step shows here. */
  #offset: number
  /** By how much this node's clock was set forward and is not yet corrected: a call that was under way then hides it. */
  #ownStepMs = 0

  constructor(parts: StoreClockParts) {
    this.#parts = parts
    this.#monotonic = parts.monotonic ?? (() => performance.now())
    this.#offset = parts.clock() - this.#monotonic()
  }

  readonly now = (): number => this.#parts.clock() + this.#skewMs

  /** How far ahead of the store this clock knowingly runs: tokens that it signs outlive the store's idea of them by so much. */
  get aheadMs(): number {
    return this.#slower === null ? 0 : this.#skewMs - this.#slower.skewMs
  }

  /** The store's own idea of the time, which decides when a revocation ends: it may lag behind {@link now}. */
  readonly storeNow = (): number => this.now() - this.aheadMs

  /** The last difference that was too much to compensate; 0 while there is none. */
  get excessMs(): number {
    return this.#excessMs
  }

  observe(observation: Observation): void {
    this.#ownStepMs = Math.max(0, this.#ownStepMs + this.#takeStep())
    const skewMs = closest(this.#skewMs, observation)
    this.#tell(skewMs)
    this.#excessMs = Math.abs(skewMs) > maxSkewMs ? skewMs : 0
    if (this.#excessMs !== 0) return
    const isFaster = skewMs >= this.#skewMs
    // This node's own clock was set forward: corrected at once, the sum does not change.
    const slowerMs = this.#skewMs - skewMs
    const isOurStep = this.#ownStepMs > tellMs && slowerMs <= this.#ownStepMs + tellMs
    if (isOurStep) this.#ownStepMs = Math.max(0, this.#ownStepMs - Math.max(0, slowerMs))
    if (isFaster || isOurStep || !this.#hasObserved) this.#set(skewMs)
    else this.#noteSlower(skewMs)
    this.#hasObserved = true
  }

  /**
   * Only what has been so for the whole time counts: clocks always drift a little, and a step back that comes late must
   * not profit from the time that the drift has waited.
   */
  #noteSlower(skewMs: number): void {
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

  #tell(skewMs: number): void {
    if (Math.abs(skewMs - this.#toldMs) <= tellMs) return
    this.#toldMs = skewMs
    this.#parts.onSkew(skewMs, Math.abs(skewMs) <= maxSkewMs)
  }
}

function closest(skewMs: number, { storeTime, sentAt, receivedAt }: Observation): number {
  return Math.min(Math.max(skewMs, storeTime - receivedAt), storeTime - sentAt)
}
