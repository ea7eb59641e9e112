import { setTimeout } from 'node:timers/promises'
import { withTimeout } from '../timeout.ts'
import type { Settings } from '../options/options.ts'
import { UnusableStoreError, type PushListener, type SessionStore } from '../stores/session-store.ts'
import type { RevocationReads } from './revocation-reads.ts'
import type { Revocations } from './revocations.ts'
import { maxSkewMs, type StoreClock } from './store-clock.ts'

/** Less than the 10 s that Fastify gives an `onReady` hook (`pluginTimeout`). */
const startMs = 9000
/** How much of this the start waits for `prepare()`, and then for `subscribe()`. */
const prepareMs = 5000
const subscribeMs = 1500

export interface StoreStartParts {
  readonly store: Pick<SessionStore, 'prepare' | 'subscribe'>
  readonly storeClock: Pick<StoreClock, 'observe' | 'excessMs'>
  readonly revocations: Pick<Revocations, 'recordPushed' | 'startServing'> & {
    readonly reads: Pick<RevocationReads, 'poll' | 'pollIfDue' | 'wake' | 'heartbeat'>
  }
  /** This node's own clock. */
  readonly clock: () => number
  /** Seconds between two polls of the log, and between two attempts to reach a store that is down. */
  readonly pollSeconds: number
  readonly whenStale: Settings['revocation']['whenStale']
  readonly log: { info(message: string): void; warn(message: string): void }
}

/**
 * Prepares the store, reads the revocation log before the first request, and polls it from then on.
 *
 * A store that cannot work until its configuration changes stops the start, with the reason of the database. A store
 * that is down does not. Until it responds, sign-in and refresh return 503; access tokens are accepted without a
 * revocation list, or refused if `whenStale` is `refuse` or `ask`.
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
  const listener: PushListener = {
    wake() {
      void revocations.reads.wake()
    },
    revoked(entries) {
      revocations.recordPushed(entries)
    },
    heartbeat() {
      revocations.reads.heartbeat()
    }
  }
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
        whenStale === 'accept'
          ? 'access tokens are accepted even if they are revoked'
          : 'so do all requests with a token'
      log.warn(
        `fastify-authenticate starts without its store: ${reasonOf(error)}. ` +
          `Until it responds, sign-in, refresh and sign-out return 503, and ${meanwhile}`
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
        if (!closing.signal.aborted) log.info('The store of fastify-authenticate responds now')
        return
      } catch (error) {
        if (error instanceof UnusableStoreError) {
          return log.warn(`fastify-authenticate cannot use its store: ${error.message}`)
        }
      }
    }
  }

  async function subscribe(): Promise<void> {
    const timeoutError = () => new Error(`subscribe() did not resolve within ${subscribeMs} ms`)
    try {
      await withTimeout(() => store.subscribe?.(listener), { ms: subscribeMs, timeoutError })
    } catch (error) {
      log.info(`Sign-outs on other nodes take effect here within ${pollSeconds} s, by polling only: ${reasonOf(error)}`)
    }
  }

  return {
    async start(): Promise<void> {
      const startedAt = performance.now()
      await prepareInTime()
      // Before the first poll, so that no entry is missed in between.
      await subscribe()
      const leftMs = startMs - (performance.now() - startedAt)
      await Promise.race([
        revocations.reads.poll(),
        setTimeout(leftMs, undefined, { ref: false, signal: closing.signal }).catch(() => {})
      ])
      assertClocksAgree(storeClock.excessMs)
      revocations.startServing()
      timer = setInterval(() => {
        void revocations.reads.pollIfDue()
      }, pollSeconds * 1000).unref()
    },

    async close(): Promise<void> {
      // A running `prepare()` is not awaited: connecting or migrating can take long, and the store closes next.
      closing.abort()
      clearInterval(timer)
    }
  }
}

/** With a larger difference, other nodes would refuse this node's tokens. */
function assertClocksAgree(excessMs: number): void {
  if (excessMs === 0) return
  const direction = excessMs > 0 ? 'ahead of' : 'behind'
  throw new Error(
    `fastify-authenticate cannot use its store: its clock is ${Math.round(Math.abs(excessMs) / 1000)} s ${direction} ` +
      `this node's, and at most ${maxSkewMs / 1000} s are compensated. Correct one of the clocks`
  )
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
