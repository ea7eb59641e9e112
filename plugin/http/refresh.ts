import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { createRefresh } from '../sessions/refresh.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { TokenSet } from '../sessions/sessions.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import type { Challenge } from './challenge.ts'
import { needsCrossSiteCheck, type AssertSameSite } from './cross-site.ts'
import { canSetHeaders, carryByRaw, responseState, replyOf } from './response-state.ts'
import type { PresentedCookies, PresentedRefreshToken, SessionCookies } from './session-cookies.ts'
import { respondBearer, respondCookie, type BearerResponse, type CookieResponse } from './token-response.ts'

export interface RefreshParts {
  readonly refresh: ReturnType<typeof createRefresh>
  readonly revocations: Pick<Revocations, 'isSessionRevoked'>
  readonly sessionCookies: SessionCookies | null
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
  readonly emit: Emit
}

/** Codes after which the cookies are of no use any more. */
const final = new Set(['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_REUSED'])

/** Exchanges the refresh token of the body, or else of the cookie, and answers in the transport it came by. */
export function createReplyRefresh(parts: RefreshParts) {
  const { refresh, sessionCookies, assertSameSite, challenge, emit } = parts

  async function byCookie(reply: FastifyReply): Promise<CookieResponse> {
    const { request } = reply
    const presented = sessionCookies?.read(request)
    if (!sessionCookies || !presented?.hasRefresh) {
      throw refusal('AUTH_NO_CREDENTIALS', 'no refresh token was presented')
    }
    if (!canSetHeaders(reply)) {
      throw new TypeError("refresh() by cookie must be called before the response's headers are sent")
    }
    assertSameSite(request)
    return respondCookie(reply, sessionCookies, await exchangeCookie(request, presented, { ...parts, sessionCookies }))
  }

  return async function replyRefresh(
    this: FastifyReply,
    refreshToken?: string
  ): Promise<BearerResponse | CookieResponse> {
    try {
      if (refreshToken === undefined) return await byCookie(this)
      if (typeof refreshToken !== 'string') {
        throw refusal('AUTH_MALFORMED_CREDENTIALS', 'the refresh token is no string')
      }
      return respondBearer(this, await refresh(refreshToken, { assertFits: () => {} }))
    } catch (error) {
      if (error instanceof AuthError && error.code !== 'AUTH_CROSS_SITE') {
        emit({ type: 'token-refused', code: error.code, detail: error.detail, source: null })
      }
      throw challenge(error)
    }
  }
}

/**
 * Lets `authenticate()` renew in place: only the session that the access cookie names, where there is one, and at most
 * once a request, whose later calls share what came of it. Resolves to the new access token, or to `null` where there
 * is nothing to renew from, or where the response could not carry the new cookies.
 */
export function createRenew(parts: RefreshParts) {
  const { sessionCookies, assertSameSite } = parts
  const attempts = new WeakMap<FastifyRequest, Promise<string | null>>()

  return async function renew(request: FastifyRequest, expired: AccessToken | null): Promise<string | null> {
    const known = attempts.get(request)
    if (known !== undefined) return await known
    const reply = replyOf(request)
    if (sessionCookies === null || !canSetHeaders(reply)) return null
    const attempt = exchange({ request, reply, expired, sessionCookies })
    attempts.set(request, attempt)
    return await attempt
  }

  async function exchange({ request, reply, expired, sessionCookies }: Attempt): Promise<string | null> {
    const presented = sessionCookies.read(request)
    if (!presented.hasRefresh || !areOf(presented, expired)) return null
    if (needsCrossSiteCheck(request)) assertSameSite(request)
    const grant = await exchangeCookie(request, presented, { ...parts, sessionCookies })
    sessionCookies.set(request, grant)
    responseState(request).cacheControl = 'private, no-store'
    carryByRaw(reply)
    return grant.accessToken
  }
}

interface Attempt {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly expired: AccessToken | null
  readonly sessionCookies: SessionCookies
}

/** Whether all good refresh cookies, one at least, name the session of the access cookie. */
function areOf({ refresh }: PresentedCookies, expired: AccessToken | null): boolean {
  if (expired === null) return true
  return refresh.length > 0 && refresh.every(({ token }) => token.sessionId === expired.sessionId)
}

/** Cookies that can never work again are cleared, those that may yet are kept. */
async function exchangeCookie(
  request: FastifyRequest,
  presented: PresentedCookies,
  { refresh, revocations, sessionCookies }: RefreshParts & { sessionCookies: SessionCookies }
): Promise<TokenSet> {
  const candidates = withoutEnded(presented.refresh, revocations)
  if (presented.areTooMany || !nameOneSession(candidates)) {
    sessionCookies.clearEverywhere(request)
    throw refusal('AUTH_REFRESH_INVALID', 'the refresh cookies name several sessions, or have too many values')
  }
  try {
    return await refresh(latest(candidates).text, { assertFits: sessionCookies.assertFits })
  } catch (error) {
    if (error instanceof AuthError && final.has(error.code)) sessionCookies.clear(request)
    throw error
  }
}

/** A leftover of a session that has ended does not count beside another's. */
function withoutEnded(
  tokens: readonly PresentedRefreshToken[],
  revocations: RefreshParts['revocations']
): readonly PresentedRefreshToken[] {
  const live = tokens.filter(({ token }) => !revocations.isSessionRevoked(token.sessionId))
  return live.length > 0 ? live : tokens
}

/** Two sessions are nobody's, because one of them may have been planted. */
function nameOneSession(tokens: readonly PresentedRefreshToken[]): boolean {
  return tokens.every(({ token }) => token.sessionId === tokens[0]!.token.sessionId)
}

/** Of one session's, the one that the browser received last. */
function latest([first, ...others]: readonly PresentedRefreshToken[]): PresentedRefreshToken {
  if (first === undefined) throw refusal('AUTH_REFRESH_INVALID', 'the shape or the mac is wrong')
  return others.reduce((one, other) => (other.token.generation > one.token.generation ? other : one), first)
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Exchanges a refresh token for a new access token, and usually a new refresh token. Resolves to the body of the answer.
     * @throws AuthError AUTH_NO_CREDENTIALS, AUTH_MALFORMED_CREDENTIALS, AUTH_REFRESH_INVALID, AUTH_REFRESH_REUSED,
     * AUTH_REFRESH_SUPERSEDED, AUTH_CROSS_SITE, AUTH_STORE_UNAVAILABLE
     * @throws TypeError by cookie, when the response's headers have been sent: nothing is written then
     */
    refresh: ReturnType<typeof createReplyRefresh>
  }
}
