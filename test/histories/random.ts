export type Random = ReturnType<typeof createRandom>

/** Pseudorandom numbers, the same for the same seed (mulberry32). */
export function createRandom(seed: number) {
  function next(): number {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  return {
    next,
    below: (limit: number) => Math.floor(next() * limit),
    between: (least: number, most: number) => least + next() * (most - least),
    shuffle<T>(items: readonly T[]): T[] {
      return items
        .map((item) => ({ item, place: next() }))
        .sort((a, b) => a.place - b.place)
        .map(({ item }) => item)
    }
  }
}
