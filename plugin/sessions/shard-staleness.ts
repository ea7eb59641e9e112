import type { StoreShards } from '../stores/session-store.ts'
import { Staleness, type ListStaleness, type Moment, type StalenessParts } from './staleness.ts'

/**
 * How old the list of revocations is, for each shard of the store: while one is down, only what its sessions may do is
 * uncertain.
 */
export class ShardStaleness implements ListStaleness {
  readonly #shards: StoreShards
  readonly #ages: ReadonlyMap<string, Staleness>

  constructor({ shards, ...parts }: Omit<StalenessParts, 'shard'> & { readonly shards: StoreShards }) {
    this.#shards = shards
    this.#ages = new Map(shards.names.map((shard) => [shard, new Staleness({ ...parts, shard })]))
  }

  now(): Moment {
    return this.#ages.get(this.#shards.names[0]!)!.now()
  }

  /** @param unread the shards that could not be read */
  reset(sentAt: Moment, unread: readonly string[]): void {
    for (const [name, age] of this.#ages) if (!unread.includes(name)) age.reset(sentAt)
  }

  isStale(sessionId: string | null): boolean {
    return this.#of(sessionId).every((shard) => this.#ages.get(shard)!.isStale())
  }

  isShownBy(unread: readonly string[], sessionId: string | null): boolean {
    return this.#of(sessionId).some((shard) => !unread.includes(shard))
  }

  report(): void {
    for (const age of this.#ages.values()) age.report()
  }

  /** Empty if no such shard is followed: what it has revoked is unknown. */
  #of(sessionId: string | null): readonly string[] {
    // The entry of a token without a session is in the logs of all shards: one of them suffices.
    if (sessionId === null) return this.#shards.names
    const shard = this.#shards.of(sessionId)
    return this.#ages.has(shard) ? [shard] : []
  }
}
