import type { FastifyReply } from 'fastify'
import { assertKnown } from '../arguments.ts'
import type { StartSession } from '../sessions/session-start.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { SignInInput } from '../sessions/sign-in-input.ts'
import type { TimedStore } from '../sessions/timed-store.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { ClaimsInput } from '../tokens/user.ts'
import type { Challenge } from './challenge.ts'
import type { CrossSite } from './cross-site.ts'
import { createPlainHttpWarning } from './plain-http-warning.ts'
import { sessionsInCookies } from './request-sessions.ts'
import { canSetHeaders, carryByRaw } from './response-state.ts'
import type { SessionCookies } from './session-cookies.ts'
import { respondBearer, respondCookie, type BearerResponse, type CookieResponse } from './token-response.ts'

/**
 * What `reply.signIn()` takes: who signed in, which tokens the client receives, and what limits the session. An unknown
 * member is a TypeError.
 */
export type SignIn<Transport extends 'bearer' | 'cookie' = 'bearer' | 'cookie'> = ClaimsInput &
  Omit<SignInInput, 'claims'> & {
    /** `bearer`: the tokens are in the body. `cookie`: they are in `HttpOnly` cookies, not in the body. Required. */
    readonly transport: Transport
    /**
     * Allows a cookie sign-in from another site: for the callback of an identity provider, if the application has
     * checked `state` itself (RFC 6749 §10.12). Default `false`.
     */
    readonly crossSite?: boolean | undefined
  }

/** A misspelt `revokeOthers` would leave an attacker's sessions alive. */
const members = [
  'sub',
  'claims',
  'scope',
  'transport',
  'device',
  'authenticatedAt',
  'authTime',
  'acr',
  'amr',
  'revokeOthers',
  'idleSeconds',
  'absoluteSeconds',
  'persistent',
  'crossSite'
]

export interface SignInParts {
  readonly startSession: StartSession
  readonly sessions: Pick<Sessions, 'begin' | 'findSession'>
  readonly accessTokens: Pick<AccessTokens, 'sessionIdOf'>
  /** `null` if the application uses no cookies. */
  readonly sessionCookies: SessionCookies | null
  readonly crossSite: Pick<CrossSite, 'assertSameSite'>
  readonly challenge: Challenge
  /** Whether the cookies have the `Secure` attribute. */
  readonly secure: boolean
}

/** `reply.signIn()` */
export function createSignIn({
  startSession,
  sessions,
  accessTokens,
  sessionCookies,
  crossSite,
  challenge,
  secure
}: SignInParts) {
  const warnOfPlainHttp = createPlainHttpWarning({ secure })

  async function byCookie(reply: FastifyReply, input: SignIn): Promise<CookieResponse> {
    const { request } = reply
    if (sessionCookies === null) {
      throw new TypeError('signIn() with transport "cookie" requires the option "cookies"')
    }
    if (!canSetHeaders(reply)) {
      throw new TypeError('signIn() with transport "cookie" must be called before the response\'s headers are sent')
    }
    if (!input.crossSite) crossSite.assertSameSite(request)
    warnOfPlainHttp(request)
    const store = sessions.begin()
    const revoke = await sessionsToEnd(reply, { sessionCookies, store })
    const { assertFits } = sessionCookies
    const tokens = await startSession(input, { revoke, assertFits, transport: 'cookie', store })
    return respondCookie(reply, { sessionCookies, tokens })
  }

  /**
   * Every session that the cookies name ends: if one stayed alive, a planted cookie would decide (session fixation).
   */
  async function sessionsToEnd(
    reply: FastifyReply,
    { sessionCookies, store }: { sessionCookies: SessionCookies; store: TimedStore }
  ): Promise<readonly string[]> {
    const presented = sessionCookies.read(reply.request)
    const { ids, refreshTokens, problem } = await sessionsInCookies(presented, accessTokens)
    if (problem !== null) {
      sessionCookies.clearEverywhere(reply.request)
      carryByRaw(reply)
      throw problem
    }
    const named = await Promise.all(refreshTokens.map((token) => sessions.findSession(token, store)))
    return [...new Set([...ids, ...named])].filter((id) => id !== null)
  }

  async function byBearer(reply: FastifyReply, input: SignIn): Promise<BearerResponse> {
    if ('persistent' in input) {
      throw new TypeError(
        '"persistent" requires transport "cookie": a bearer client decides by itself how long it keeps its tokens, ' +
          'and "idleSeconds" limits how long they are valid'
      )
    }
    return respondBearer(reply, await startSession(input, { revoke: [], assertFits: () => {}, transport: 'bearer' }))
  }

  return async function signIn<const Transport extends 'bearer' | 'cookie'>(
    this: FastifyReply,
    input: SignIn<Transport>
  ): Promise<Transport extends 'bearer' ? BearerResponse : CookieResponse> {
    try {
      assertKnown(input, members)
      if (typeof (input.crossSite ?? false) !== 'boolean') throw new TypeError('"crossSite" must be true or false')
      switch (input.transport as string) {
        case 'bearer':
          return (await byBearer(this, input)) as never
        case 'cookie':
          return (await byCookie(this, input)) as never
        default:
          throw new TypeError('"transport" must be "bearer" or "cookie"')
      }
    } catch (error) {
      throw challenge(error, { request: this.request })
    }
  }
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Starts a session after the application has checked the caller's credentials. Resolves to the body of the
     * response. By cookie, the sessions that the request's cookies name end in the same step.
     *
     * It does not check a password, and it does not limit attempts: the application does both.
     * ```ts
     * app.post('/login', async (request, reply) => {
     *   reply.assertSameSite()
     *   const { username, password } = request.body as { username: string; password: string }
     *   const authenticatedAt = Date.now()
     *   const user = await users.verify(username, password)
     *   if (!user) return reply.code(401).send()
     *   return reply.signIn({ sub: user.id, transport: 'cookie', authenticatedAt })
     * })
     * ```
     * @throws AuthError AUTH_CROSS_SITE; AUTH_REVOKED_TOKEN if all sessions of the subject were ended at or after
     * `authenticatedAt`; AUTH_STORE_UNAVAILABLE; AUTH_TOKEN_TOO_LARGE. By cookie, if it is uncertain which sessions are
     * to end, AUTH_KEYS_UNAVAILABLE or AUTH_MALFORMED_CREDENTIALS (more than 4 sessions or 8 values); the cookies are
     * cleared then
     * @throws TypeError for an unknown or ill-typed member; by cookie, if the response's headers have been sent:
     * nothing is written then
     */
    signIn: ReturnType<typeof createSignIn>
    /**
     * Refuses requests from another site. Call it first in a cookie sign-in, before the password is hashed.
     * ```ts
     * app.post('/login', async (request, reply) => {
     *   reply.assertSameSite()
     *   return { ok: true }
     * })
     * ```
     * @throws AuthError AUTH_CROSS_SITE
     */
    assertSameSite(): void
  }
}
