import { hashOf } from './parts.ts'

const smallest = 16

/**
 * Items by id. A `Map` reads about eight places in memory for each look-up, one after the other: among a million
 * sessions this was most of the time of a refresh. Here it is three: the hash, the item and its id. The hashes are
 * kept, so that growing does not read the items.
 *
 * Ids must be random, as those of sessions are: anybody can choose ids with the same hash.
 */
export class IdTable<Item extends { readonly id: string }> {
  /** By place. An item is at the place that its hash names or, if others are there, soon after. 0: nothing is there. */
  #hashes = new Int32Array(smallest)
  #items: (Item | undefined)[] = new Array(smallest)
  #size = 0

  get(id: string): Item | undefined {
    return this.#items[this.#placeOf(id)]
  }

  /** The table must not have an item with this id. */
  add(item: Item): void {
    if (++this.#size * 2 > this.#hashes.length) this.#resize(this.#hashes.length * 2)
    this.#put(filledHashOf(item.id), item)
  }

  delete(id: string): void {
    const place = this.#placeOf(id)
    if (this.#items[place] === undefined) return
    this.#close(place)
    this.#size--
    if (this.#hashes.length > smallest && this.#size * 8 < this.#hashes.length) this.#resize(this.#hashes.length / 2)
  }

  /** Where the item is, or the empty place where the search for it ended. */
  #placeOf(id: string): number {
    const hash = filledHashOf(id)
    let place = this.#home(hash)
    while (this.#hashes[place] !== 0) {
      if (this.#hashes[place] === hash && this.#items[place]!.id === id) break
      place = this.#home(place + 1)
    }
    return place
  }

  #put(hash: number, item: Item): void {
    let place = this.#home(hash)
    while (this.#hashes[place] !== 0) place = this.#home(place + 1)
    this.#hashes[place] = hash
    this.#items[place] = item
  }

  /** Empties a place. The items after it that were meant for it, or for one before, move up. */
  #close(place: number): void {
    let empty = place
    for (let next = this.#home(place + 1); this.#hashes[next] !== 0; next = this.#home(next + 1)) {
      const distance = this.#home(next - this.#hashes[next]!)
      if (distance < this.#home(next - empty)) continue
      this.#hashes[empty] = this.#hashes[next]!
      this.#items[empty] = this.#items[next]
      empty = next
    }
    this.#hashes[empty] = 0
    this.#items[empty] = undefined
  }

  #resize(length: number): void {
    const [hashes, items] = [this.#hashes, this.#items]
    this.#hashes = new Int32Array(length)
    this.#items = new Array(length)
    for (let place = 0; place < hashes.length; place++) {
      if (hashes[place] !== 0) this.#put(hashes[place]!, items[place]!)
    }
  }

  /** The number of places is a power of two. */
  #home(hash: number): number {
    return hash & (this.#hashes.length - 1)
  }
}

/** Not 0. */
function filledHashOf(id: string): number {
  return hashOf(id) || 1
}
