import type { SessionSnapshot } from '../session-store.ts'
import { shardNameIn } from './session-id.ts'
import type { Shard } from './shard.ts'
import type { ShardSets } from './shard-sets.ts'

export interface PlacementParts {
  readonly shards: ReadonlyMap<string, Shard>
  readonly sets: ShardSets
  /** Names of shards that were removed after all their sessions had expired. */
  readonly removed: ReadonlySet<string>
}

/** Where a session is kept, by its id. */
export class Placement {
  readonly #parts: PlacementParts

  constructor(parts: PlacementParts) {
    this.#parts = parts
  }

  /** The name of the session's shard, whether there is such a shard or not. */
  nameOf(id: string): string {
    return shardNameIn(id) ?? this.#parts.sets.shardOfPlainIds.name
  }

  /**
   * The session's shard; `null` if no shard can have the session.
   * @throws if the id names a shard that is not listed: the session may well exist
   */
  shardOf(id: string): Shard | null {
    const { shards, sets, removed } = this.#parts
    const name = shardNameIn(id)
    if (name === null) return sets.beganWithOne ? sets.shardOfPlainIds : null
    const shard = shards.get(name)
    if (shard !== undefined) return shard
    if (removed.has(name)) return null
    throw new Error(
      `the session is kept by the shard "${name}", which is not listed: expected ${[...shards.keys()].join(', ')}. ` +
        'List it, or list its name in "removed" if all its sessions have expired'
    )
  }

  /**
   * What `find()` returns for an id without a shard.
   * @throws if the first shard has the session: it is older than the shards. Then the store of that time must be listed
   * alone as the first set, so that `list()` and `revokeAll()` find the session too
   */
  async assertAbsent(id: string): Promise<SessionSnapshot & { readonly row: null }> {
    const shard = this.#parts.sets.shardOfPlainIds
    const { row, storeTime } = await shard.find(id)
    if (row === null) return { row, storeTime }
    throw new Error(
      `the session was started before the sessions were distributed: list the shard "${shard.name}" alone as the ` +
        'first of "sets"'
    )
  }
}
