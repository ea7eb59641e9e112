import { AuthError, refusal } from '../errors.ts'
import { isWholeSeconds, problemOfClaims, withAudience, type ClaimsPolicy, type TokenClaims } from './claims.ts'
import type { MatchesSchema } from './claims-schema.ts'
import { checkHeader, createHeaders, mediaTypes, type ReadHeader } from './header.ts'
import type { JsonObject } from './jws.ts'
import type { KeySource } from './key-source.ts'
import { keyMismatch } from './mismatch.ts'
import type { UnverifiedToken } from './unverified-token.ts'
import type { Verifier } from './verifier.ts'

/** A token and its header. Nothing in it has been verified yet. */
export interface ParsedToken {
  readonly token: UnverifiedToken
  readonly read: ReadHeader
}

export interface LocalVerifierParts {
  readonly policy: ClaimsPolicy
  /** The option `accessToken.type`. */
  readonly type: string | readonly string[] | false
  /** Whether claims match the option `accessToken.claims`. */
  readonly matchesSchema: MatchesSchema
  readonly keys: Pick<KeySource, 'current'>
}

interface CheckOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Accepts a token after its `exp`. */
  readonly allowExpired: boolean
  /** Accepted instead of the policy's audience. Default: `null`, the policy's. */
  readonly audience?: readonly string[] | null
}

/** Verifies local tokens: those that this server, or another one with its keys, has signed. */
export function createLocalVerifier({ policy, type, matchesSchema, keys }: LocalVerifierParts) {
  const acceptedTypes = mediaTypes(type)
  const headers = createHeaders()

  function candidatesOf({ read: { hint } }: ParsedToken): readonly Verifier[] {
    return keys.current().candidates(hint)
  }

  /**
   * The claims of a token with a valid signature. Returns the refusal of a wrong one.
   * @throws AuthError AUTH_INVALID_TOKEN when the token is malformed, or no key or type fits
   */
  function signedClaims(parsed: ParsedToken, types: ReadonlySet<string> | null): JsonObject | AuthError {
    const { token, read } = parsed
    const candidates = candidatesOf(parsed)
    if (candidates.length === 0) {
      throw refusal('AUTH_INVALID_TOKEN', keyMismatch(read.hint, keys.current().keys))
    }
    if (!read.isKnown) checkHeader(read.header, types)
    if (candidates.some((verifier) => token.isSignedBy(verifier))) return token.payload()
    // The signature of a malformed token says less than what is malformed.
    token.decode()
    return refusal('AUTH_INVALID_TOKEN', 'the signature is wrong')
  }

  return {
    /** @throws AuthError AUTH_INVALID_TOKEN when the token is malformed, or its header names no supported key */
    parse: (token: UnverifiedToken): ParsedToken => ({ token, read: headers.read(token) }),

    /** Whether the header names a key that is in use. */
    hasKey: (parsed: ParsedToken): boolean => candidatesOf(parsed).length > 0,

    /**
     * The claims, or the refusal of a wrong signature and of claims. It is returned, because forged and expired tokens
     * come in large numbers, and V8 does not optimize a function that always throws.
     * @throws AuthError AUTH_INVALID_TOKEN when the token is malformed, or no key or type fits
     */
    check(parsed: ParsedToken, { now, allowExpired, audience = null }: CheckOptions): TokenClaims | AuthError {
      const claims = signedClaims(parsed, acceptedTypes)
      if (claims instanceof AuthError) return claims
      headers.remember(parsed.token, parsed.read)
      // Not by spreading an object, which would cost a tenth of the whole check.
      const problem = problemOfClaims(claims, { policy: withAudience(policy, audience), now, allowExpired })
      if (problem !== null) return problem
      if (!matchesSchema(claims)) return refusal('AUTH_INVALID_TOKEN', 'the claims do not match "accessToken.claims"')
      return claims as TokenClaims
    },

    /**
     * The session of a token, for signing out. Must be called for a token whose `iss` is ours. A valid signature and a
     * `sid` suffice: every other requirement may have changed since the token was signed. `null` for a token without a
     * session, and for one that expired more than `maxLifetimeSeconds` ago: no access token of its session can still
     * be valid.
     * @throws AuthError AUTH_INVALID_TOKEN
     */
    sessionIdOf(parsed: ParsedToken, now: number): string | null {
      const { exp, sid } = accepted(signedClaims(parsed, null))
      if (!isWholeSeconds(exp)) throw refusal('AUTH_INVALID_TOKEN', 'exp must be an integer')
      if (sid !== undefined && typeof sid !== 'string') throw refusal('AUTH_INVALID_TOKEN', 'sid must be a string')
      const isTooOld = now / 1000 - exp > policy.maxLifetimeSeconds
      return isTooOld ? null : (sid ?? null)
    }
  }
}

/** @throws AuthError if it is a refusal */
export function accepted<Checked>(outcome: Checked | AuthError): Checked {
  if (outcome instanceof AuthError) throw outcome
  return outcome
}
