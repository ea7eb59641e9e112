import type { FastifyReply, FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { RefreshTokens } from '../tokens/refresh-token.ts'
import type { Challenge } from './challenge.ts'
import { assertWellFormed, readCredentials } from './credentials.ts'
import type { CrossSite } from './cross-site.ts'
import { emitRefusal } from './refusal-event.ts'
import { sessionsInCookies } from './request-sessions.ts'
import { carryByRaw } from './response-state.ts'
import type { PresentedCookies, SessionCookies } from './session-cookies.ts'

export interface SignOutParts {
  readonly sessions: Pick<Sessions, 'begin' | 'signOut' | 'endByRefreshToken'>
  readonly accessTokens: Pick<AccessTokens, 'parse' | 'sessionIdOf'>
  readonly refreshTokens: Pick<RefreshTokens, 'read'>
  /** `null` if the application uses no cookies. */
  readonly sessionCookies: SessionCookies | null
  readonly crossSite: Pick<CrossSite, 'assertSameSite'>
  readonly challenge: Challenge
  readonly emit: Emit
}

/**
 * `reply.signOut()`: ends the session that the argument names, else the header, else the cookies. Having nothing to end
 * is success, but credentials that cannot be read are an error.
 */
export function createSignOut({
  sessions,
  accessTokens,
  refreshTokens,
  sessionCookies,
  crossSite,
  challenge,
  emit
}: SignOutParts) {
  async function end(reply: FastifyReply, refreshToken: unknown): Promise<void> {
    if (refreshToken === undefined) return await endByRequest(reply)
    if (typeof refreshToken !== 'string') {
      throw refusal('AUTH_MALFORMED_CREDENTIALS', 'the refresh token must be a string')
    }
    const token = refreshTokens.read(refreshToken)
    if (token !== null) await sessions.endByRefreshToken(token)
  }

  async function endByRequest(reply: FastifyReply): Promise<void> {
    // Without a cookie name, only the header is read.
    const credentials = readCredentials(reply.request.raw, null)
    assertWellFormed(credentials)
    if (credentials.kind === 'header') await endByHeader(credentials.token)
    else await endByCookies(reply)
  }

  async function endByHeader(token: string): Promise<void> {
    const id = await accessTokens.sessionIdOf(accessTokens.parse(token))
    if (id !== null) await sessions.signOut(id)
  }

  async function endByCookies(reply: FastifyReply): Promise<void> {
    const { request } = reply
    const presented = sessionCookies?.read(request)
    if (!sessionCookies || !presented || isEmpty(presented)) return
    crossSite.assertSameSite(request)
    // First, so that the browser drops them even if the store is unavailable.
    clearCookies(request, presented.areTooMany)
    carryByRaw(reply)
    const { ids, refreshTokens: tokens, problem } = await sessionsInCookies(presented, accessTokens)
    const store = sessions.begin()
    const results = await Promise.allSettled([
      ...ids.map((id) => sessions.signOut(id, store)),
      ...tokens.map((token) => sessions.endByRefreshToken(token, store))
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
      emitRefusal(error, { emit })
      throw challenge(error, { request: this.request })
    }
  }
}

function isEmpty({ access, hasRefresh, areTooMany }: PresentedCookies): boolean {
  return access.length === 0 && !hasRefresh && !areTooMany
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Ends the session that the refresh token of the argument names, else the access token of the header, else the
     * cookies. This process refuses the session's access tokens before this resolves, others do within moments. An
     * access token needs only a good signature, our `iss` and a `sid`. By cookie, both cookies are cleared in any case,
     * and at most 4 sessions end.
     *
     * Succeeds if there is nothing to end: without credentials, with a token without a session, with a refresh token
     * that is not ours (RFC 7009 §2.2), or with an access token that expired more than `accessToken.maxLifetimeSeconds`
     * ago.
     * ```ts
     * app.post('/logout', async (request, reply) => {
     *   await reply.signOut()
     *   return reply.code(204).send()
     * })
     * ```
     * @param refreshToken the refresh token of a bearer client. Default: the header or the cookies
     * @throws AuthError AUTH_INVALID_TOKEN, AUTH_NO_CREDENTIALS or AUTH_MALFORMED_CREDENTIALS for a header that cannot
     * be read; AUTH_CROSS_SITE; AUTH_MALFORMED_CREDENTIALS for cookies of more than 4 sessions or 8 values;
     * AUTH_STORE_UNAVAILABLE, although this process refuses the session from then on; AUTH_KEYS_UNAVAILABLE if the
     * token's key is unknown while `keys` cannot be loaded
     */
    signOut: ReturnType<typeof createSignOut>
  }
}
