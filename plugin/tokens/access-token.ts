import { authenticatedAtOf, rolesOf, scopesOf, type TokenClaims } from './claims.ts'
import { deepFreeze } from './deep-freeze.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** An access token that has passed every check but revocation. */
export interface AccessToken {
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
  /** Written by `Revocations` only: the version of the list at which this token was last found valid. */
  checkedAtVersion: number
}

export function localAccessToken(claims: TokenClaims): AccessToken {
  deepFreeze(claims)
  return accessToken({ claims, user: claims, sessionId: claims.sid ?? null, isOwn: true })
}

/** Frozen before `map` is called, so that `claims` stay as they were signed. */
export function externalAccessToken(claims: TokenClaims, issuer: Pick<TrustedIssuer, 'map'>): AccessToken {
  deepFreeze(claims)
  const { scope: _scope, roles: _roles, ...others } = claims
  const user = Object.freeze({ ...others, ...issuer.map(claims) })
  return accessToken({ claims, user, sessionId: null, isOwn: false })
}

/** Scopes and roles are read from the user, so that the application sees the ones that routes check. */
function accessToken(parts: Pick<AccessToken, 'claims' | 'user' | 'sessionId' | 'isOwn'>): AccessToken {
  const { claims, user, sessionId, isOwn } = parts
  const scopes = Object.freeze(scopesOf(user.scope))
  const roles = Object.freeze(rolesOf(user.roles))
  const authenticatedAt = authenticatedAtOf(claims.auth_time)
  return { claims, user, sessionId, isOwn, authenticatedAt, scopes, roles, checkedAtVersion: -1 }
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
    const [issuer = ''] = id.split(' ', 1)
    return { issuer: known.get(issuer) ?? issuer, jti: id.slice(issuer.length + 1) }
  }
}
