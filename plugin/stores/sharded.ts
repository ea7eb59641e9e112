import { checkClock, checkOptionNames } from './factory-options.ts'
import type { SessionStore } from './session-store.ts'
import { checkRemoved, checkSets, checkShards } from './sharded/options.ts'
import { createShardedStore } from './sharded/store.ts'

/** Shards between which `shardedStore()` distributes subjects, from a time on. */
export interface ShardSet {
  /**
   * From when on new sessions go to these shards: a time with its zone (ISO 8601), such as `'2027-01-31T09:00:00Z'`,
   * later than that of the set before. Choose a time at which every node has had this configuration for a while: at
   * least as long as a sign-in can take from its `authenticatedAt`, at most a day. Until a node has it, its
   * `revokeAll()` does not make the new shards refuse older credentials. Required, except in the first set.
   */
  from?: string | undefined
  /** The names of the shards. Their order does not matter. */
  shards: readonly string[]
}

/** What `shardedStore()` takes besides the shards. */
export interface ShardedStoreOptions {
  /**
   * The shard sets over time, the oldest first. Sessions stay where they were started. Keep a set in this list until
   * `refreshToken.absoluteSeconds` after the next set has begun. Default: one set of all shards.
   */
  sets?: readonly ShardSet[] | undefined
  /**
   * Names of former shards whose sessions have all expired: a session whose id has such a name does not exist.
   * Sessions of any other unknown shard return 503, because they may exist. Default: none.
   */
  removed?: readonly string[] | undefined
  /** Returns milliseconds since the epoch: this node's clock, by which sets begin. For tests. Default: `Date.now`. */
  clock?: (() => number) | undefined
}

/**
 * Distributes sessions over several stores, of one kind or of different kinds: more writes than one primary can take.
 *
 * All sessions that a subject starts are in one shard, which follows from the `sub`. The id of a session names its
 * shard. A list names its shards `'0'`, `'1'` and so on, and may only grow at its end; an object names them itself,
 * with 1 to 16 letters, digits and `-`. Clients can read the names.
 *
 * Each call is one call of one shard, except: `insert()` for a session that ends others on other shards, which are
 * ended first; `list()`, `revokeAll()` and `trim()` for a subject whose shard has changed between two sets; and the
 * revocation log, which consists of the logs of all shards. `revokeAll()` rejects if one of the subject's shards is
 * down, and must be repeated then.
 *
 * While a shard is down, calls for its sessions reject, and those for others do not. It does not stop the start. Its
 * revocations are stale then, and those of other shards are not. Revoking an access token by its `jti` needs all
 * shards.
 *
 * The store's time is that of the first shard; times of the others are converted, so their clocks may differ. Each
 * shard holds one row that names it. A store with another name stops the start.
 *
 * ```ts
 * import { Redis } from 'ioredis'
 * import { redisStore } from 'fastify-authenticate/stores/redis'
 * import { shardedStore } from 'fastify-authenticate/stores/sharded'
 *
 * const [a, b, c] = ['redis://a', 'redis://b', 'redis://c'].map((url) => redisStore(new Redis(url)))
 * await app.register(authenticate, { issuer, secret, store: shardedStore({ a, b, c }) })
 * ```
 *
 * @param shards the stores, by name or as a list. All nodes need the same ones, and the same first one
 * @throws TypeError for anything that is not a store, and for a wrong option
 */
export function shardedStore(
  shards: readonly SessionStore[] | Readonly<Record<string, SessionStore>>,
  options: ShardedStoreOptions = {}
): SessionStore {
  const stores = checkShards(shards)
  checkOptionNames(options, { factory: 'shardedStore', known: ['sets', 'removed', 'clock'] })
  return createShardedStore({
    stores,
    sets: checkSets(options.sets, [...stores.keys()]),
    removed: checkRemoved(options.removed, [...stores.keys()]),
    clock: checkClock(options.clock, { factory: 'shardedStore' })
  })
}
