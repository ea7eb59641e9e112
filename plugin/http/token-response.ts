import type { FastifyReply } from 'fastify'
import type { TokenSet } from '../sessions/sessions.ts'
import { carryByRaw, responseState } from './response-state.ts'
import type { SessionCookies } from './session-cookies.ts'

/** RFC 6749 §5.1. */
export interface BearerResponse {
  readonly access_token: string
  readonly token_type: 'Bearer'
  /** Seconds. */
  readonly expires_in: number
  readonly refresh_token: string
  readonly scope?: string
}

/** The tokens are in cookies that scripts cannot read: the body has none. */
export interface CookieResponse {
  readonly session_id: string
  /** Seconds. */
  readonly expires_in: number
}

export function respondBearer(reply: FastifyReply, grant: TokenSet): BearerResponse {
  responseState(reply.request).cacheControl = 'no-store'
  carryByRaw(reply)
  return {
    access_token: grant.accessToken,
    token_type: 'Bearer',
    expires_in: grant.expiresIn,
    refresh_token: grant.refreshToken,
    ...(grant.scope === null ? undefined : { scope: grant.scope })
  }
}

export function respondCookie(reply: FastifyReply, cookies: SessionCookies, grant: TokenSet): CookieResponse {
  responseState(reply.request).cacheControl = 'no-store'
  cookies.set(reply.request, grant)
  carryByRaw(reply)
  return { session_id: grant.sessionId, expires_in: grant.expiresIn }
}
