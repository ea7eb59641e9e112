import { randomUUID } from 'node:crypto'
import type { Revocation } from '../session-store.ts'
import { ExpiryIndex } from './expiry-index.ts'

interface Item {
  readonly number: number
  readonly entry: Revocation
}

const keyOf = ({ kind, id }: Revocation) => kind + id

/** The revocation log: entries in the order of their numbers, one for each session or token. */
export class RevocationLog {
  /** Distinguishes the cursors of this log from those of another, such as the one before a restart. */
  readonly #nonce = randomUUID()
  readonly #items = new Map<string, Item>()
  /** By number. Items that are no longer in `#items` are skipped, and removed when there are too many. */
  #order: Item[] = []
  readonly #expiry = new ExpiryIndex()
  #last = 0

  /** Keeps the later `until`. A new or raised entry gets a new number, so that every reader reads it. */
  append({ kind, id, until }: Revocation): void {
    const entry = Object.freeze({ kind, id, until })
    const key = keyOf(entry)
    const known = this.#items.get(key)
    if (known !== undefined && known.entry.until >= until) return
    const item = { number: ++this.#last, entry }
    this.#items.set(key, item)
    this.#order.push(item)
    this.#expiry.set(key, until)
    if (this.#order.length > 2 * this.#items.size + 1000) this.#order = this.#order.filter((item) => this.#holds(item))
  }

  /** Reads up to `limit` entries from the start (`null`) or from a cursor. */
  read(cursor: string | null, limit: number) {
    const seen = cursor === null ? 0 : this.#numberIn(cursor)
    const page: Item[] = []
    let at = this.#placeAfter(seen ?? 0)
    for (; at < this.#order.length && page.length < limit; at++) {
      if (this.#holds(this.#order[at]!)) page.push(this.#order[at]!)
    }
    return {
      entries: page.map(({ entry }) => entry),
      cursor: `${page.at(-1)?.number ?? seen ?? 0}.${this.#nonce}`,
      more: at < this.#order.length,
      resumed: seen !== null
    }
  }

  /** Removes up to `limit` expired entries; false when there are no more. */
  sweep(now: number, limit: number): boolean {
    let removed = 0
    for (const key of this.#expiry.due(now)) {
      if (removed++ === limit) return true
      this.#items.delete(key)
      this.#expiry.delete(key)
    }
    return false
  }

  #holds(item: Item): boolean {
    return this.#items.get(keyOf(item.entry)) === item
  }

  /** Binary search: most readers have read nearly everything. */
  #placeAfter(number: number): number {
    let [low, high] = [0, this.#order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#order[middle]!.number <= number) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The number of the last entry that the reader has seen. `null` if the cursor is not one of this log's. */
  #numberIn(cursor: string): number | null {
    const [number, nonce] = cursor.split('.')
    return nonce === this.#nonce && Number(number) <= this.#last ? Number(number) : null
  }
}
