import { flatCopy } from './flat-copy.ts'

/**
 * Values by exact text, in a bounded map. When it is full, the older half is dropped: two generations work as well as a
 * strict LRU here, and a hit costs one look-up.
 */
export interface TokenCache<T> {
  get(text: string): T | undefined
  set(text: string, value: T): void
  delete(text: string): void
  clear(): void
}

interface Entry<T> {
  readonly text: string
  readonly value: T
}

/**
 * The key is the last 12 characters: 70 bits of the signature. From 13 on, V8 makes a sliced string, which is slower to
 * hash.
 */
const tailLength = 12

/** @param size the maximum number of entries; 0 disables the cache */
export function createTokenCache<T>(size: number): TokenCache<T> {
  const half = Math.ceil(size / 2)
  let young = new Map<string, Entry<T>>()
  let old = new Map<string, Entry<T>>()

  function put(tail: string, entry: Entry<T>): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    // If the size is odd, both halves are rounded up, and together hold one entry too many.
    if (young.size + old.size >= size) old.delete(old.keys().next().value!)
    young.set(tail, entry)
  }

  return {
    get(text) {
      const tail = text.slice(-tailLength)
      let entry = young.get(tail)
      if (entry === undefined) {
        entry = old.get(tail)
        if (entry === undefined) return undefined
        old.delete(tail)
        put(tail, entry)
      }
      // Another token may end with the same characters.
      return entry.text === text ? entry.value : undefined
    },
    set(text, value) {
      if (half === 0) return
      const copy = flatCopy(text)
      put(copy.slice(-tailLength), { text: copy, value })
    },
    delete(text) {
      young.delete(text.slice(-tailLength))
      old.delete(text.slice(-tailLength))
    },
    clear() {
      young = new Map()
      old = new Map()
    }
  }
}
