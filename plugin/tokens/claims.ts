import { refusal } from '../errors.ts'

/** What every access token of ours carries (RFC 9068 §2.2), and what an application may add. */
export interface StandardClaims {
  readonly iss: string
  readonly aud: string | readonly string[]
  readonly sub: string
  /** Seconds since the epoch. */
  readonly exp: number
  /** Seconds since the epoch. */
  readonly iat: number
  readonly nbf?: number
  readonly jti?: string
  /** The session; absent in tokens for machines. */
  readonly sid?: string
  /** Space-separated, RFC 6749 §3.3. */
  readonly scope?: string
}

/** Claims that only the plugin sets. */
export const reservedClaims = ['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'sid', 'scope'] as const

export interface ClaimsPolicy {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly clockToleranceSeconds: number
  readonly maxLifetimeSeconds: number
  /** Whether times may have a fraction, as RFC 7519 §2 allows. Our own tokens never have one. */
  readonly fractions: boolean
}

/**
 * Checks the claims of a token whose signature is good, in the order of RFC 7519 §4.1, every one of them required
 * but `nbf`, `jti` and `sid`. Whether the application's own claims fit its schema, and whether the token was revoked,
 * are other questions.
 * @param at.now milliseconds since the epoch
 * @param at.allowExpired for signing out only: a session can be ended with a token that has just expired
 * @throws AuthError AUTH_EXPIRED_TOKEN, AUTH_INVALID_TOKEN
 */
export function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  policy: ClaimsPolicy,
  at: { now: number; allowExpired: boolean }
): asserts claims is Readonly<Record<string, unknown>> & StandardClaims {
  const { iss, aud, sub, exp, iat, nbf, jti, sid } = claims
  const isTime = policy.fractions ? isNumericDate : isWholeSeconds
  const kind = policy.fractions ? 'seconds since the epoch' : 'whole seconds since the epoch'
  const latestStart = at.now + policy.clockToleranceSeconds * 1000
  if (iss !== policy.issuer) throw refusal('AUTH_INVALID_TOKEN', 'iss is not the issuer')
  if (!names(aud, policy.audience)) throw refusal('AUTH_INVALID_TOKEN', 'aud does not name this audience')
  if (typeof sub !== 'string' || sub === '') throw refusal('AUTH_INVALID_TOKEN', 'sub is no non-empty string')
  if (!isTime(exp) || !isTime(iat)) throw refusal('AUTH_INVALID_TOKEN', `exp and iat must be ${kind}`)
  if (hasPassed(exp, at.now) && !at.allowExpired) throw refusal('AUTH_EXPIRED_TOKEN', 'exp is not in the future')
  if (!hasPassed(iat, latestStart)) throw refusal('AUTH_INVALID_TOKEN', 'iat is in the future')
  if (exp <= iat) throw refusal('AUTH_INVALID_TOKEN', 'exp is not after iat')
  if (exp - iat > policy.maxLifetimeSeconds) throw refusal('AUTH_INVALID_TOKEN', 'the token lives too long')
  if (nbf !== undefined && !isTime(nbf)) throw refusal('AUTH_INVALID_TOKEN', `nbf must be ${kind}`)
  if (nbf !== undefined && !hasPassed(nbf, latestStart)) throw refusal('AUTH_INVALID_TOKEN', 'nbf is in the future')
  if (!isOptionalString(jti) || !isOptionalString(sid)) throw refusal('AUTH_INVALID_TOKEN', 'jti or sid is no string')
}

function names(aud: unknown, audience: readonly string[]): boolean {
  if (typeof aud === 'string') return audience.includes(aud)
  return (
    Array.isArray(aud) &&
    aud.every((entry) => typeof entry === 'string') &&
    aud.some((entry) => audience.includes(entry))
  )
}

/**
 * Whether a time in seconds is no later than `now` in milliseconds. The milliseconds are divided, because multiplying
 * seconds that have a fraction can pass over the millisecond they mean.
 */
export function hasPassed(seconds: number, now: number): boolean {
  return seconds <= now / 1000
}

/** Whole seconds since the epoch. */
export function isWholeSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** RFC 7519 §2, from 1970 on. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** RFC 6749 §3.3: printable ASCII without space, quote and backslash. */
export function isScopeToken(scope: unknown): scope is string {
  return typeof scope === 'string' && scopeToken.test(scope)
}

/** The scopes of a token or session; none where the claim is absent or ill-typed. */
export function scopesOf(scope: unknown): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ').filter((token) => token !== '') : []
}

/** The claim `roles`: an array of strings; none where it is absent or ill-typed. */
export function rolesOf(roles: unknown): readonly string[] {
  return isRoles(roles) ? roles : []
}

export function isRoles(roles: unknown): roles is readonly string[] {
  return Array.isArray(roles) && roles.every((role) => typeof role === 'string')
}
