import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AccessToken } from '../tokens/access-token.ts'
import type { CrossSite } from './cross-site.ts'
import { exchangeRefreshCookie, type ExchangeParts } from './refresh-cookies.ts'
import { canSetHeaders, carryByRaw, replyOf, responseState } from './response-state.ts'
import type { PresentedRefresh } from './session-cookies.ts'

/**
 * Exchanges the refresh cookie in place and resolves to the new access token. Resolves to `null` if there is nothing to
 * renew from, or if the response cannot carry the new cookies.
 * @param expired the token of the access cookie, if there is one: only its session is renewed
 * @throws AuthError as `refresh()`
 */
export type Renew = (request: FastifyRequest, expired: AccessToken | null) => Promise<string | null>

export interface RenewParts extends ExchangeParts {
  readonly crossSite: Pick<CrossSite, 'assertAllowsCookie'>
}

/** Lets `authenticate()` renew at most once a request: its later calls share the outcome. */
export function createRenew({ crossSite, ...exchangeParts }: RenewParts): Renew {
  const { sessionCookies } = exchangeParts
  const attempts = new WeakMap<FastifyRequest, Promise<string | null>>()

  return async function renew(request, expired) {
    const known = attempts.get(request)
    if (known !== undefined) return await known
    const reply = replyOf(request)
    if (!canSetHeaders(reply)) return null
    const attempt = exchange(reply, expired)
    attempts.set(request, attempt)
    return await attempt
  }

  async function exchange(reply: FastifyReply, expired: AccessToken | null): Promise<string | null> {
    const { request } = reply
    const presented = sessionCookies.readRefresh(request)
    if (!presented.hasRefresh || !belongTo(expired, presented)) return null
    crossSite.assertAllowsCookie(request)
    const tokens = await exchangeRefreshCookie(request, { ...exchangeParts, presented })
    sessionCookies.set(request, tokens)
    responseState(request).cacheControl = 'private, no-store'
    carryByRaw(reply)
    return tokens.accessToken
  }
}

/** Whether there are good refresh cookies, and all of them belong to the session of the access cookie. */
function belongTo(expired: AccessToken | null, { refresh }: PresentedRefresh): boolean {
  if (expired === null) return true
  return refresh.length > 0 && refresh.every(({ sessionId }) => sessionId === expired.sessionId)
}
