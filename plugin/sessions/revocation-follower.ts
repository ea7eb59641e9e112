import { setImmediate } from 'node:timers/promises'
import { maxBatch, type Revocation } from '../stores/session-store.ts'
import type { TimedStore } from './timed-store.ts'

export interface RevocationFollowerParts {
  readonly store: Pick<TimedStore, 'readRevocations'>
  /** Receives the entries of each page. */
  readonly onEntries: (entries: readonly Revocation[]) => void
  /** Called after a log that lost its place was read whole: `isLogged` says what it holds. Awaited. */
  readonly onReread: (isLogged: (entry: Revocation) => boolean) => Promise<void>
}

/** Follows the store's revocation log: each read continues where the last one stopped. */
export class RevocationFollower {
  readonly #parts: RevocationFollowerParts
  #cursor: string | null = null
  /** The entries that were read since the log lost its place, also by earlier reads that failed. `null`: it has not. */
  #reread: Set<string> | null = null
  #reading = 0

  constructor(parts: RevocationFollowerParts) {
    this.#parts = parts
  }

  /** The number of the last read that has begun. A read returns every entry that was written before it began. */
  get reading(): number {
    return this.#reading
  }

  /**
   * Reads to the end of the log. Must not run twice at the same time.
   * @throws AuthError AUTH_STORE_UNAVAILABLE; what was read before is kept
   */
  async read(): Promise<void> {
    const { store, onEntries, onReread } = this.#parts
    this.#reading++
    for (let more = true; more;) {
      const page = await store.readRevocations(this.#cursor, maxBatch)
      if (!page.resumed) this.#reread = new Set()
      onEntries(page.entries)
      for (const entry of page.entries) this.#reread?.add(textOf(entry))
      this.#cursor = page.cursor
      more = page.more
      // A store in this process may respond without a pause: requests must be handled between two pages.
      if (more) await setImmediate()
    }
    const reread = this.#reread
    this.#reread = null
    if (reread !== null) await onReread((entry) => reread.has(textOf(entry)))
  }
}

function textOf({ kind, id, until }: Revocation): string {
  return `${kind}${id} ${until}`
}
