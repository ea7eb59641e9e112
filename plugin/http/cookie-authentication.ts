import type { FastifyRequest } from 'fastify'
import { AuthError, refusal } from '../errors.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { Requirements } from '../tokens/requirements.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'
import { chooseAccessCookie } from './access-cookies.ts'
import { isUpgrade, type CrossSite } from './cross-site.ts'
import type { Renew } from './renew.ts'
import type { SessionCookies } from './session-cookies.ts'

export interface CookieAuthenticationParts {
  readonly accessTokens: Pick<
    AccessTokens,
    'findIssuers' | 'fromCache' | 'readLocal' | 'verify' | 'verifyUncached' | 'verifyIgnoringExpiry'
  >
  readonly revocations: Pick<Revocations, 'assertNotRevoked' | 'reads' | 'wasJustReplaced' | 'isSessionRevoked'>
  /** `null` if the application uses no cookies. */
  readonly sessionCookies: SessionCookies | null
  readonly crossSite: Pick<CrossSite, 'assertAllowsCookie'>
  /** `null` if expired cookies are not renewed. */
  readonly renew: Renew | null
}

interface Presented {
  /** The values of the access cookie; empty if there is none. */
  readonly values: readonly string[]
  /** The verified token of the only value, if it is in the cache. */
  readonly cached: AccessToken | null
  readonly requirements: Requirements
}

/**
 * Verifies the access cookie, or renews it from the refresh cookie. Resolves to `null` if the requirements are optional
 * and no valid token was presented. Clears cookies that can never succeed again.
 * @throws AuthError AUTH_NO_CREDENTIALS, AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_REVOKED_TOKEN, AUTH_CROSS_SITE,
 * AUTH_REFRESH_INVALID, AUTH_STORE_UNAVAILABLE, AUTH_KEYS_UNAVAILABLE
 */
export type CookieAuthentication = (request: FastifyRequest, presented: Presented) => Promise<AccessToken | null>

export function createCookieAuthentication({
  accessTokens,
  revocations,
  sessionCookies,
  crossSite,
  renew
}: CookieAuthenticationParts): CookieAuthentication {
  return async function byCookie(request, { values, cached, requirements }) {
    if (sessionCookies === null || values.length === 0) return await byRefreshCookie(request, requirements)
    await accessTokens.findIssuers(sessionCookies.first(values), requirements.issuers)
    const { access, areTooMany } = sessionCookies.readAccess(values)
    // Cookies of another application count as absent: applications on one host, or on its parent domain, share them.
    if (access.length === 0 && !areTooMany) return await byRefreshCookie(request, requirements)
    const chosen = areTooMany ? null : await chooseAccessCookie(access, { accessTokens, revocations })
    if (chosen === null) {
      sessionCookies.clearEverywhere(request, ['access'])
      throw refusal('AUTH_INVALID_TOKEN', 'none of several access cookies is valid, or they name different sessions')
    }
    const verified = values.length > 1 ? accessTokens.fromCache(chosen.text, requirements.issuers) : cached
    return await byAccessCookie(request, { token: chosen, cached: verified, requirements })
  }

  /** Without an access cookie, a renewal can still authenticate the caller. */
  async function byRefreshCookie(request: FastifyRequest, { optional }: Requirements): Promise<AccessToken | null> {
    const renewed = await renewInPlace(request, { expired: null, optional })
    if (renewed === null && !optional) throw refusal('AUTH_NO_CREDENTIALS', 'no credentials were presented')
    return renewed
  }

  async function byAccessCookie(
    request: FastifyRequest,
    { token, cached, requirements: { issuers, optional } }: AccessCookie
  ): Promise<AccessToken | null> {
    try {
      const verified = cached ?? (await accessTokens.verifyUncached(token, issuers))
      crossSite.assertAllowsCookie(request)
      return await revocations.assertNotRevoked(verified)
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      switch (error.code) {
        case 'AUTH_INVALID_TOKEN':
          sessionCookies?.clear(request, ['access'])
          throw error
        case 'AUTH_EXPIRED_TOKEN': {
          const expired = readIgnoringExpiry(token)
          const renewed = expired === null ? null : await renewInPlace(request, { expired, optional })
          if (renewed === null && !optional) throw error
          return renewed
        }
        case 'AUTH_REVOKED_TOKEN':
          clearEnded(request, readIgnoringExpiry(token))
          if (!optional) throw error
          return null
        default:
          throw error
      }
    }
  }

  async function renewInPlace(
    request: FastifyRequest,
    { expired, optional }: { expired: AccessToken | null; optional: boolean }
  ): Promise<AccessToken | null> {
    if (renew === null || isUpgrade(request)) return null
    try {
      const token = await renew(request, expired)
      return token === null ? null : await revocations.assertNotRevoked(await accessTokens.verify(token))
    } catch (error) {
      if (optional && error instanceof AuthError && error.code === 'AUTH_REFRESH_INVALID') return null
      throw error
    }
  }

  /** A token of our own that is valid in everything but, perhaps, `exp`; `null` for any other. */
  function readIgnoringExpiry(token: UnverifiedToken): AccessToken | null {
    try {
      return accessTokens.verifyIgnoringExpiry(token)
    } catch (error) {
      if (error instanceof AuthError) return null
      throw error
    }
  }

  /**
   * Clears the cookies of a session that has ended, but not the refresh cookie of another session. Not if a sign-in
   * has just replaced it: the browser may have received the new cookies after it sent this request.
   */
  function clearEnded(request: FastifyRequest, token: AccessToken | null): void {
    if (sessionCookies === null || token === null) return
    const { sessionId } = token
    if (sessionId !== null && revocations.wasJustReplaced(sessionId)) return
    const hasEnded = sessionId !== null && revocations.isSessionRevoked(sessionId)
    const isOfRefresh = sessionCookies.read(request).refresh.some((token) => token.sessionId === sessionId)
    sessionCookies.clear(request, hasEnded && isOfRefresh ? ['access', 'refresh'] : ['access'])
  }
}

interface AccessCookie {
  readonly token: UnverifiedToken
  readonly cached: AccessToken | null
  readonly requirements: Requirements
}
