import type { FastifyReply, FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { Challenge } from './challenge.ts'
import type { Cookies } from './cookies.ts'
import { readCredentials } from './credentials.ts'
import type { AssertSameSite } from './cross-site.ts'
import { sessionOf } from './named-session.ts'

export interface SignOutParts {
  readonly sessions: Sessions
  readonly accessTokens: AccessTokens
  readonly cookies: Cookies | null
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
}

/** Ends the session that the argument names, else the header, else the cookies. Nothing to end is success. */
export function createSignOut ({ sessions, accessTokens, cookies, assertSameSite, challenge }: SignOutParts) {
  function endings (request: FastifyRequest, refreshToken: unknown): Promise<void>[] {
    if (refreshToken !== undefined) {
      if (typeof refreshToken !== 'string') throw refusal('AUTH_MALFORMED_CREDENTIALS', 'the refresh token is no string')
      return [sessions.endNamed(refreshToken)]
    }
    // Without a cookie name, the header alone is read.
    const header = readCredentials(request.raw, null)
    if (header.kind === 'header') return endAll([sessionOf(accessTokens, header.token)])
    return header.kind === 'none' ? endingsByCookie(request) : []
  }

  function endingsByCookie (request: FastifyRequest): Promise<void>[] {
    const access = cookies?.read(request, 'access') ?? []
    const refresh = cookies?.read(request, 'refresh') ?? []
    if (access.length + refresh.length === 0) return []
    assertSameSite(request)
    // First, so that the browser forgets them even if the store cannot be told.
    cookies?.clear(request)
    return [...endAll(access.map((text) => sessionOf(accessTokens, text))), ...refresh.map((text) => sessions.endNamed(text))]
  }

  function endAll (ids: readonly (string | null)[]): Promise<void>[] {
    return ids.filter((id) => id !== null).map((id) => sessions.end(id))
  }

  return async function signOut (this: FastifyReply, refreshToken?: string): Promise<void> {
    try {
      const results = await Promise.allSettled(endings(this.request, refreshToken))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    } catch (error) {
      throw challenge(error)
    }
  }
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Ends the caller's session: its access tokens are refused by this process before this resolves, by others within
     * moments. Succeeds when there is nothing to end.
     * @throws AuthError AUTH_CROSS_SITE, AUTH_MALFORMED_CREDENTIALS, AUTH_STORE_UNAVAILABLE (refused here all the same)
     */
    signOut: ReturnType<typeof createSignOut>
  }
}
