import type { FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { CookieSettings } from '../settings.ts'
import type { Deliverable, Grant } from '../sessions/sessions.ts'
import { describeLargest } from '../tokens/access-token.ts'
import type { CookieAttributes, CookieSerializer } from './cookie-serializer.ts'
import { cookieValues } from './credentials.ts'
import { outgoingOf } from './outgoing.ts'

/** Browsers keep a cookie no longer, RFC 6265bis §5.5. */
const maxAgeLimitSeconds = 400 * 24 * 3600
/** Name, value and attributes together; browsers drop what is larger, without a word. */
const maxCookieLength = 4096

export type CookieKind = 'access' | 'refresh'
export type Cookies = ReturnType<typeof createCookies>

/** The two cookies of a session. One set of attributes makes both the cookies that set and those that clear. */
export function createCookies ({ access, refresh, sameSite, domain, secure }: CookieSettings, serialize: CookieSerializer) {
  const names = { access, refresh }
  const attributes = { httpOnly: true, secure, sameSite, path: '/', encode: (value: string) => value }
  const own = domain === undefined ? attributes : { ...attributes, domain }
  // A host-only cookie of the same name, left by an earlier configuration, would shadow the shared one.
  const variants = domain === undefined ? [attributes] : [attributes, own]

  return {
    /** The non-empty values that the request carries under a name, raw and unverified. */
    read: (request: Pick<FastifyRequest, 'raw'>, kind: CookieKind): string[] => cookieValues(request.raw.headers.cookie, names[kind]),

    /** Both live as long as the session, so that an expired access token can be told from an absent one. */
    set (request: FastifyRequest, { accessToken, refreshToken, sessionExpiresIn }: Grant): void {
      const maxAge = Math.min(sessionExpiresIn, maxAgeLimitSeconds)
      put(request, 'access', accessToken, { ...own, maxAge })
      put(request, 'refresh', refreshToken, { ...own, maxAge })
    },

    clear (request: FastifyRequest, kinds: readonly CookieKind[] = ['access', 'refresh']): void {
      for (const kind of kinds) {
        for (const variant of variants) put(request, kind, '', { ...variant, maxAge: 0, expires: new Date(0) })
      }
    },

    deliverable: ((token, claims) => {
      const { length } = serialize(access, token, { ...own, maxAge: maxAgeLimitSeconds })
      if (length > maxCookieLength) throw refusal('AUTH_TOKEN_TOO_LARGE', `its cookie would be ${length} bytes, and browsers drop more than ${maxCookieLength}. ${describeLargest(claims)}`)
    }) satisfies Deliverable
  }

  function put (request: FastifyRequest, kind: CookieKind, value: string, options: CookieAttributes): void {
    outgoingOf(request).cookies.set(`${names[kind]};${options.domain ?? ''}`, serialize(names[kind], value, options))
  }
}
