const chunkSize = 500

interface Chunk<Item> {
  /** A hole is an item that was deleted. */
  readonly items: (Item | undefined)[]
  count: number
}

/**
 * Items with the numbers 1, 2, 3 and so on, to read on from any number. A deleted item leaves a hole, and a chunk that
 * consists of holes is dropped. So no call takes longer when there are more items.
 */
export class NumberedItems<Item extends { readonly number: number }> {
  /** In the order of their numbers. */
  readonly #chunks = new Map<number, Chunk<Item>>()

  add(item: Item): void {
    const index = chunkOf(item.number)
    let chunk = this.#chunks.get(index)
    if (chunk === undefined) this.#chunks.set(index, (chunk = { items: new Array(chunkSize), count: 0 }))
    chunk.items[item.number % chunkSize] = item
    chunk.count++
  }

  delete(item: Item): void {
    const index = chunkOf(item.number)
    const chunk = this.#chunks.get(index)!
    chunk.items[item.number % chunkSize] = undefined
    if (--chunk.count === 0) this.#chunks.delete(index)
  }

  /** The items with a higher number. */
  *after(number: number): Generator<Item> {
    const first = chunkOf(number)
    for (const [index, { items }] of this.#chunks) {
      if (index < first) continue
      for (const item of items) if (item !== undefined && item.number > number) yield item
    }
  }
}

function chunkOf(number: number): number {
  return Math.floor(number / chunkSize)
}
