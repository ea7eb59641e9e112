import { refusal, type AuthError } from '../errors.ts'
import { scopeToken } from '../options/shape.ts'
import { issuerMismatch } from './mismatch.ts'

/** The registered claims of an access token, RFC 9068 §2.2 and RFC 7519 §4.1. */
export interface StandardClaims {
  /** The issuer. */
  readonly iss: string
  /** The audience: the APIs that the token is meant for. */
  readonly aud: string | readonly string[]
  /** The subject: whom the token was issued for. */
  readonly sub: string
  /** When the token expires, in seconds since the epoch. */
  readonly exp: number
  /** When the token was issued, in seconds since the epoch. */
  readonly iat: number
  /** The token is not valid before this time, in seconds since the epoch. */
  readonly nbf?: number
  /** The token's id, unique for its issuer. */
  readonly jti?: string
  /** The session's id. Absent from tokens without a session. */
  readonly sid?: string
  /** Space-separated scopes, RFC 6749 §3.3. */
  readonly scope?: string
  /** When the user authenticated, in seconds since the epoch (RFC 9470 §6.1). A refresh does not change it. */
  readonly auth_time?: number
  /** The class of that authentication, such as a level of assurance (RFC 9470 §6.1). */
  readonly acr?: string
  /** The methods of that authentication, such as `pwd` and `otp` (RFC 8176). */
  readonly amr?: readonly string[]
}

/** All claims of a token whose registered claims have been checked. */
export type TokenClaims = Readonly<Record<string, unknown>> & StandardClaims

/** Claims that only the plugin may set. */
export const reservedClaims = [
  'iss',
  'aud',
  'sub',
  'exp',
  'nbf',
  'iat',
  'jti',
  'sid',
  'scope',
  'auth_time',
  'acr',
  'amr'
] as const

/** What the claims of one issuer's tokens must satisfy. */
export interface ClaimsPolicy {
  /** The accepted issuers. */
  readonly issuers: readonly string[]
  /** The accepted audiences: `aud` must include one of them. */
  readonly audience: readonly string[]
  /** The claim that is used instead of `aud`, which can then be absent. Default `aud`. */
  readonly audienceClaim?: string
  /** How far `iat` and `nbf` may lie in the future. */
  readonly clockToleranceSeconds: number
  /** The largest difference allowed between `exp` and `iat`. */
  readonly maxLifetimeSeconds: number
  /** Whether times may have a fraction, as RFC 7519 §2 allows. Local tokens never have one. */
  readonly fractions: boolean
}

/** @param audience accepted instead of the policy's; `null` for the policy's */
export function withAudience(policy: ClaimsPolicy, audience: readonly string[] | null): ClaimsPolicy {
  return audience === null ? policy : { ...policy, audience }
}

export interface ClaimsCheck {
  readonly policy: ClaimsPolicy
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Accepts a token after its `exp`. */
  readonly allowExpired: boolean
}

/** @throws AuthError as {@link problemOfClaims} returns it */
export function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  against: ClaimsCheck
): asserts claims is TokenClaims {
  const problem = problemOfClaims(claims, against)
  if (problem !== null) throw problem
}

/**
 * Why the registered claims of a token are refused, whose signature has been verified: AUTH_EXPIRED_TOKEN or
 * AUTH_INVALID_TOKEN; `null` if they are accepted. Checks in the order of RFC 7519 §4.1. All claims are required,
 * except `nbf`, `jti` and `sid`. Does not check the application's claims or revocation.
 */
export function problemOfClaims(
  claims: Readonly<Record<string, unknown>>,
  { policy, now, allowExpired }: ClaimsCheck
): AuthError | null {
  const { iss, sub, exp, iat, nbf, jti, sid } = claims
  const isTime = policy.fractions ? isNumericDate : isWholeSeconds
  const kind = policy.fractions ? 'seconds since the epoch' : 'whole seconds since the epoch'
  const latestStart = now + policy.clockToleranceSeconds * 1000
  if (!policy.issuers.includes(iss as string)) {
    return refusal('AUTH_INVALID_TOKEN', issuerMismatch(iss, policy.issuers))
  }
  const wrong = wrongAudience(claims, policy)
  if (wrong !== undefined) return refusal('AUTH_INVALID_TOKEN', `${wrong} must name an accepted audience`)
  if (typeof sub !== 'string' || sub === '') return refusal('AUTH_INVALID_TOKEN', 'sub must be a non-empty string')
  if (!isTime(exp) || !isTime(iat)) return refusal('AUTH_INVALID_TOKEN', `exp and iat must be ${kind}`)
  if (hasPassed(exp, now) && !allowExpired) return refusal('AUTH_EXPIRED_TOKEN', 'exp is not in the future')
  if (!hasPassed(iat, latestStart)) return refusal('AUTH_INVALID_TOKEN', 'iat is in the future')
  if (exp <= iat) return refusal('AUTH_INVALID_TOKEN', 'exp is not after iat')
  if (exp - iat > policy.maxLifetimeSeconds) {
    return refusal('AUTH_INVALID_TOKEN', 'the lifetime (exp - iat) exceeds maxLifetimeSeconds')
  }
  if (nbf !== undefined && !isTime(nbf)) return refusal('AUTH_INVALID_TOKEN', `nbf must be ${kind}`)
  if (nbf !== undefined && !hasPassed(nbf, latestStart)) return refusal('AUTH_INVALID_TOKEN', 'nbf is in the future')
  if (!isOptionalString(jti) || !isOptionalString(sid)) {
    return refusal('AUTH_INVALID_TOKEN', 'jti and sid must be strings')
  }
  return null
}

/**
 * The audience claim that does not name this API. RFC 7519 §4.1.3: an `aud` that is present must, even if another claim
 * is used.
 */
function wrongAudience(
  claims: Readonly<Record<string, unknown>>,
  { audience, audienceClaim = 'aud' }: Pick<ClaimsPolicy, 'audience' | 'audienceClaim'>
): string | undefined {
  const used = claims.aud === undefined ? [audienceClaim] : [audienceClaim, 'aud']
  return used.find((name) => !isAccepted(claims[name], audience))
}

function isAccepted(aud: unknown, audience: readonly string[]): boolean {
  if (typeof aud === 'string') return audience.includes(aud)
  return (
    Array.isArray(aud) &&
    aud.every((entry) => typeof entry === 'string') &&
    aud.some((entry) => audience.includes(entry))
  )
}

/**
 * Whether a time in seconds is at or before `now` in milliseconds. Dividing the milliseconds is exact enough;
 * multiplying fractional seconds may round to the next millisecond.
 */
export function hasPassed(seconds: number, now: number): boolean {
  return seconds <= now / 1000
}

/** Whole seconds since the epoch. */
export function isWholeSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** A NumericDate of RFC 7519 §2 that is not before 1970. */
export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

export function isScopeToken(scope: unknown): scope is string {
  return typeof scope === 'string' && scopeToken.test(scope)
}

/** The latest time that a `Date` can hold. */
const maxSeconds = 8.64e12

/** The claim `auth_time` in milliseconds since the epoch; `null` if it is absent, malformed or beyond any `Date`. */
export function authenticatedAtOf(authTime: unknown): number | null {
  return isNumericDate(authTime) && authTime <= maxSeconds ? Math.floor(authTime * 1000) : null
}

/** The scopes in the claim `scope`; none if it is absent or not a string. */
export function scopesOf(scope: unknown): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ').filter((token) => token !== '') : []
}

export function isRoles(roles: unknown): roles is readonly string[] {
  return Array.isArray(roles) && roles.every((role) => typeof role === 'string')
}
