import { setTimeout } from 'node:timers/promises'
import { withTimeout } from '../timeout.ts'
import { UnusableStoreError, type SessionStore } from '../stores/session-store.ts'
import type { Revocations } from './revocations.ts'
import { maxSkewMs, type StoreClock } from './store-clock.ts'

/** Together below the 10 s that Fastify gives a hook of the start (`pluginTimeout`). */
const startMs = 9000
/** How long the start waits for the store to be ready, and then for word whether there is push. */
const prepareMs = 5000
const subscribeMs = 1500

export interface StoreStartParts {
  readonly store: SessionStore
  readonly storeClock: StoreClock
  readonly revocations: Revocations
  readonly clock: () => number
  readonly pollSeconds: number
  readonly whenStale: 'accept' | 'refuse'
  readonly log: { info(message: string): void; warn(message: string): void }
}

/**
 * Readies the store, loads the revocation log before the first request, and follows it from then on.
 *
 * A store that cannot work until somebody changes its configuration stops the start, with the database's own reason. A
 * store that is away does not: sign-in and refresh are 503 until it is back, and access tokens are accepted without a
 * revocation list, or refused where `whenStale` is `refuse`.
 */
export function createStoreStart({
  store,
  storeClock,
  revocations,
  clock,
  pollSeconds,
  whenStale,
  log
}: StoreStartParts) {
  const closing = new AbortController()
  let timer: NodeJS.Timeout | undefined

  async function prepare(): Promise<void> {
    if (store.prepare === undefined) return
    const sentAt = clock()
    const { storeTime } = await store.prepare()
    storeClock.observe({ storeTime, sentAt, receivedAt: clock() })
  }

  async function prepareInTime(): Promise<void> {
    try {
      await withTimeout(prepare, {
        ms: prepareMs,
        timeoutError: () => new Error(`it did not respond within ${prepareMs} ms`)
      })
    } catch (error) {
      if (error instanceof UnusableStoreError) {
        throw new Error(`fastify-authenticate cannot use its store: ${error.message}`, { cause: error })
      }
      const meanwhile =
        whenStale === 'refuse'
          ? 'all requests with a token are 503'
          : 'access tokens are accepted without a list of those revoked'
      log.warn(
        `fastify-authenticate starts without its store: ${reasonOf(error)}. Sign-in, refresh and sign-out are 503 until it responds; ${meanwhile}`
      )
      void prepareLater()
    }
  }

  async function prepareLater(): Promise<void> {
    for (;;) {
      await setTimeout(pollSeconds * 1000, undefined, { ref: false, signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return
      try {
        await prepare()
        if (!closing.signal.aborted) log.info('fastify-authenticate: the store responds now')
        return
      } catch (error) {
        if (error instanceof UnusableStoreError) {
          return log.warn(`fastify-authenticate cannot use its store: ${error.message}`)
        }
      }
    }
  }

  async function subscribe(): Promise<void> {
    const timeoutError = () => new Error(`the subscription took over ${subscribeMs} ms`)
    try {
      await withTimeout(
        () =>
          store.subscribe?.(() => {
            void revocations.wake()
          }),
        { ms: subscribeMs, timeoutError }
      )
    } catch (error) {
      log.info(`Sign-outs on other nodes are noticed by polling, every ${pollSeconds} s: ${reasonOf(error)}`)
    }
  }

  return {
    async start(): Promise<void> {
      const startedAt = performance.now()
      await prepareInTime()
      // Before loading, so that nothing falls between the two.
      await subscribe()
      const leftMs = startMs - (performance.now() - startedAt)
      await Promise.race([
        revocations.poll(),
        setTimeout(leftMs, undefined, { ref: false, signal: closing.signal }).catch(() => {})
      ])
      assertClocksAgree(storeClock.excessMs)
      revocations.startServing()
      timer = setInterval(() => {
        void revocations.poll()
      }, pollSeconds * 1000).unref()
    },

    async close(): Promise<void> {
      // Not waited for: a store may take long to connect or to migrate, and it closes after this.
      closing.abort()
      clearInterval(timer)
    }
  }
}

/** By so much, one of the clocks is wrong, and tokens of one node would be refused by another. */
function assertClocksAgree(excessMs: number): void {
  if (excessMs === 0) return
  const direction = excessMs > 0 ? 'ahead of' : 'behind'
  throw new Error(
    `fastify-authenticate cannot use its store: its clock is ${Math.round(Math.abs(excessMs) / 1000)} s ${direction} this node's, and at most ${maxSkewMs / 1000} s are compensated. Set one of them right`
  )
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
