import type { FastifyReply } from 'fastify'
import type { TokenSet } from '../sessions/token-issuer.ts'
import { carryByRaw, responseState } from './response-state.ts'
import type { SessionCookies } from './session-cookies.ts'

/** The body of a bearer sign-in or refresh (RFC 6749 §5.1). */
export interface BearerResponse {
  /** The access token (RFC 6749 §1.4): the client sends it as `Authorization: Bearer …`. */
  readonly access_token: string
  /** How the access token is sent (RFC 6750 §2.1). */
  readonly token_type: 'Bearer'
  /** Seconds until the access token expires. */
  readonly expires_in: number
  /** The refresh token (RFC 6749 §1.5). The client stores it in place of the one before, and sends it to refresh. */
  readonly refresh_token: string
  /** Space-separated (RFC 6749 §3.3); absent if the session has no scope. */
  readonly scope?: string
}

/** The body of a cookie sign-in or refresh. The tokens are in cookies that scripts cannot read, not in the body. */
export interface CookieResponse {
  /** The id of the session: `request.auth.sessionId`, and `id` in `app.sessions.list()`. It is not a credential. */
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
