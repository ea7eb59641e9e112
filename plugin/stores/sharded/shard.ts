import {
  UnusableStoreError,
  type CountRetryChange,
  type Revocation,
  type SessionStore,
  type Timed
} from '../session-store.ts'
import { assertIdentity } from './shard-identity.ts'
import type { ShardClocks } from './shard-clocks.ts'
import { shifted, shiftedTime } from './shifted.ts'

export interface ShardParts {
  readonly name: string
  readonly store: SessionStore
  /** Its position among the clocks. */
  readonly place: number
  readonly clocks: ShardClocks
}

export type Shard = ReturnType<typeof createShard>

/**
 * One of the stores. Its times are by the store's common clock, in what it receives and in what it returns, and its
 * errors say which shard has failed.
 */
export function createShard({ name, store, place, clocks }: ShardParts) {
  async function call<Result extends Timed>(send: () => Promise<Result>): Promise<Result> {
    const sentAt = clocks.now()
    try {
      const result = await send()
      await clocks.observe(place, { storeTime: result.storeTime, sentAt })
      return shifted(result, -clocks.aheadMs(place))
    } catch (error) {
      throw shardError(name, error)
    }
  }

  const find = (id: string) => call(() => store.find(id))
  const own = (time: number) => shiftedTime(time, clocks.aheadMs(place))

  return {
    name,
    store,
    find,
    prepare: (): Promise<Timed> =>
      call(async () => {
        await store.prepare?.()
        return await assertIdentity(store, name)
      }),
    insert: (...args: Parameters<SessionStore['insert']>) => call(() => store.insert(...args)),
    rotate: (...args: Parameters<SessionStore['rotate']>) => call(() => store.rotate(...args)),
    countRetry: (id: string, { retries, keepRetries, ...change }: CountRetryChange) =>
      call(() => store.countRetry(id, { ...change, retries: retries.map(own), keepRetries: keepRetries.map(own) })),
    countRepeat: (...args: Parameters<SessionStore['countRepeat']>) => call(() => store.countRepeat(...args)),
    revoke: (...args: Parameters<SessionStore['revoke']>) => call(() => store.revoke(...args)),
    revokeAll: (...args: Parameters<SessionStore['revokeAll']>) => call(() => store.revokeAll(...args)),
    trim: (...args: Parameters<SessionStore['trim']>) => call(() => store.trim(...args)),
    list: (...args: Parameters<SessionStore['list']>) => call(() => store.list(...args)),
    async append(entries: readonly Revocation[], options: { readonly lifetimeSeconds: number }): Promise<Timed> {
      if (!clocks.isKnown(place)) await find('')
      return await call(() => store.appendRevocations(entries.map(ownEntry), options))
    },
    readRevocations: (...args: Parameters<SessionStore['readRevocations']>) =>
      call(() => store.readRevocations(...args)),
    /** False until its clock has been compared with the common one: then times of the two must not be compared. */
    hasKnownClock: (): boolean => clocks.isKnown(place),
    /** An entry of the log, by the common clock. */
    commonEntry: (entry: Revocation): Revocation => ({
      ...entry,
      until: shiftedTime(entry.until, -clocks.aheadMs(place))
    })
  }

  function ownEntry(entry: Revocation): Revocation {
    return { ...entry, until: own(entry.until) }
  }
}

/** The error of a shard, which says which one it was. What the database said stays its `cause`. */
export function shardError(name: string, error: unknown): Error {
  const message = `shard "${name}": ${error instanceof Error ? error.message || error.name : String(error)}`
  return error instanceof UnusableStoreError
    ? new UnusableStoreError(message, { cause: error })
    : new Error(message, { cause: error })
}
