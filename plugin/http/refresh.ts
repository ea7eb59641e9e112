import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { createRefresh } from '../sessions/refresh.ts'
import type { Grant } from '../sessions/sessions.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import type { RefreshTokens } from '../tokens/refresh-token.ts'
import type { Challenge } from './challenge.ts'
import type { Cookies } from './cookies.ts'
import { canActByCookie, type AssertSameSite } from './cross-site.ts'
import { outgoingOf } from './outgoing.ts'
import { respondBearer, respondCookie, type BearerResponse, type CookieResponse } from './token-response.ts'

export interface RefreshParts {
  readonly refresh: ReturnType<typeof createRefresh>
  readonly refreshTokens: RefreshTokens
  readonly cookies: Cookies | null
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
  readonly emit: Emit
}

/** Codes after which the cookies are of no use any more. */
const final = new Set(['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_REUSED'])

/** Exchanges the refresh token of the body, or else of the cookie, and answers in the transport it came by. */
export function createReplyRefresh (parts: RefreshParts) {
  const { refresh, cookies, assertSameSite, challenge, emit } = parts
  const byCookie = createCookieExchange(parts)

  return async function replyRefresh (this: FastifyReply, refreshToken?: string): Promise<BearerResponse | CookieResponse> {
    const { request } = this
    try {
      if (refreshToken !== undefined) {
        if (typeof refreshToken !== 'string') throw refusal('AUTH_MALFORMED_CREDENTIALS', 'the refresh token is no string')
        return respondBearer(request, await refresh(refreshToken, { deliverable: () => {} }))
      }
      const presented = cookies?.read(request, 'refresh') ?? []
      if (cookies === null || presented.length === 0) throw refusal('AUTH_NO_CREDENTIALS', 'no refresh token was presented')
      assertSameSite(request)
      return respondCookie(request, cookies, await byCookie(request, presented))
    } catch (error) {
      if (error instanceof AuthError && error.code !== 'AUTH_CROSS_SITE') emit({ type: 'token-refused', code: error.code, detail: error.detail, source: null })
      throw challenge(error)
    }
  }
}

/**
 * Lets `authenticate()` renew in place: only the session that the access cookie names, where there is one, and at most
 * once a request, whose later calls share what came of it. Resolves to the new access token, or to `null` where there
 * is nothing to renew from.
 */
export function createRenew (parts: RefreshParts) {
  const { refreshTokens, cookies, assertSameSite } = parts
  const byCookie = createCookieExchange(parts)
  const attempts = new WeakMap<FastifyRequest, Promise<string | null>>()

  return async function renew (request: FastifyRequest, expired: AccessToken | null): Promise<string | null> {
    const attempt = attempts.get(request) ?? exchange(request, expired)
    attempts.set(request, attempt)
    return await attempt
  }

  async function exchange (request: FastifyRequest, expired: AccessToken | null): Promise<string | null> {
    const presented = cookies?.read(request, 'refresh') ?? []
    if (cookies === null || presented.length === 0) return null
    const sameSession = expired === null || presented.every((text) => refreshTokens.read(text)?.sessionId === expired.claims.sid)
    if (!sameSession) return null
    if (canActByCookie(request)) assertSameSite(request)
    const grant = await byCookie(request, presented)
    cookies.set(request, grant)
    outgoingOf(request).cacheControl = 'private, no-store'
    return grant.accessToken
  }
}

/** One refresh cookie for a grant; cookies that can never work again are cleared, those that may yet are kept. */
function createCookieExchange ({ refresh, cookies }: RefreshParts) {
  return async function exchange (request: FastifyRequest, [text, second]: string[]): Promise<Grant> {
    try {
      if (text === undefined || second !== undefined) throw refusal('AUTH_REFRESH_INVALID', 'the refresh cookie came twice')
      return await refresh(text, { deliverable: cookies!.deliverable })
    } catch (error) {
      if (error instanceof AuthError && final.has(error.code)) cookies?.clear(request)
      throw error
    }
  }
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Exchanges a refresh token for a new access token, and usually a new refresh token. Resolves to the body of the answer.
     * @throws AuthError AUTH_NO_CREDENTIALS, AUTH_MALFORMED_CREDENTIALS, AUTH_REFRESH_INVALID, AUTH_REFRESH_REUSED,
     * AUTH_REFRESH_SUPERSEDED, AUTH_CROSS_SITE, AUTH_STORE_UNAVAILABLE
     */
    refresh: ReturnType<typeof createReplyRefresh>
  }
}
