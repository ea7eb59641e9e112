/** The bits of the hash that choose the part. */
const bits = 6

/**
 * The parts of a table that may become large. A table copies all that it holds when it grows or shrinks: with a million
 * entries, this would stop the process for a tenth of a second or longer. Each part copies its own at another time.
 */
export class Parts<Part> {
  readonly #parts: readonly Part[]

  constructor(create: () => Part) {
    this.#parts = Array.from({ length: 2 ** bits }, create)
  }

  /** The part that has the entry with this key, or that it belongs to. */
  of(key: string): Part {
    // The upper bits: a part may use the lower ones.
    return this.#parts[hashOf(key) >>> (32 - bits)]!
  }
}

/** FNV-1a, 32 bits. It is not secret: who chooses texts can choose texts with the same hash. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash | 0
}
