import { beforeDeadline } from '../deadline.ts'
import { refusal } from '../errors.ts'
import type { SessionStore } from '../stores/store.ts'

/** How long a request waits for the store. */
export const storeTimeoutMs = 2000

const lateness = () => new Error(`no answer within ${storeTimeoutMs} ms`)

/**
 * The store as requests see it: every call answers within two seconds, or is AUTH_STORE_UNAVAILABLE. What the database
 * said is kept as the `cause`, for logs; no client sees it.
 */
export function createAvailableStore (store: SessionStore) {
  return {
    insert: bounded((...args: Parameters<SessionStore['insert']>) => store.insert(...args)),
    find: bounded((...args: Parameters<SessionStore['find']>) => store.find(...args)),
    rotate: bounded((...args: Parameters<SessionStore['rotate']>) => store.rotate(...args)),
    countRetry: bounded((...args: Parameters<SessionStore['countRetry']>) => store.countRetry(...args)),
    revoke: bounded((...args: Parameters<SessionStore['revoke']>) => store.revoke(...args)),
    revokeAll: bounded((...args: Parameters<SessionStore['revokeAll']>) => store.revokeAll(...args)),
    list: bounded((...args: Parameters<SessionStore['list']>) => store.list(...args)),
    feed: bounded((...args: Parameters<SessionStore['feed']>) => store.feed(...args)),
    readFeed: bounded((...args: Parameters<SessionStore['readFeed']>) => store.readFeed(...args)),
    /** Does nothing where the store cannot push. */
    subscribe: bounded(async (wake: () => void) => { await store.subscribe?.(wake) })
  }
}

export type AvailableStore = ReturnType<typeof createAvailableStore>

/** Bounds a call in time, and gives whatever goes wrong with it the one public name. */
export function bounded<Args extends unknown[], T> (call: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
  return async function answerInTime (...args) {
    try {
      return await beforeDeadline(() => call(...args), { ms: storeTimeoutMs, lateness })
    } catch (error) {
      throw refusal('AUTH_STORE_UNAVAILABLE', error instanceof Error ? error.message : String(error), { cause: error })
    }
  }
}
