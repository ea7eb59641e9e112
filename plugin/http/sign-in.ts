import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Sessions, SignInInput } from '../sessions/sessions.ts'
import type { Challenge } from './challenge.ts'
import type { Cookies } from './cookies.ts'
import type { AssertSameSite } from './cross-site.ts'
import type { NamedByCookies } from './named-session.ts'
import { respondBearer, respondCookie, type BearerResponse, type CookieResponse } from './token-response.ts'

export interface SignIn<Transport extends 'bearer' | 'cookie' = 'bearer' | 'cookie'> extends SignInInput {
  /** `bearer`: the tokens are in the body. `cookie`: they are in httpOnly cookies, and the body has none. */
  readonly transport: Transport
  /** For identity-provider callbacks that have checked `state` themselves: a cookie sign-in from another site. Default false. */
  readonly crossSite?: boolean | undefined
}

export interface SignInParts {
  readonly settings: Settings
  readonly sessions: Sessions
  readonly cookies: Cookies | null
  readonly namedByCookies: NamedByCookies
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
}

type Response<Transport> = Transport extends 'bearer' ? BearerResponse : CookieResponse

/** Starts a session, in the transport that is named. By cookie, the session that the browser had ends in the same step. */
export function createSignIn ({ settings, sessions, cookies, namedByCookies, assertSameSite, challenge }: SignInParts) {
  let warned = false

  async function byCookie (request: FastifyRequest, input: SignIn): Promise<CookieResponse> {
    if (cookies === null) throw new TypeError('signIn() with transport "cookie" needs the option "cookies"')
    if (!input.crossSite) assertSameSite(request)
    warnOfPlainHttp(request)
    // Whoever's session the cookies name: leaving it alive would let a planted cookie decide (session fixation).
    const end = await namedByCookies(request)
    return respondCookie(request, cookies, await sessions.start(input, { end, deliverable: cookies.deliverable, transport: 'cookie' }))
  }

  async function byBearer (request: FastifyRequest, input: SignIn): Promise<BearerResponse> {
    return respondBearer(request, await sessions.start(input, { end: [], deliverable: () => {}, transport: 'bearer' }))
  }

  function warnOfPlainHttp (request: FastifyRequest): void {
    if (warned || !settings.cookies?.secure || request.protocol === 'https' || isLoopback(request.hostname)) return
    warned = true
    request.log.warn('A cookie sign-in came over plain http: browsers drop Secure cookies there. Serve https; behind a proxy that does, set Fastify\'s "trustProxy"; for a test host, set the option "cookies.secure" to false')
  }

  return async function signIn<const Transport extends 'bearer' | 'cookie'> (this: FastifyReply, input: SignIn<Transport>): Promise<Response<Transport>> {
    try {
      switch (input.transport as string) {
        case 'bearer': return await byBearer(this.request, input) as Response<Transport>
        case 'cookie': return await byCookie(this.request, input) as Response<Transport>
        default: throw new TypeError('signIn() needs "transport": "bearer" or "cookie"')
      }
    } catch (error) {
      throw error instanceof AuthError ? challenge(error) : error
    }
  }
}

function isLoopback (hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Starts a session after the application has checked who it is. Resolves to the body of the answer.
     * @throws AuthError AUTH_CROSS_SITE, AUTH_REVOKED_TOKEN, AUTH_STORE_UNAVAILABLE, AUTH_TOKEN_TOO_LARGE
     */
    signIn: ReturnType<typeof createSignIn>
    /**
     * The first line of a cookie sign-in, before a password is hashed.
     * @throws AuthError AUTH_CROSS_SITE
     */
    assertSameSite (): void
  }
}
