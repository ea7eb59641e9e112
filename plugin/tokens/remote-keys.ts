import { refusal, type AuthError } from '../errors.ts'
import { untilAborted } from '../timeout.ts'
import { problemOf } from './discovery.ts'
import { createLoadKeySet, type KeySetLocation, type LoadKeySet } from './key-set-loader.ts'
import type { KeySet, PublishedKey } from './published-key.ts'

/** The least time between two fetches that unknown `kid`s cause. */
const cooldownMs = 30_000
/** The least time between a failed fetch and the next one. */
const failureCooldownMs = 5000
/** Below `freshMs` the cached set is used; up to `staleMs` it is used during a refetch; beyond that, requests wait. */
const freshMs = 3 * 60_000
const staleMs = 5 * 60_000
/** For this long after a failed fetch, requests use an old set without waiting for the next fetch. */
const outageMs = 60_000
/** A set that is older is no longer used at all. */
const maxAgeMs = 24 * 60 * 60_000

export interface RemoteTiming {
  /** Milliseconds of a clock that never goes back. Default: `performance.now()`. */
  readonly monotonic?: (() => number) | undefined
  /** How long a request waits for an issuer's keys at most, discovery included. Default 3000. */
  readonly timeoutMs?: number | undefined
}

/**
 * The keys that an issuer publishes, or that the application's function returns (RFC 7517 §5), with one deadline for
 * discovery and fetch, a cooldown after failures, and use of the cached set while a newer one is loaded or cannot be.
 */
export class RemoteKeys implements KeySet {
  readonly #monotonic: () => number
  readonly #timeoutMs: number
  #location: KeySetLocation
  #load: LoadKeySet
  #keys: readonly PublishedKey[] = []
  #fetchedAt = -Infinity
  #failedAt = -Infinity
  #running: Promise<void> | undefined

  constructor(location: KeySetLocation, { monotonic = () => performance.now(), timeoutMs = 3000 }: RemoteTiming = {}) {
    this.#location = location
    this.#load = createLoadKeySet(location)
    this.#monotonic = monotonic
    this.#timeoutMs = timeoutMs
  }

  /**
   * Loads by the functions of a newer option from now on, and keeps the keys. Returns `false`, and changes nothing, if
   * that option names another place.
   */
  moveTo(location: KeySetLocation): boolean {
    const { issuer, jwks, jwksUri, allowInsecureRequests } = this.#location
    const isSamePlace =
      issuer === location.issuer &&
      jwksUri === location.jwksUri &&
      typeof jwks === typeof location.jwks &&
      allowInsecureRequests === location.allowInsecureRequests
    if (isSamePlace) {
      this.#location = location
      this.#load = createLoadKeySet(location)
    }
    return isSamePlace
  }

  async get(): Promise<readonly PublishedKey[]> {
    const now = this.#monotonic()
    const age = now - this.#fetchedAt
    if (age < freshMs) return this.#keys
    const fetching = this.#fetchOnce()
    const isUsable = age < staleMs || (age < maxAgeMs && now - this.#failedAt < outageMs)
    if (isUsable) fetching.catch(() => {})
    else {
      await fetching.catch((error: unknown) => {
        if (age >= maxAgeMs) throw error
      })
    }
    return this.#keys
  }

  async reload(): Promise<readonly PublishedKey[]> {
    // A failure is not swallowed here: a key that could not be looked up does not make a token invalid.
    if (this.#monotonic() - this.#fetchedAt >= cooldownMs) await this.#fetchOnce()
    return this.#keys
  }

  /** Concurrent calls share one fetch. */
  async #fetchOnce(): Promise<void> {
    if (this.#running === undefined && this.#monotonic() - this.#failedAt < failureCooldownMs) {
      throw this.#unavailable(`the last attempt failed less than ${failureCooldownMs / 1000} s ago`)
    }
    this.#running ??= this.#fetch().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #fetch(): Promise<void> {
    const deadline = AbortSignal.timeout(this.#timeoutMs)
    try {
      this.#keys = await untilAborted(deadline, this.#load(deadline))
      this.#fetchedAt = this.#monotonic()
    } catch (error) {
      this.#failedAt = this.#monotonic()
      throw this.#unavailable(problemOf(error), { cause: error })
    }
  }

  #unavailable(reason: string, options?: ErrorOptions): AuthError {
    return refusal('AUTH_KEYS_UNAVAILABLE', `cannot fetch the keys of ${this.#location.issuer}: ${reason}`, options)
  }
}
