import { withTimeout } from '../timeout.ts'
import { refusal } from '../errors.ts'
import type { SessionStore } from '../stores/session-store.ts'
import type { StoreClock } from './store-clock.ts'
import { checkResult } from './store-results.ts'

/** How long a request waits for the store, all its calls together. */
export const storeTimeoutMs = 2000

/** The calls of {@link SessionStore} that requests make. */
type Method =
  | 'insert'
  | 'find'
  | 'rotate'
  | 'countRetry'
  | 'countRepeat'
  | 'revoke'
  | 'revokeAll'
  | 'trim'
  | 'list'
  | 'appendRevocations'
  | 'readRevocations'
type Arguments<Name extends Method> = Parameters<SessionStore[Name]>
type Result<Name extends Method> = Awaited<ReturnType<SessionStore[Name]>>

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

  insert(...args: Arguments<'insert'>): Promise<Result<'insert'>> {
    return this.#call('insert', args)
  }

  find(...args: Arguments<'find'>): Promise<Result<'find'>> {
    return this.#call('find', args)
  }

  rotate(...args: Arguments<'rotate'>): Promise<Result<'rotate'>> {
    return this.#call('rotate', args)
  }

  countRetry(...args: Arguments<'countRetry'>): Promise<Result<'countRetry'>> {
    return this.#call('countRetry', args)
  }

  countRepeat(...args: Arguments<'countRepeat'>): Promise<Result<'countRepeat'>> {
    return this.#call('countRepeat', args)
  }

  revoke(...args: Arguments<'revoke'>): Promise<Result<'revoke'>> {
    return this.#call('revoke', args)
  }

  revokeAll(...args: Arguments<'revokeAll'>): Promise<Result<'revokeAll'>> {
    return this.#call('revokeAll', args)
  }

  trim(...args: Arguments<'trim'>): Promise<Result<'trim'>> {
    return this.#call('trim', args)
  }

  list(...args: Arguments<'list'>): Promise<Result<'list'>> {
    return this.#call('list', args)
  }

  appendRevocations(...args: Arguments<'appendRevocations'>): Promise<Result<'appendRevocations'>> {
    return this.#call('appendRevocations', args)
  }

  readRevocations(...args: Arguments<'readRevocations'>): Promise<Result<'readRevocations'>> {
    return this.#call('readRevocations', args)
  }

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
    const { monotonic } = this.#parts
    return monotonic === undefined ? performance.now() : monotonic()
  }

  get #timeoutMs(): number {
    return this.#parts.timeoutMs ?? storeTimeoutMs
  }

  async #call<Name extends Method>(name: Name, args: Arguments<Name>): Promise<Result<Name>> {
    const { store, storeClock, clock } = this.#parts
    const sentAt = clock()
    const method = store[name] as (...args: unknown[]) => Promise<Result<Name>>
    const result = await this.withTimeout(() => method.apply(store, args))
    checkResult(name, result)
    storeClock.observe({ storeTime: result.storeTime, sentAt, receivedAt: clock() })
    return result
  }
}
