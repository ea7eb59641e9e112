import type { CompareAndSetResult, SessionStore } from '../session-store.ts'
import { Placement } from './placement.ts'
import { Preparation } from './preparation.ts'
import { createSubscribe } from './push.ts'
import { newSessionId } from './session-id.ts'
import { createSessionInsert } from './session-insert.ts'
import { settledAll } from './settled.ts'
import { createShard, shardError, type Shard } from './shard.ts'
import { ShardClocks } from './shard-clocks.ts'
import { ShardSets } from './shard-sets.ts'
import { ShardedLog } from './sharded-log.ts'
import { SubjectSessions } from './subject-sessions.ts'

/** The options of `shardedStore()`, checked. */
export interface ShardedStoreParts {
  /** By name, in order: the clock of the first is the store's. */
  readonly stores: ReadonlyMap<string, SessionStore>
  /** Names of shards; the oldest set first. */
  readonly sets: readonly { readonly from: number; readonly shards: readonly string[] }[]
  readonly removed: readonly string[]
  /** This node's own clock, by which sets begin. */
  readonly clock: () => number
}

/** The store behind `shardedStore()`. */
export function createShardedStore(parts: ShardedStoreParts): SessionStore {
  const clocks = new ShardClocks({ ask: [...parts.stores.values()].map((store) => () => store.find('')) })
  const shards: ReadonlyMap<string, Shard> = new Map(
    [...parts.stores].map(([name, store], place) => [name, createShard({ name, store, place, clocks })])
  )
  const all = [...shards.values()]
  const sets = new ShardSets(
    parts.sets.map(({ from, shards: names }) => ({ from, shards: names.map((name) => shards.get(name)!) })),
    parts.clock
  )
  const placement = new Placement({ shards, sets, removed: new Set(parts.removed) })
  const subjectSessions = new SubjectSessions(sets)
  const log = new ShardedLog(all)
  const preparation = new Preparation(all)
  const subscribe = createSubscribe(all)

  async function compareAndSet(
    id: string,
    change: (shard: Shard) => Promise<CompareAndSetResult>
  ): Promise<CompareAndSetResult> {
    const shard = placement.shardOf(id)
    return shard === null ? { ...(await placement.assertAbsent(id)), applied: false } : await change(shard)
  }

  async function onAll<T>(work: (store: SessionStore) => Promise<T>): Promise<T[]> {
    return await settledAll(
      all.map(async ({ name, store }) => {
        try {
          return await work(store)
        } catch (error) {
          throw shardError(name, error)
        }
      })
    )
  }

  return {
    shards: { names: [...shards.keys()], of: (id) => placement.nameOf(id) },
    newId: (sub) => newSessionId(sets.current(sub).name),
    prepare: () => preparation.prepare(),
    ...(subscribe && { subscribe }),
    insert: createSessionInsert({ placement, sets, subjectSessions }),

    async find(id) {
      const shard = placement.shardOf(id)
      return shard === null ? await placement.assertAbsent(id) : await shard.find(id)
    },

    rotate: (id, change) => compareAndSet(id, (shard) => shard.rotate(id, change)),
    countRetry: (id, change) => compareAndSet(id, (shard) => shard.countRetry(id, change)),
    countRepeat: (id, change) => compareAndSet(id, (shard) => shard.countRepeat(id, change)),

    async revoke(id, options) {
      const shard = placement.shardOf(id)
      if (shard !== null) return await shard.revoke(id, options)
      const { storeTime } = await placement.assertAbsent(id)
      return { revoked: null, storeTime }
    },

    revokeAll: (subject, options) => subjectSessions.revokeAll(subject, options),
    trim: (subject, options) => subjectSessions.trim(subject, options),
    list: (subject, options) => subjectSessions.list(subject, options),
    appendRevocations: (entries, options) => log.append(entries, options),
    readRevocations: (cursor, limit) => log.read(cursor, limit),

    async sweep() {
      const removed = await onAll((store) => store.sweep())
      return removed.reduce((total, count) => total + count, 0)
    },

    async close() {
      preparation.close()
      await onAll((store) => store.close())
    }
  }
}
