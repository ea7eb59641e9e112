import { randomUUID } from 'node:crypto'
import type { Revocation } from '../session-store.ts'
import { ExpiryIndex, type Expiring } from './expiry-index.ts'
import { NumberedItems } from './numbered-items.ts'

interface Item extends Expiring {
  readonly number: number
  readonly entry: Revocation
}

/** The revocation log: entries in the order of their numbers, one for each session or token. */
export class RevocationLog {
  /** Distinguishes the cursors of this log from those of another, such as the one before a restart. */
  readonly #nonce = randomUUID()
  readonly #items = { session: new Map<string, Item>(), token: new Map<string, Item>() }
  readonly #order = new NumberedItems<Item>()
  readonly #expiry = new ExpiryIndex<Item>(({ entry }) => entry.until)
  #last = 0

  /** Keeps the later `until`. A new or raised entry gets a new number, so that every reader reads it. */
  append({ kind, id, until }: Revocation): void {
    const known = this.#items[kind].get(id)
    if (known !== undefined && known.entry.until >= until) return
    if (known !== undefined) this.#remove(known)
    const item = { number: ++this.#last, entry: Object.freeze({ kind, id, until }), bucket: null, position: 0 }
    this.#items[kind].set(id, item)
    this.#order.add(item)
    this.#expiry.set(item)
  }

  /** Reads up to `limit` entries from the start (`null`) or from a cursor. */
  read(cursor: string | null, limit: number) {
    const seen = cursor === null ? 0 : this.#numberIn(cursor)
    const page: Item[] = []
    let more = false
    for (const item of this.#order.after(seen ?? 0)) {
      more = page.length === limit
      if (more) break
      page.push(item)
    }
    return {
      entries: page.map(({ entry }) => entry),
      cursor: `${page.at(-1)?.number ?? seen ?? 0}.${this.#nonce}`,
      more,
      resumed: seen !== null
    }
  }

  /** Removes expired entries. Yields after each. */
  *sweep(now: number): Generator<void> {
    yield* this.#expiry.sweep(now, (item) => this.#remove(item))
  }

  #remove(item: Item): void {
    this.#items[item.entry.kind].delete(item.entry.id)
    this.#order.delete(item)
    this.#expiry.delete(item)
  }

  /** The number of the last entry that the reader has seen. `null` if the cursor is not one of this log's. */
  #numberIn(cursor: string): number | null {
    const [number, nonce] = cursor.split('.')
    return nonce === this.#nonce && Number(number) <= this.#last ? Number(number) : null
  }
}
