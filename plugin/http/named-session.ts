import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts'
import type { Cookies } from './cookies.ts'

export type NamedByCookies = (request: FastifyRequest) => Promise<string[]>

/** An access token of ours that is valid in everything but `exp`; `null` for any other text. */
export function ownToken (accessTokens: AccessTokens, text: string): AccessToken | null {
  try {
    return accessTokens.verifyExpired(text)
  } catch (error) {
    if (error instanceof AuthError) return null
    throw error
  }
}

export function sessionOf (accessTokens: AccessTokens, text: string): string | null {
  return ownToken(accessTokens, text)?.sessionId ?? null
}

/** The sessions that a request's two cookies name: none, one, or two that differ. */
export function createNamedByCookies ({ sessions, accessTokens, cookies }: {
  sessions: Sessions
  accessTokens: AccessTokens
  cookies: Cookies | null
}): NamedByCookies {
  return async function namedByCookies (request) {
    if (cookies === null) return []
    const byAccess = cookies.read(request, 'access').map((text) => sessionOf(accessTokens, text))
    const byRefresh = await Promise.all(cookies.read(request, 'refresh').map((text) => sessions.named(text)))
    return [...new Set([...byAccess, ...byRefresh])].filter((id) => id !== null)
  }
}
