import { withTimeout } from '../timeout.ts'
import { refusal } from '../errors.ts'
import type { SessionStore, Timed } from '../stores/session-store.ts'
import type { StoreClock } from './store-clock.ts'
import { checkResult } from './store-results.ts'

/** How long a request waits for the store, all its calls together. */
export const storeTimeoutMs = 2000

type Method = Exclude<keyof SessionStore, 'prepare' | 'subscribe' | 'sweep' | 'close'>

export interface TimedStoreParts {
  readonly store: SessionStore
  readonly storeClock: Pick<StoreClock, 'observe'>
  /** This node's own clock. */
  readonly clock: () => number
  /** Default: {@link storeTimeoutMs}. */
  readonly timeoutMs?: number | undefined
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
}

/**
 * The store with a time limit. A call that rejects, or does not settle in time, throws AUTH_STORE_UNAVAILABLE. The
 * database's error is its `cause`, for logs; clients never see it. Every result is checked, and its time corrects the
 * clock.
 */
export class TimedStore {
  readonly #parts: TimedStoreParts
  readonly #endsAt: number | null

  constructor(parts: TimedStoreParts, endsAt: number | null = null) {
    this.#parts = parts
    this.#endsAt = endsAt
  }

  /** The store for one request: all calls share one time limit. */
  withDeadline(): TimedStore {
    return new TimedStore(this.#parts, this.#now() + this.#timeoutMs)
  }

  get remainingMs(): number {
    return this.#endsAt === null ? this.#timeoutMs : Math.max(0, this.#endsAt - this.#now())
  }

  readonly insert = this.#timed('insert')
  readonly find = this.#timed('find')
  readonly rotate = this.#timed('rotate')
  readonly countRetry = this.#timed('countRetry')
  readonly countRepeat = this.#timed('countRepeat')
  readonly revoke = this.#timed('revoke')
  readonly revokeAll = this.#timed('revokeAll')
  readonly trim = this.#timed('trim')
  readonly list = this.#timed('list')
  readonly appendRevocations = this.#timed('appendRevocations')
  readonly readRevocations = this.#timed('readRevocations')

  /** Applies the time limit to other work of the request, such as a function of the application. */
  async withTimeout<T>(work: () => T | Promise<T>): Promise<T> {
    const ms = this.remainingMs
    const timeoutError = () => new Error(`no response within ${this.#timeoutMs} ms`)
    try {
      return await withTimeout(work, { ms, timeoutError })
    } catch (error) {
      throw refusal('AUTH_STORE_UNAVAILABLE', error instanceof Error ? error.message : String(error), { cause: error })
    }
  }

  #now(): number {
    return (this.#parts.monotonic ?? (() => performance.now()))()
  }

  get #timeoutMs(): number {
    return this.#parts.timeoutMs ?? storeTimeoutMs
  }

  #timed<Name extends Method>(name: Name): SessionStore[Name] {
    const call = async (...args: unknown[]): Promise<Timed> => {
      const { store, storeClock, clock } = this.#parts
      const sentAt = clock()
      const method = store[name] as (...args: unknown[]) => Promise<Timed>
      const result = await this.withTimeout(() => method.apply(store, args))
      checkResult(name, result)
      storeClock.observe({ storeTime: result.storeTime, sentAt, receivedAt: clock() })
      return result
    }
    return call as SessionStore[Name]
  }
}
