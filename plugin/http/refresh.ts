import type { FastifyReply } from 'fastify'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Refresh } from '../sessions/refresh.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { RefreshTokens } from '../tokens/refresh-token.ts'
import type { Challenge } from './challenge.ts'
import type { CrossSite } from './cross-site.ts'
import { emitRefusal } from './refusal-event.ts'
import { exchangeRefreshCookie } from './refresh-cookies.ts'
import { canSetHeaders } from './response-state.ts'
import type { SessionCookies } from './session-cookies.ts'
import { respondBearer, respondCookie, type BearerResponse, type CookieResponse } from './token-response.ts'

export interface ReplyRefreshParts {
  readonly refresh: Refresh
  readonly refreshTokens: Pick<RefreshTokens, 'read'>
  readonly revocations: Pick<Revocations, 'reads' | 'wasJustReplaced' | 'isSessionRevoked'>
  /** `null` if the application uses no cookies. */
  readonly sessionCookies: SessionCookies | null
  readonly crossSite: Pick<CrossSite, 'assertSameSite'>
  readonly challenge: Challenge
  readonly emit: Emit
}

/** `reply.refresh()` */
export function createReplyRefresh({
  refresh,
  refreshTokens,
  revocations,
  sessionCookies,
  crossSite,
  challenge,
  emit
}: ReplyRefreshParts) {
  async function byCookie(reply: FastifyReply): Promise<CookieResponse> {
    const { request } = reply
    const presented = sessionCookies?.readRefresh(request)
    if (!sessionCookies || !presented?.hasRefresh) {
      throw refusal('AUTH_NO_CREDENTIALS', 'no refresh token was presented')
    }
    if (!canSetHeaders(reply)) {
      throw new TypeError("refresh() by cookie must be called before the response's headers are sent")
    }
    crossSite.assertSameSite(request)
    const tokens = await exchangeRefreshCookie(request, { presented, refresh, revocations, sessionCookies })
    return respondCookie(reply, { sessionCookies, tokens })
  }

  return async function replyRefresh(
    this: FastifyReply,
    refreshToken?: string
  ): Promise<BearerResponse | CookieResponse> {
    try {
      if (refreshToken === undefined) return await byCookie(this)
      if (typeof refreshToken !== 'string') {
        throw refusal('AUTH_MALFORMED_CREDENTIALS', 'the refresh token must be a string')
      }
      const token = refreshTokens.read(refreshToken)
      if (token === null) throw refusal('AUTH_REFRESH_INVALID', 'the refresh token is malformed, or its mac is wrong')
      return respondBearer(this, await refresh(token, { assertFits: () => {} }))
    } catch (error) {
      emitRefusal(error, { emit })
      throw challenge(error, { request: this.request })
    }
  }
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Exchanges a refresh token for a new access token and, usually, a new refresh token. Reads the token from the
     * argument, or else from the refresh cookie. Resolves to the body of the response, which uses the same transport:
     * with the argument the tokens are in the body (RFC 6749 §5.1), by cookie they are in cookies.
     *
     * Within `refreshToken.retrySeconds` of sign-in or of the last exchange, the same token returns. An older token
     * that returns counts as stolen and ends the session (RFC 9700 §4.14.2).
     * ```ts
     * app.post('/refresh', async (request, reply) => reply.refresh())
     * ```
     * @param refreshToken the refresh token of a bearer client. Default: the refresh cookie
     * @throws AuthError AUTH_NO_CREDENTIALS, AUTH_MALFORMED_CREDENTIALS, AUTH_REFRESH_INVALID, AUTH_REFRESH_REUSED,
     * AUTH_REFRESH_SUPERSEDED, AUTH_CROSS_SITE, AUTH_STORE_UNAVAILABLE, AUTH_TOKEN_TOO_LARGE
     * @throws TypeError by cookie, if the response's headers have been sent: nothing is written then
     */
    refresh: ReturnType<typeof createReplyRefresh>
  }
}
