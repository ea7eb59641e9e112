import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { Settings } from '../options/options.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { SignInInput } from '../sessions/sign-in-input.ts'
import type { TimedStore } from '../sessions/timed-store.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import { assertKnown } from '../arguments.ts'
import type { Challenge } from './challenge.ts'
import type { AssertSameSite } from './cross-site.ts'
import { sessionsInCookies } from './request-sessions.ts'
import { canSetHeaders, carryByRaw } from './response-state.ts'
import type { SessionCookies } from './session-cookies.ts'
import { respondBearer, respondCookie, type BearerResponse, type CookieResponse } from './token-response.ts'
import type { ClaimsInput } from '../tokens/user.ts'

export type SignIn<Transport extends 'bearer' | 'cookie' = 'bearer' | 'cookie'> = ClaimsInput &
  Omit<SignInInput, 'claims'> & {
    /** `bearer`: the tokens are in the body. `cookie`: they are in httpOnly cookies, and the body has none. */
    readonly transport: Transport
    /** For identity-provider callbacks that have checked `state` themselves: a cookie sign-in from another site. Default false. */
    readonly crossSite?: boolean | undefined
  }

/** A misspelt `revokeOthers` would leave a thief's sessions alive. */
const members = ['sub', 'claims', 'scope', 'transport', 'device', 'authenticatedAt', 'revokeOthers', 'crossSite']

export interface SignInParts {
  readonly settings: Settings
  readonly sessions: Sessions
  readonly accessTokens: AccessTokens
  readonly sessionCookies: SessionCookies | null
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
}

type Response<Transport> = Transport extends 'bearer' ? BearerResponse : CookieResponse

/** Starts a session, in the transport that is named. By cookie, the session that the browser had ends in the same step. */
export function createSignIn({
  settings,
  sessions,
  accessTokens,
  sessionCookies,
  assertSameSite,
  challenge
}: SignInParts) {
  let warned = false

  async function byCookie(reply: FastifyReply, input: SignIn): Promise<CookieResponse> {
    const { request } = reply
    if (sessionCookies === null) throw new TypeError('signIn() with transport "cookie" needs the option "cookies"')
    if (!canSetHeaders(reply)) {
      throw new TypeError('signIn() with transport "cookie" must be called before the response\'s headers are sent')
    }
    if (!input.crossSite) assertSameSite(request)
    warnOfPlainHttp(request)
    const store = sessions.begin()
    const revoke = await sessionsToEnd(reply, sessionCookies, store)
    const grant = await sessions.start(input, {
      revoke,
      assertFits: sessionCookies.assertFits,
      transport: 'cookie',
      store
    })
    return respondCookie(reply, sessionCookies, grant)
  }

  /** Whoever's session the cookies name: leaving it alive would let a planted cookie decide (session fixation). */
  async function sessionsToEnd(
    reply: FastifyReply,
    cookies: SessionCookies,
    store: TimedStore
  ): Promise<readonly string[]> {
    const presented = cookies.read(reply.request)
    const { ids, refreshTokens, problem } = await sessionsInCookies(presented, accessTokens)
    if (problem !== null) {
      cookies.clearEverywhere(reply.request)
      carryByRaw(reply)
      throw problem
    }
    const named = await Promise.all(refreshTokens.map((text) => sessions.findSession(text, store)))
    return [...new Set([...ids, ...named])].filter((id) => id !== null)
  }

  async function byBearer(reply: FastifyReply, input: SignIn): Promise<BearerResponse> {
    return respondBearer(reply, await sessions.start(input, { revoke: [], assertFits: () => {}, transport: 'bearer' }))
  }

  function warnOfPlainHttp(request: FastifyRequest): void {
    if (warned || !settings.cookies?.secure || request.protocol === 'https' || isLoopback(request.hostname)) return
    warned = true
    request.log.warn(
      'A cookie sign-in came over plain http: browsers drop Secure cookies there. Serve https; behind a proxy that does, set Fastify\'s "trustProxy"; for a test host, set the option "cookies.secure" to false'
    )
  }

  return async function signIn<const Transport extends 'bearer' | 'cookie'>(
    this: FastifyReply,
    input: SignIn<Transport>
  ): Promise<Response<Transport>> {
    try {
      assertKnown(input, members)
      if (typeof (input.crossSite ?? false) !== 'boolean') throw new TypeError('"crossSite" must be true or false')
      switch (input.transport as string) {
        case 'bearer':
          return (await byBearer(this, input)) as Response<Transport>
        case 'cookie':
          return (await byCookie(this, input)) as Response<Transport>
        default:
          throw new TypeError('signIn() needs "transport": "bearer" or "cookie"')
      }
    } catch (error) {
      throw error instanceof AuthError ? challenge(error) : error
    }
  }
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  )
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Starts a session after the application has checked who it is. Resolves to the body of the response.
     * By cookie, the session that the request's cookies name ends in the same step. AUTH_REVOKED_TOKEN: all sessions of
     * the subject were ended at or after `authenticatedAt`.
     * @throws AuthError AUTH_CROSS_SITE, AUTH_REVOKED_TOKEN, AUTH_STORE_UNAVAILABLE, AUTH_TOKEN_TOO_LARGE; by cookie, where
     * it is uncertain which sessions are to end, AUTH_KEYS_UNAVAILABLE or AUTH_MALFORMED_CREDENTIALS (more than 4 sessions
     * or 8 values), with the cookies cleared
     * @throws TypeError for an unknown or ill-typed member; by cookie, when the response's headers have been sent:
     * nothing is written then
     */
    signIn: ReturnType<typeof createSignIn>
    /**
     * The first line of a cookie sign-in, before a password is hashed.
     * @throws AuthError AUTH_CROSS_SITE
     */
    assertSameSite(): void
  }
}
