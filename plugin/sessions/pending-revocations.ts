import type { Revocation } from '../stores/session-store.ts'

const batchSize = 1000

interface Pending {
  readonly entry: Revocation
  /** The number of the last reading that had begun when the store confirmed the entry; `null` until it does. */
  writtenAt: number | null
}

/**
 * Revocations of this process that were not yet seen in the store's log. A store can confirm a write and lose it in a
 * failover: only what comes back from the log is certain. Until then it is written again.
 */
export class PendingRevocations {
  readonly #pending = new Map<string, Pending>()
  #flushing: Promise<void> | null = null

  /** Written by a call of the store that has been confirmed: expected in the readings after number `reading`. */
  expect(entry: Revocation, reading: number): void {
    this.#pending.set(keyOf(entry), { entry, writtenAt: reading })
  }

  /** The store has confirmed what was queued. */
  written(entry: Revocation, reading: number): void {
    const known = this.#pending.get(keyOf(entry))
    if (known !== undefined && known.entry.until <= entry.until) known.writtenAt = reading
  }

  /** Not written, or lost: written by the next {@link flush}. */
  queue(entry: Revocation): void {
    const known = this.#pending.get(keyOf(entry))
    if (known === undefined || known.entry.until < entry.until || known.writtenAt !== null) {
      this.#pending.set(keyOf(entry), { entry, writtenAt: null })
    }
  }

  seen(entry: Revocation): void {
    const known = this.#pending.get(keyOf(entry))
    if (known !== undefined && known.entry.until <= entry.until) this.#pending.delete(keyOf(entry))
  }

  /** After a reading that came to the end of the log: what it should have shown and did not is written again. */
  readingEnded(reading: number, now: number): void {
    for (const [key, pending] of this.#pending) {
      if (pending.entry.until <= now) this.#pending.delete(key)
      else if (pending.writtenAt !== null && pending.writtenAt < reading) pending.writtenAt = null
    }
  }

  /** The {@link flush} that is under way. */
  get flushing(): Promise<void> | null {
    return this.#flushing
  }

  /** Writes what is not written, in batches, and never rejects: what fails stays for the next call. Calls share one run. */
  flush(write: (entries: readonly Revocation[]) => Promise<unknown>, currentReading: () => number): Promise<void> {
    this.#flushing ??= this.#run(write, currentReading).finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  async #run(write: (entries: readonly Revocation[]) => Promise<unknown>, currentReading: () => number): Promise<void> {
    try {
      for (let batch = this.#unwritten(); batch.length > 0; batch = this.#unwritten()) {
        await write(batch.map(({ entry }) => entry))
        for (const { entry } of batch) this.written(entry, currentReading())
      }
    } catch {
      // The store is away: the next reading tries again.
    }
  }

  #unwritten(): Pending[] {
    const batch: Pending[] = []
    for (const pending of this.#pending.values()) {
      if (pending.writtenAt === null && batch.push(pending) === batchSize) break
    }
    return batch
  }
}

function keyOf({ kind, id }: Revocation): string {
  return kind + id
}
