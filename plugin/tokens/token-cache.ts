/**
 * Keeps what was verified, by exact text, in a bounded map. The oldest half goes when it is full: two generations are
 * as good as a strict LRU here, and cost one map look-up for a hit.
 */
export interface TokenCache<T> {
  get (text: string): T | undefined
  set (text: string, value: T): void
  delete (text: string): void
  clear (): void
}

/** @param size the most entries kept; 0 keeps none */
export function createTokenCache<T> (size: number): TokenCache<T> {
  const half = Math.ceil(size / 2)
  let young = new Map<string, T>()
  let old = new Map<string, T>()

  function set (text: string, value: T): void {
    if (half === 0) return
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    // Two halves of an odd size, rounded up, are one too many.
    if (young.size + old.size >= size) old.delete(old.keys().next().value!)
    young.set(text, value)
  }

  return {
    get (text) {
      const fresh = young.get(text)
      if (fresh !== undefined) return fresh
      const value = old.get(text)
      if (value === undefined) return undefined
      old.delete(text)
      set(text, value)
      return value
    },
    set,
    delete (text) {
      young.delete(text)
      old.delete(text)
    },
    clear () {
      young = new Map()
      old = new Map()
    }
  }
}
