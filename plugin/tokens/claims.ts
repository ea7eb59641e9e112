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
}

/**
 * Checks the claims of a token whose signature is good, in the order of RFC 7519 §4.1, every one of them required
 * but `nbf`, `jti` and `sid`. Whether the application's own claims fit its schema, and whether the token was revoked,
 * are other questions.
 * @param at.now milliseconds since the epoch
 * @param at.allowExpired for signing out only: a session can be ended with a token that has just expired
 * @throws AuthError AUTH_EXPIRED_TOKEN, AUTH_INVALID_TOKEN
 */
export function checkClaims (claims: Readonly<Record<string, unknown>>, policy: ClaimsPolicy, at: { now: number, allowExpired: boolean }): asserts claims is Readonly<Record<string, unknown>> & StandardClaims {
  const { iss, aud, sub, exp, iat, nbf, jti, sid } = claims
  const latestStart = at.now + policy.clockToleranceSeconds * 1000
  if (iss !== policy.issuer) throw refusal('AUTH_INVALID_TOKEN', 'iss is not the issuer')
  if (!names(aud, policy.audience)) throw refusal('AUTH_INVALID_TOKEN', 'aud does not name this audience')
  if (typeof sub !== 'string' || sub === '') throw refusal('AUTH_INVALID_TOKEN', 'sub is no non-empty string')
  if (!isSeconds(exp) || !isSeconds(iat)) throw refusal('AUTH_INVALID_TOKEN', 'exp or iat is no integer')
  if (exp * 1000 <= at.now && !at.allowExpired) throw refusal('AUTH_EXPIRED_TOKEN', 'exp is not in the future')
  if (iat * 1000 > latestStart) throw refusal('AUTH_INVALID_TOKEN', 'iat is in the future')
  if (exp - iat > policy.maxLifetimeSeconds) throw refusal('AUTH_INVALID_TOKEN', 'the token lives too long')
  if (nbf !== undefined && !(isSeconds(nbf) && nbf * 1000 <= latestStart)) throw refusal('AUTH_INVALID_TOKEN', 'nbf is no integer, or in the future')
  if (!isOptionalString(jti) || !isOptionalString(sid)) throw refusal('AUTH_INVALID_TOKEN', 'jti or sid is no string')
}

function names (aud: unknown, audience: readonly string[]): boolean {
  if (typeof aud === 'string') return audience.includes(aud)
  return Array.isArray(aud) && aud.every((entry) => typeof entry === 'string') && aud.some((entry) => audience.includes(entry))
}

function isSeconds (value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isOptionalString (value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** RFC 6749 §3.3: printable ASCII without space, quote and backslash. */
export function isScopeToken (scope: unknown): scope is string {
  return typeof scope === 'string' && scopeToken.test(scope)
}

/** The scopes of a token or session; none where the claim is absent or ill-typed. */
export function scopesOf (scope: unknown): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ').filter((token) => token !== '') : []
}

/** The claim `roles`: an array of strings; none where it is absent or ill-typed. */
export function rolesOf (roles: unknown): readonly string[] {
  return Array.isArray(roles) && roles.every((role) => typeof role === 'string') ? roles : []
}
