import { setImmediate } from 'node:timers/promises'
import { maxBatch, type Revocation, type StoreShards } from '../stores/session-store.ts'
import type { TimedStore } from './timed-store.ts'

/**
 * By how much the time of an entry may differ when it is read again. How far the clocks of two shards differ is an
 * estimate, which moves. Far less than `revocationMarginMs`, by which an entry outlasts its tokens.
 */
const estimateMs = 1000

export interface RevocationFollowerParts {
  readonly store: Pick<TimedStore, 'readRevocations'>
  /** The shards of the store: each can lose the place of its log alone. Default: none. */
  readonly shards?: StoreShards | undefined
  /** Receives the entries of each page. */
  readonly onEntries: (entries: readonly Revocation[]) => void
  /** Called after a log that lost its place was read whole: `isLogged` says what it holds. Awaited. */
  readonly onReread: (isLogged: (entry: Revocation) => boolean) => Promise<void>
}

/** Follows the store's revocation log: each read continues where the last one stopped. */
export class RevocationFollower {
  readonly #parts: RevocationFollowerParts
  #cursor: string | null = null
  /**
   * The `until` of the entries that were read since the log lost its place, also by earlier reads that failed. `null`:
   * it has not.
   */
  #reread: Map<string, number> | null = null
  /** The shards that have lost their place since. `null`: the whole log has. */
  #lost: Set<string> | null = new Set()
  #reading = 0

  constructor(parts: RevocationFollowerParts) {
    this.#parts = parts
  }

  /** The number of the last read that has begun. A read returns every entry that was written before it began. */
  get reading(): number {
    return this.#reading
  }

  /**
   * Reads to the end of the log, and resolves to the shards that could not be read. Must not run twice at the same
   * time.
   * @throws AuthError AUTH_STORE_UNAVAILABLE; what was read before is kept
   */
  async read(): Promise<readonly string[]> {
    const { store, onEntries, onReread } = this.#parts
    const unread = new Set<string>()
    this.#reading++
    for (let more = true; more;) {
      const page = await store.readRevocations(this.#cursor, maxBatch)
      if (!page.resumed) this.#lose(page.lost)
      for (const shard of page.unread ?? []) unread.add(shard)
      onEntries(page.entries)
      for (const entry of page.entries) this.#reread?.set(keyOf(entry), entry.until)
      this.#cursor = page.cursor
      more = page.more
      // A store in this process may respond without a pause: requests must be handled between two pages.
      if (more) await setImmediate()
    }
    const [reread, lost] = [this.#reread, this.#lost]
    this.#reread = null
    this.#lost = new Set()
    if (reread !== null) {
      const toleranceMs = this.#parts.shards === undefined ? 0 : estimateMs
      const isShown = (entry: Revocation) => (reread.get(keyOf(entry)) ?? -Infinity) >= entry.until - toleranceMs
      await onReread((entry) => isShown(entry) || !this.#mayBeMissing(entry, lost))
    }
    return [...unread]
  }

  /** The log has lost its place, or only these shards have: the logs of the others are not read whole. */
  #lose(shards: readonly string[] | undefined): void {
    this.#reread = new Map()
    if (shards === undefined) this.#lost = null
    else for (const shard of shards) this.#lost?.add(shard)
  }

  #mayBeMissing({ kind, id }: Revocation, lost: ReadonlySet<string> | null): boolean {
    const { shards } = this.#parts
    return lost === null || shards === undefined || kind === 'token' || lost.has(shards.of(id))
  }
}

function keyOf({ kind, id }: Revocation): string {
  return kind + id
}
