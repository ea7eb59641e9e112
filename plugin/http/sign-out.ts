import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { Challenge } from './challenge.ts'
import { isToken68, readCredentials } from './credentials.ts'
import type { AssertSameSite } from './cross-site.ts'
import { sessionsInCookies } from './request-sessions.ts'
import { carryByRaw } from './response-state.ts'
import type { PresentedCookies, SessionCookies } from './session-cookies.ts'

export interface SignOutParts {
  readonly sessions: Sessions
  readonly accessTokens: AccessTokens
  readonly sessionCookies: SessionCookies | null
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
  readonly emit: Emit
}

/**
 * Ends the session that the argument names, else the header, else the cookies. Nothing to end is success; what cannot
 * be read is not nothing.
 */
export function createSignOut({
  sessions,
  accessTokens,
  sessionCookies,
  assertSameSite,
  challenge,
  emit
}: SignOutParts) {
  async function end(reply: FastifyReply, refreshToken: unknown): Promise<void> {
    if (refreshToken === undefined) return await endByRequest(reply)
    if (typeof refreshToken !== 'string') throw refusal('AUTH_MALFORMED_CREDENTIALS', 'the refresh token is no string')
    await sessions.endByRefreshToken(refreshToken)
  }

  async function endByRequest(reply: FastifyReply): Promise<void> {
    // Without a cookie name, the header alone is read.
    const header = readCredentials(reply.request.raw, null)
    switch (header.kind) {
      case 'foreign':
        throw refusal('AUTH_NO_CREDENTIALS', 'an Authorization of another scheme or shape')
      case 'malformed':
        throw refusal('AUTH_MALFORMED_CREDENTIALS', header.detail)
      case 'header':
        return await endByHeader(header.token)
      default:
        await endByCookies(reply)
    }
  }

  async function endByHeader(token: string): Promise<void> {
    if (!isToken68(token)) throw refusal('AUTH_MALFORMED_CREDENTIALS', 'not exactly one token68')
    const id = await accessTokens.namedSession(accessTokens.parse(token))
    if (id !== null) await sessions.signOut(id)
  }

  async function endByCookies(reply: FastifyReply): Promise<void> {
    const { request } = reply
    const presented = sessionCookies?.read(request)
    if (!sessionCookies || !presented || isEmpty(presented)) return
    assertSameSite(request)
    // First, so that the browser forgets them even if the store cannot be told.
    clearCookies(request, presented.areTooMany)
    carryByRaw(reply)
    const { ids, refreshTokens, problem } = await sessionsInCookies(presented, accessTokens)
    const store = sessions.begin()
    const results = await Promise.allSettled([
      ...ids.map((id) => sessions.signOut(id, store)),
      ...refreshTokens.map((text) => sessions.endByRefreshToken(text, store))
    ])
    for (const result of results) if (result.status === 'rejected') throw result.reason
    if (problem !== null) throw problem
  }

  function clearCookies(request: FastifyRequest, areTooMany: boolean): void {
    if (areTooMany) sessionCookies?.clearEverywhere(request)
    else sessionCookies?.clear(request)
  }

  return async function signOut(this: FastifyReply, refreshToken?: string): Promise<void> {
    try {
      await end(this, refreshToken)
    } catch (error) {
      if (error instanceof AuthError && error.code !== 'AUTH_CROSS_SITE') {
        emit({ type: 'token-refused', code: error.code, detail: error.detail, source: null })
      }
      throw challenge(error)
    }
  }
}

function isEmpty({ access, hasRefresh, areTooMany }: PresentedCookies): boolean {
  return access.length === 0 && !hasRefresh && !areTooMany
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Ends the caller's session: its access tokens are refused by this process before this resolves, by others within
     * moments. Succeeds when there is nothing to end: no credentials, a token without a session, or one that expired more
     * than `accessToken.maxLifetimeSeconds` ago. An access token needs a good signature, our `iss` and a `sid`, nothing
     * else. By cookie, both cookies are cleared in any case, and at most 4 sessions end.
     * @throws AuthError AUTH_INVALID_TOKEN, AUTH_NO_CREDENTIALS or AUTH_MALFORMED_CREDENTIALS for a header that cannot be
     * read; AUTH_CROSS_SITE; AUTH_MALFORMED_CREDENTIALS for cookies of more than 4 sessions or 8 values; AUTH_STORE_UNAVAILABLE
     * (refused here all the same); AUTH_KEYS_UNAVAILABLE while `keys` cannot be loaded and the token's key is unknown
     */
    signOut: ReturnType<typeof createSignOut>
  }
}
