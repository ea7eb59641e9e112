interface ClockEntry {
  /** Written by the map only: whether the entry was read since the hand passed it. */
  wasUsed: boolean
}

/** How many entries the hand passes for one new entry, so that no request waits for a long round. */
const maxPassed = 64

/**
 * A map of limited size that keeps what is in use: the CLOCK algorithm. A hand goes round the entries and removes the
 * first one that was not read since it passed. Unlike in an LRU, a read moves nothing.
 */
export class ClockMap<Entry extends ClockEntry> {
  readonly #size: number
  readonly #entries = new Map<string, Entry>()
  #hand = this.#entries.entries()
  /** How many entries were deleted since the hand was at the first entry. */
  #deleted = 0

  /** @param size the maximum number of entries; 0 keeps none */
  constructor(size: number) {
    this.#size = size
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined) entry.wasUsed = true
    return entry
  }

  set(key: string, entry: Entry): void {
    if (this.#size === 0) return
    if (this.#entries.size >= this.#size && !this.#entries.has(key)) this.#removeOne()
    this.#entries.set(key, entry)
  }

  delete(key: string): void {
    if (this.#entries.delete(key) && ++this.#deleted > this.#entries.size) this.#restart()
  }

  clear(): void {
    this.#entries.clear()
    this.#restart()
  }

  #removeOne(): void {
    for (let passed = 0; ;) {
      const { done, value } = this.#hand.next()
      if (done) this.#restart()
      else if (value[1].wasUsed && passed++ < maxPassed) value[1].wasUsed = false
      else {
        this.#entries.delete(value[0])
        return
      }
    }
  }

  /**
   * Also if the map is not full, so that the hand does not move: in V8, an iterator keeps in memory what was deleted
   * since it moved.
   */
  #restart(): void {
    this.#hand = this.#entries.entries()
    this.#deleted = 0
  }
}
