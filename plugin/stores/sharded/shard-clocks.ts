import { withTimeout } from '../../timeout.ts'
import type { Timed } from '../session-store.ts'

/** The most that two correct clocks move against each other in a millisecond, in milliseconds: 1000 ppm. */
const drift = 0.001
/** Stores return whole milliseconds, rounded down or to the nearest. */
const roundingMs = 1
/** How long a call waits for the first shard's time, and how long none waits again if it did not respond. */
const askMs = 500
const askAgainMs = 1000

/** What a response has shown: how far a shard's clock is ahead of this process' monotonic clock. */
interface Sighting {
  /** When the response was received, by the monotonic clock. */
  readonly at: number
  readonly least: number
  readonly most: number
}

export interface ShardClocksParts {
  /** Read the time of each shard, in the order of the shards. */
  readonly ask: readonly (() => Promise<Timed>)[]
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
}

/**
 * How far the clock of each shard is ahead of the store's clock, so that no times of two clocks are compared.
 *
 * The store's clock is that of the first shard, so that all nodes agree: a clock of this process would differ from
 * node to node. Until the first shard has responded, the earliest in the list that has stands for it.
 *
 * As in `StoreClock` of the plugin, a response limits the possible difference by when it was sent and received, and the
 * estimate moves only if it is outside. So clocks that agree are never found to differ, and a slow response changes
 * nothing. Before an estimate moves, the first shard must return its time: this process may have slept since it
 * responded last, or all clocks were set.
 */
export class ShardClocks {
  readonly #ask: readonly (() => Promise<Timed>)[]
  readonly now: () => number
  readonly #sightings: (Sighting | undefined)[]
  readonly #aheadMs: (number | undefined)[]
  #reference: number
  #asking: Promise<Sighting | null> | undefined
  #silentSince = -Infinity

  constructor({ ask, monotonic = () => performance.now() }: ShardClocksParts) {
    this.#ask = ask
    this.now = monotonic
    this.#sightings = ask.map(() => undefined)
    this.#aheadMs = ask.map(() => undefined)
    this.#reference = ask.length
  }

  /** Whole milliseconds; 0 until this is known. */
  aheadMs(shard: number): number {
    return this.#aheadMs[shard] ?? 0
  }

  isKnown(shard: number): boolean {
    return this.#aheadMs[shard] !== undefined
  }

  /**
   * A shard has responded to a call that was sent at `sentAt`. Returns a promise if the first shard must return its
   * time.
   */
  observe(shard: number, response: { readonly storeTime: number; readonly sentAt: number }): Promise<void> | undefined {
    const sighting = this.#see(shard, response)
    if (shard < this.#reference) this.#refer(shard)
    return this.#isPossible(shard, sighting) ? undefined : this.#compare(shard, sighting)
  }

  #see(shard: number, { storeTime, sentAt }: { readonly storeTime: number; readonly sentAt: number }): Sighting {
    const at = this.now()
    const sighting = { at, least: storeTime - roundingMs - at, most: storeTime + roundingMs - sentAt }
    this.#sightings[shard] = sighting
    return sighting
  }

  /** From now on, this shard's clock is the store's: all others must be compared with it. */
  #refer(shard: number): void {
    this.#aheadMs.fill(undefined)
    this.#aheadMs[shard] = 0
    this.#reference = shard
  }

  #isPossible(shard: number, sighting: Sighting): boolean {
    const estimate = this.#aheadMs[shard]
    if (estimate === undefined) return false
    const { least, most } = differenceOf(sighting, this.#sightings[this.#reference]!)
    return least <= estimate && estimate <= most
  }

  async #compare(shard: number, sighting: Sighting): Promise<void> {
    if (this.now() - this.#silentSince < askAgainMs) return
    const asked = this.#reference
    this.#asking ??= this.#askReference().finally(() => {
      this.#asking = undefined
    })
    const reference = await this.#asking
    if (reference === null || asked !== this.#reference) return
    this.#aheadMs[shard] = closest(this.#aheadMs[shard], differenceOf(sighting, reference))
  }

  async #askReference(): Promise<Sighting | null> {
    const reference = this.#reference
    const sentAt = this.now()
    try {
      const { storeTime } = await withTimeout(this.#ask[reference]!, {
        ms: askMs,
        timeoutError: () => new Error(`no response within ${askMs} ms`)
      })
      return this.#see(reference, { storeTime, sentAt })
    } catch {
      this.#silentSince = this.now()
      return null
    }
  }
}

interface Range {
  readonly least: number
  readonly most: number
}

/** How far the clock of `one` can be ahead of that of `other`. */
function differenceOf(one: Sighting, other: Sighting): Range {
  const driftMs = Math.abs(one.at - other.at) * drift
  return { least: one.least - other.most - driftMs, most: one.most - other.least + driftMs }
}

/** First 0 if that is possible, because most clocks agree. Later the estimate moves as little as possible. */
function closest(estimate: number | undefined, { least, most }: Range): number {
  const first = least <= 0 && most >= 0 ? 0 : (least + most) / 2
  return Math.round(Math.min(Math.max(estimate ?? first, least), most))
}
