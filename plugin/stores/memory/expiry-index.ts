const bucketMs = 60_000

/** Keys by the minute in which they expire: finding the expired ones does not visit the others. */
export class ExpiryIndex {
  readonly #buckets = new Map<number, Set<string>>()
  readonly #times = new Map<string, number>()

  set(key: string, time: number): void {
    const bucket = Math.floor(time / bucketMs)
    const before = this.#times.get(key)
    this.#times.set(key, time)
    if (before !== undefined && Math.floor(before / bucketMs) === bucket) return
    if (before !== undefined) this.#removeFromBucket(key, before)
    const keys = this.#buckets.get(bucket)
    if (keys === undefined) this.#buckets.set(bucket, new Set([key]))
    else keys.add(key)
  }

  delete(key: string): void {
    const time = this.#times.get(key)
    if (time === undefined) return
    this.#times.delete(key)
    this.#removeFromBucket(key, time)
  }

  /** Yields the keys that have expired. The caller may delete them meanwhile. */
  *due(now: number): Generator<string> {
    const last = Math.floor(now / bucketMs)
    for (const bucket of [...this.#buckets.keys()].filter((bucket) => bucket <= last)) {
      for (const key of this.#buckets.get(bucket) ?? []) if (this.#times.get(key)! <= now) yield key
    }
  }

  #removeFromBucket(key: string, time: number): void {
    const bucket = Math.floor(time / bucketMs)
    const keys = this.#buckets.get(bucket)
    keys?.delete(key)
    if (keys?.size === 0) this.#buckets.delete(bucket)
  }
}
