import { flatCopy } from './flat-copy.ts'

/**
 * Keeps what was verified, by exact text, in a bounded map. The oldest half goes when it is full: two generations are
 * as good as a strict LRU here, and cost one map look-up for a hit.
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
 * A token ends with its signature: so many of its characters (70 bits) tell it from all others. With one more, V8 would
 * no longer copy them but point into the token, and hash that with more ado.
 */
const tailLength = 12

/** @param size the most entries kept; 0 keeps none */
export function createTokenCache<T>(size: number): TokenCache<T> {
  const half = Math.ceil(size / 2)
  let young = new Map<string, Entry<T>>()
  let old = new Map<string, Entry<T>>()

  function put(tail: string, entry: Entry<T>): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    // Two halves of an odd size, rounded up, are one too many.
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
      // Whoever ends like a known token is not yet that token.
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
