const bucketMs = 60_000

interface Bucket {
  readonly minute: number
  readonly items: Expiring[]
}

/** What an index can hold. An item is in one index at most. */
export interface Expiring {
  /** Where it is in an index; the index sets both. `null`: it is in none. */
  bucket: Bucket | null
  position: number
}

/**
 * Finds expired items without visiting the others. An item whose time is moved to a later one stays where it is:
 * `sweep()` moves it when it gets there. So a session that is refreshed costs nothing here.
 */
export class ExpiryIndex<Item extends Expiring> {
  readonly #buckets = new Map<number, Bucket>()
  readonly #timeOf: (item: Item) => number

  /** @param timeOf when an item expires, in milliseconds */
  constructor(timeOf: (item: Item) => number) {
    this.#timeOf = timeOf
  }

  /** Call it for a new item, and whenever its time may have become earlier. */
  set(item: Item): void {
    const minute = minuteOf(this.#timeOf(item))
    if (item.bucket !== null && item.bucket.minute <= minute) return
    this.delete(item)
    let bucket = this.#buckets.get(minute)
    if (bucket === undefined) this.#buckets.set(minute, (bucket = { minute, items: [] }))
    item.bucket = bucket
    item.position = bucket.items.push(item) - 1
  }

  delete(item: Item): void {
    const { bucket, position } = item
    if (bucket === null) return
    item.bucket = null
    const last = bucket.items.pop()!
    if (last !== item) {
      bucket.items[position] = last
      last.position = position
    }
    if (bucket.items.length === 0) this.#buckets.delete(bucket.minute)
  }

  /**
   * Takes out each item that has expired, and passes it to `onExpired`. Yields after each item that it looked at: the
   * index may change meanwhile.
   */
  *sweep(now: number, onExpired: (item: Item) => void): Generator<void> {
    const last = minuteOf(now)
    for (const { items } of [...this.#buckets.values()].filter(({ minute }) => minute <= last)) {
      // Backwards, because the last item takes the place of one that is taken out.
      for (let position = items.length - 1; position >= 0; position = Math.min(position, items.length) - 1) {
        const item = items[position] as Item
        this.delete(item)
        if (this.#timeOf(item) > now) this.set(item)
        else onExpired(item)
        yield
      }
    }
  }
}

function minuteOf(time: number): number {
  return Math.floor(time / bucketMs)
}
