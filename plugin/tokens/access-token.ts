import { authenticatedAtOf, isRoles, type TokenClaims } from './claims.ts'
import { deepFreeze } from './deep-freeze.ts'
import { flatCopy } from './flat-copy.ts'
import { sharedScopes, sharedText } from './shared-values.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** An access token that has passed every check but revocation. One object, because thousands are kept in memory. */
export interface AccessToken {
  readonly text: string
  /** The claims as they were signed. Deep-frozen, because requests share them. */
  readonly claims: TokenClaims
  /** What the application sees as the user. For an external issuer's token, `scope` and `roles` come from `map`. */
  readonly user: TokenClaims
  /** `null` for tokens without a session: machines' and external issuers', whatever their `sid`. */
  readonly sessionId: string | null
  /** Whether this application issued it, under any of its issuers. */
  readonly isOwn: boolean
  /** `auth_time` in milliseconds since the epoch; `null` if it is absent or malformed. */
  readonly authenticatedAt: number | null
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** Seconds since the epoch: the later of `iat` and `nbf`. */
  readonly validFrom: number
  /** Seconds since the epoch: `exp`, or earlier, when an external issuer's token must be verified again. */
  readonly validUntil: number
  /**
   * Whole seconds of the monotonic clock: when an external issuer's token must be verified again at the latest, also if
   * this node's clock was set back. 0 for local tokens, which need not be.
   */
  readonly recheckAt: number
  /** Written by `Revocations` only: the version of the list at which this token was last found valid. */
  checkedAtVersion: number
  /** Written by the cache only. */
  wasUsed: boolean
}

export function localAccessToken(text: string, claims: TokenClaims): AccessToken {
  shareTexts(claims)
  deepFreeze(claims)
  const { sid = null, exp } = claims
  return accessToken(text, { claims, user: claims, sessionId: sid, isOwn: true, validUntil: exp, recheckAt: 0 })
}

/** When a token must be verified again: by two clocks, because one stands still at times and the other is set. */
export interface Recheck {
  /** Seconds since the epoch, by this node's clock. */
  readonly wall: number
  /** Whole seconds of the monotonic clock. */
  readonly monotonic: number
}

export interface ExternalClaims {
  readonly claims: TokenClaims
  readonly issuer: Pick<TrustedIssuer, 'map'>
  readonly recheck: Recheck
}

/** Frozen before `map` is called, so that `claims` stay as they were signed. */
export function externalAccessToken(text: string, { claims, issuer, recheck }: ExternalClaims): AccessToken {
  shareTexts(claims)
  deepFreeze(claims)
  const { scope: _scope, roles: _roles, ...others } = claims
  const user = Object.freeze({ ...others, ...issuer.map(claims) })
  const validUntil = Math.min(claims.exp, recheck.wall)
  return accessToken(text, { claims, user, sessionId: null, isOwn: false, validUntil, recheckAt: recheck.monotonic })
}

/** Claims that are the same in most tokens. Without a copy in each token, a tenth less memory is needed. */
const commonClaims = ['iss', 'aud', 'scope'] as const

function shareTexts(claims: Record<string, unknown>): void {
  // Of several cookies, the chosen one is verified twice.
  if (Object.isFrozen(claims)) return
  for (const name of commonClaims) {
    const value = claims[name]
    if (typeof value === 'string') claims[name] = sharedText(value)
  }
}

const none: readonly never[] = Object.freeze([])

/** Scopes and roles are read from the user, so that the application sees the ones that routes check. */
function accessToken(
  text: string,
  parts: Pick<AccessToken, 'claims' | 'user' | 'sessionId' | 'isOwn' | 'validUntil' | 'recheckAt'>
): AccessToken {
  const { claims, user, sessionId, isOwn, validUntil, recheckAt } = parts
  const { iat, nbf = iat } = claims
  return {
    text: flatCopy(text),
    claims,
    user,
    sessionId,
    isOwn,
    authenticatedAt: authenticatedAtOf(claims.auth_time),
    scopes: typeof user.scope === 'string' ? sharedScopes(user.scope) : none,
    roles: isRoles(user.roles) ? user.roles : none,
    validFrom: Math.max(iat, nbf),
    validUntil,
    recheckAt,
    checkedAtVersion: -1,
    wasUsed: false
  }
}

/** A token is revoked by issuer and `jti`, never by its text: several texts can encode the same signed token. */
export function tokenRevocationId(iss: string, jti: string): string {
  return `${withoutSpaces(iss)} ${jti}`
}

/** A space in an issuer would let one pair pass as another. */
function withoutSpaces(iss: string): string {
  return iss.replaceAll(' ', '%20')
}

/** Reads {@link tokenRevocationId}. The known issuers are named as they are, whatever characters they have. */
export function createReadTokenRevocationId(issuers: readonly string[]) {
  const known = new Map(issuers.map((issuer) => [withoutSpaces(issuer), issuer]))

  return function readTokenRevocationId(id: string): { issuer: string; jti: string } {
    const space = id.indexOf(' ')
    const issuer = id.slice(0, space)
    return { issuer: known.get(issuer) ?? issuer, jti: id.slice(space + 1) }
  }
}
