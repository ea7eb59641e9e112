import type { FastifyReply } from 'fastify'
import type { TokenSet } from '../sessions/token-issuer.ts'
import { carryByRaw, responseState } from './response-state.ts'
import type { SessionCookies } from './session-cookies.ts'

/** The body of a bearer sign-in or refresh (RFC 6749 §5.1). */
export interface BearerResponse {
  readonly access_token: string
  readonly token_type: 'Bearer'
  /** Seconds until the access token expires. */
  readonly expires_in: number
  readonly refresh_token: string
  /** Space-separated (RFC 6749 §3.3); absent if the session has no scope. */
  readonly scope?: string
}

/** The body of a cookie sign-in or refresh. The tokens are in cookies that scripts cannot read, not in the body. */
export interface CookieResponse {
  readonly session_id: string
  /** Seconds until the access token expires. */
  readonly expires_in: number
}

export function respondBearer(reply: FastifyReply, tokens: TokenSet): BearerResponse {
  responseState(reply.request).cacheControl = 'no-store'
  carryByRaw(reply)
  return {
    access_token: tokens.accessToken,
    token_type: 'Bearer',
    expires_in: tokens.expiresIn,
    refresh_token: tokens.refreshToken,
    ...(tokens.scope === null ? undefined : { scope: tokens.scope })
  }
}

export function respondCookie(
  reply: FastifyReply,
  { sessionCookies, tokens }: { sessionCookies: SessionCookies; tokens: TokenSet }
): CookieResponse {
  responseState(reply.request).cacheControl = 'no-store'
  sessionCookies.set(reply.request, tokens)
  carryByRaw(reply)
  return { session_id: tokens.sessionId, expires_in: tokens.expiresIn }
}
