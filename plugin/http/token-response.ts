import type { FastifyRequest } from 'fastify'
import type { Grant } from '../sessions/sessions.ts'
import type { Cookies } from './cookies.ts'
import { outgoingOf } from './outgoing.ts'

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

export function respondBearer (request: FastifyRequest, grant: Grant): BearerResponse {
  outgoingOf(request).cacheControl = 'no-store'
  return {
    access_token: grant.accessToken,
    token_type: 'Bearer',
    expires_in: grant.expiresIn,
    refresh_token: grant.refreshToken,
    ...(grant.scope === null ? undefined : { scope: grant.scope })
  }
}

export function respondCookie (request: FastifyRequest, cookies: Cookies, grant: Grant): CookieResponse {
  outgoingOf(request).cacheControl = 'no-store'
  cookies.set(request, grant)
  return { session_id: grant.sessionId, expires_in: grant.expiresIn }
}
