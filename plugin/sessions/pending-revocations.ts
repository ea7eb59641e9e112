import { maxBatch, type Revocation, type StoreShards } from '../stores/session-store.ts'

interface Pending {
  readonly entry: Revocation
  /** The read of the log that had begun when the store confirmed the write. `null`: it must be written, or again. */
  writtenAt: number | null
  /** The log of one shard contains it. Others may lack it, until a write has succeeded. */
  isShown?: boolean
}

export interface PendingRevocationsParts {
  /** Writes to the store's log. */
  readonly write: (entries: readonly Revocation[]) => Promise<unknown>
  /** The number of the last read of the log that has begun. */
  readonly reading: () => number
  /** The shards of the store. Entries of one that is down do not delay the others. Default: none. */
  readonly shards?: StoreShards | undefined
}

/**
 * This process' revocations that have not been read from the store's log yet. A store can confirm a write and lose it
 * in a failover. So only a revocation that comes back from the log is certain; until then it is written again.
 */
export class PendingRevocations {
  readonly #parts: PendingRevocationsParts
  readonly #pending = new Map<string, Pending>()
  #flushing: Promise<void> | null = null

  constructor(parts: PendingRevocationsParts) {
    this.#parts = parts
  }

  /** The store has confirmed this write: the next read of the log must show it. */
  expect(entry: Revocation): void {
    this.#pending.set(keyOf(entry), { entry, writtenAt: this.#parts.reading() })
  }

  /** The store has confirmed the write of an entry that was queued. */
  confirm(entry: Revocation): void {
    const known = this.#pending.get(keyOf(entry))
    if (known === undefined || known.entry.until > entry.until) return
    this.#pending.delete(keyOf(entry))
    if (known.isShown) return
    // To the end of the map: the next batch begins with what is not written.
    this.#pending.set(keyOf(entry), { entry: known.entry, writtenAt: this.#parts.reading() })
  }

  /** Adds an entry that the next {@link flushQueue} writes. */
  queue(entry: Revocation): void {
    const known = this.#pending.get(keyOf(entry))
    if (known === undefined || known.entry.until < entry.until || known.writtenAt !== null) {
      this.#pending.set(keyOf(entry), { entry, writtenAt: null })
    }
  }

  /** The log has shown this entry. One shard proves nothing about the others, which may have been down. */
  remove(entry: Revocation): void {
    const known = this.#pending.get(keyOf(entry))
    if (known === undefined || known.entry.until > entry.until) return
    if (this.#parts.shards !== undefined && known.writtenAt === null) known.isShown = true
    else this.#pending.delete(keyOf(entry))
  }

  /**
   * A read has reached the end of the log. Entries that it should have shown are queued again. Yields after each entry:
   * there may be as many as are revoked.
   */
  *endReading(now: number): Generator<void, void> {
    for (const [key, pending] of this.#pending) {
      if (pending.entry.until <= now) this.#pending.delete(key)
      else if (pending.writtenAt !== null && pending.writtenAt < this.#parts.reading()) pending.writtenAt = null
      yield
    }
  }

  /** The {@link flushQueue} that is running. */
  get flushing(): Promise<void> | null {
    return this.#flushing
  }

  /** Writes the queue in batches. Never rejects: what fails stays queued. Concurrent calls share one run. */
  flushQueue(): Promise<void> {
    this.#flushing ??= this.#writeQueue().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  async #writeQueue(): Promise<void> {
    /** Where writing has failed: the next poll tries again. */
    const away = new Set<string>()
    for (let batch = this.#nextBatch(away); batch.length > 0; batch = this.#nextBatch(away)) {
      try {
        await this.#parts.write(batch)
        for (const entry of batch) this.confirm(entry)
      } catch {
        away.add(this.#shardOf(batch[0]!))
      }
    }
  }

  /** Entries of one shard. */
  #nextBatch(away: ReadonlySet<string>): Revocation[] {
    const batch: Revocation[] = []
    for (const { entry, writtenAt } of this.#pending.values()) {
      if (writtenAt !== null || away.has(this.#shardOf(entry))) continue
      const isOfBatch = batch[0] === undefined || this.#shardOf(batch[0]) === this.#shardOf(entry)
      if (isOfBatch && batch.push(entry) === maxBatch) break
    }
    return batch
  }

  /** Empty for what belongs to the whole store. */
  #shardOf({ kind, id }: Revocation): string {
    return kind === 'session' ? (this.#parts.shards?.of(id) ?? '') : ''
  }
}

function keyOf({ kind, id }: Revocation): string {
  return kind + id
}
