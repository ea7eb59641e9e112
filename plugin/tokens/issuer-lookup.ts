import { refusal, type AuthError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { optionError } from '../options/option-error.ts'
import { isSafeUrl } from '../options/safe-url.ts'
import { show } from '../options/show.ts'
import { readTrustedIssuer, type FindTrustedIssuer, type TrustedIssuerSettings } from '../options/trusted-issuers.ts'
import { withTimeout } from '../timeout.ts'
import { CallLimit } from './call-limit.ts'
import type { FoundIssuer, IssuerSource } from './issuer-source.ts'
import { LruMap } from './lru-map.ts'
import { reasonOf } from './thrown.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** A known issuer is looked up again after this long, so that one that was removed is not trusted longer. */
const knownMs = 5 * 60_000
/** An issuer that is not trusted is remembered for this long. */
const unknownMs = 60_000
/** The least time between a failed call and the next one for the same issuer. */
const failureMs = 5000
/** For this long after a failed call, requests use what is known without waiting for the next call. */
const outageMs = 60_000
/** What is known of an issuer is not used any longer, however long the calls fail. */
const maxAgeMs = 24 * 60 * 60_000
const maxKnown = 10_000
const maxUnknown = 1000
/** Calls for issuers that are not known: requests cause them, and anybody can invent an issuer. */
const limitOfUnknown = { calls: 600, ms: 60_000 }
const maxLength = 512

export interface IssuerLookupParts {
  readonly findTrustedIssuer: FindTrustedIssuer
  /** The issuers that are this application. They are never looked up. */
  readonly issuers: readonly string[]
  /** @throws TypeError that names the wrong member */
  readonly create: (option: TrustedIssuerSettings, previous: TrustedIssuer | undefined) => TrustedIssuer
  readonly emit: Emit
  /** Milliseconds of a clock that never goes back. Default: `performance.now()`. */
  readonly monotonic?: (() => number) | undefined
  /** How long the application's function may take. Default 3000. */
  readonly timeoutMs?: number | undefined
}

interface KnownIssuer {
  readonly issuer: TrustedIssuer
  /** When the call began that returned it. */
  readonly askedAt: number
  failedAt: number
}

interface UnknownIssuer {
  readonly until: number
  /** Why it is not known whether the issuer is trusted; `null` if it is not trusted. */
  readonly problem: string | null
}

/**
 * Trusted issuers that a function of the application finds: tenants, each with its own identity provider. Anybody can
 * invent issuers, so the calls for unknown ones are limited, and nothing about them displaces a known issuer.
 */
export class IssuerLookup implements IssuerSource {
  readonly isEmpty = false
  readonly names = []
  readonly asks = true
  readonly #parts: IssuerLookupParts
  readonly #monotonic: () => number
  readonly #known = new LruMap<unknown, KnownIssuer>(maxKnown)
  readonly #unknown = new LruMap<string, UnknownIssuer>(maxUnknown)
  readonly #running = new Map<string, Promise<KnownIssuer | null>>()
  readonly #limit = new CallLimit(limitOfUnknown)

  constructor({ monotonic = () => performance.now(), ...parts }: IssuerLookupParts) {
    this.#parts = parts
    this.#monotonic = monotonic
  }

  isKnown(iss: unknown): boolean {
    return this.#known.has(iss)
  }

  async find(iss: unknown, { isLimited } = { isLimited: true }): Promise<FoundIssuer | null> {
    if (!isWellFormed(iss) || this.#parts.issuers.includes(iss)) return null
    const known = this.#known.get(iss)
    return known === undefined ? await this.#findUnknown(iss, isLimited) : await this.#findKnown(iss, known)
  }

  async #findKnown(iss: string, known: KnownIssuer): Promise<FoundIssuer | null> {
    const now = this.#monotonic()
    const age = now - known.askedAt
    if (age < knownMs) return this.#found(known)
    const isPaused = now - known.failedAt < failureMs
    const asking = isPaused ? Promise.reject(cannotAsk(iss, { reason: 'the last call failed' })) : this.#ask(iss, known)
    const hasFailed = now - known.failedAt < outageMs && age < maxAgeMs
    if (hasFailed) {
      asking.catch(() => {})
      return this.#found(known)
    }
    try {
      return this.#found(await asking)
    } catch (error) {
      if (age >= maxAgeMs || !this.isKnown(iss)) throw error
      return this.#found(known)
    }
  }

  async #findUnknown(iss: string, isLimited: boolean): Promise<FoundIssuer | null> {
    const now = this.#monotonic()
    const unknown = this.#unknown.get(iss)
    if (unknown !== undefined && now < unknown.until) {
      if (unknown.problem !== null) throw cannotAsk(iss, { reason: unknown.problem })
      return null
    }
    if (isLimited && !this.#running.has(iss) && !this.#limit.allows(now)) {
      throw cannotAsk(iss, { reason: `there were ${limitOfUnknown.calls} calls for unknown issuers within a minute` })
    }
    return this.#found(await this.#ask(iss, undefined))
  }

  /** While the calls fail, tokens must be checked again as soon as the next call can be made. */
  #found(known: KnownIssuer | null): FoundIssuer | null {
    if (known === null) return null
    const { issuer, askedAt, failedAt } = known
    const until = Math.max(askedAt + knownMs, failedAt + failureMs)
    return { issuer, recheckMs: () => until - this.#monotonic() }
  }

  /** Concurrent calls for one issuer are one call. */
  #ask(iss: string, known: KnownIssuer | undefined): Promise<KnownIssuer | null> {
    let asking = this.#running.get(iss)
    if (asking === undefined) {
      asking = this.#call(iss, known).finally(() => this.#running.delete(iss))
      this.#running.set(iss, asking)
    }
    return asking
  }

  async #call(iss: string, known: KnownIssuer | undefined): Promise<KnownIssuer | null> {
    const { findTrustedIssuer, timeoutMs: ms = 3000, emit } = this.#parts
    const timeoutError = () => optionError('trustedIssuers', `did not return within ${ms} ms`)
    const askedAt = this.#monotonic()
    let hasReturned = false
    try {
      const given = await withTimeout(() => findTrustedIssuer(iss), { ms, timeoutError })
      hasReturned = true
      const issuer = this.#read(given, { iss, previous: known?.issuer })
      return this.#remember(iss, issuer && { issuer, askedAt, failedAt: -Infinity })
    } catch (error) {
      const problem = reasonOf(error)
      const failedAt = this.#monotonic()
      // A function that has returned no longer vouches for the issuer: a removed tenant may be `undefined`.
      if (hasReturned) this.#known.delete(iss)
      if (known === undefined || hasReturned) this.#unknown.set(iss, { until: failedAt + failureMs, problem })
      else known.failedAt = failedAt
      emit({ type: 'issuer-lookup-failed', issuer: iss, reason: problem })
      throw cannotAsk(iss, { reason: problem, cause: error })
    }
  }

  /** An option of another issuer is not used: its keys would sign for the issuer that the token names. */
  #read(
    given: unknown,
    { iss, previous }: { readonly iss: string; readonly previous: TrustedIssuer | undefined }
  ): TrustedIssuer | null {
    if (given === null) return null
    const option = readTrustedIssuer(given)
    if (option.issuer === iss) return this.#parts.create(option, previous)
    const reason = `the function returned another issuer: ${show(option.issuer)}`
    this.#parts.emit({ type: 'issuer-lookup-failed', issuer: iss, reason })
    return null
  }

  #remember(iss: string, found: KnownIssuer | null): KnownIssuer | null {
    if (found === null) {
      this.#known.delete(iss)
      this.#unknown.set(iss, { until: this.#monotonic() + unknownMs, problem: null })
    } else {
      this.#known.set(iss, found)
    }
    return found
  }
}

const https = /^https:\/\/[\w.:[\]-]+(?:\/[\w.~:/@!$&'()*+,;=%[\]-]*)?$/
/** A fetch would leave the path that the application sees (RFC 3986 §5.2.4). */
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i

/** What the application can be called with: an https URL without credentials, dot segments, query and fragment. */
function isWellFormed(iss: unknown): iss is string {
  return (
    typeof iss === 'string' && iss.length <= maxLength && https.test(iss) && !dotSegment.test(iss) && isSafeUrl(iss)
  )
}

function cannotAsk(iss: string, { reason, cause }: { reason: string; cause?: unknown }): AuthError {
  return refusal('AUTH_KEYS_UNAVAILABLE', `cannot find out whether ${iss} is trusted: ${reason}`, { cause })
}
