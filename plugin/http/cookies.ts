import type { FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { CookieSettings } from '../options/cookies.ts'
import type { AssertFits, TokenSet } from '../sessions/token-issuer.ts'
import { describeLargest } from '../tokens/app-claims.ts'
import { scopesSentTo, type CookieScope } from './cookie-scopes.ts'
import type { CookieAttributes, CookieSerializer } from './cookie-serializer.ts'
import { cookieValues } from './credentials.ts'
import { responseState } from './response-state.ts'

/** Browsers shorten a longer lifetime to this (RFC 6265bis §5.5). */
const maxAgeLimitSeconds = 400 * 24 * 3600
/** Name, value and attributes together. Browsers silently drop a larger cookie. */
const maxCookieLength = 4096
/** `Set-Cookie` lines that clear one cookie. */
const maxClearingLines = 8
/** Of these, the lines for scopes that are hardly ever used. There can be any number of such scopes. */
const unlikelyLines = 2

export type CookieKind = 'access' | 'refresh'
export type Cookies = ReturnType<typeof createCookies>

const bothKinds: readonly CookieKind[] = ['access', 'refresh']

/** The two cookies of a session. A cookie is cleared with the attributes that it was set with. */
export function createCookies(
  { access, refresh, sameSite, domain, partitioned, secure }: CookieSettings,
  serialize: CookieSerializer
) {
  const names = { access, refresh }
  const attributes = { httpOnly: true, secure, sameSite, path: '/', encode: (value: string) => value }
  const own = { ...attributes, ...attributesOf({ domain, partitioned }) }
  // A cookie of the same name that an earlier configuration left host-only would shadow the shared one, and one that it
  // left unpartitioned would be sent too.
  const partitions = partitioned ? [true, false] : [false]
  const inBoth = (scope: CookieScope) => partitions.map((partitioned) => ({ ...scope, partitioned }))
  const ownScopes = [undefined, ...(domain === undefined ? [] : [domain])].flatMap((domain) =>
    inBoth({ domain, path: '/' })
  )
  /** The length of an access cookie without its token. */
  const attributesLength = serialize(access, '', { ...own, maxAge: maxAgeLimitSeconds }).length
  let turn = 0

  /**
   * Refuses a token whose cookie browsers would drop.
   * @throws AuthError AUTH_TOKEN_TOO_LARGE
   */
  const assertFits: AssertFits = (tokenLength, claims) => {
    const length = attributesLength + tokenLength
    if (length > maxCookieLength) {
      throw refusal(
        'AUTH_TOKEN_TOO_LARGE',
        `its cookie would be ${length} bytes, and browsers drop more than ${maxCookieLength}. ` +
          describeLargest(claims)
      )
    }
  }

  return {
    /** The non-empty values that the request has under a name, raw and unverified. */
    read: (request: Pick<FastifyRequest, 'raw'>, kind: CookieKind): string[] =>
      cookieValues(request.raw.headers.cookie, names[kind]),

    /**
     * Both cookies last as long as the session, so that an expired access token differs from an absent one; or until
     * the browser is closed.
     */
    set(request: FastifyRequest, { accessToken, refreshToken, sessionExpiresIn, persistent }: TokenSet): void {
      const maxAge = Math.min(sessionExpiresIn, maxAgeLimitSeconds)
      const attributes = persistent ? { ...own, maxAge } : own
      put(request, { kind: 'access', value: accessToken, attributes })
      put(request, { kind: 'refresh', value: refreshToken, attributes })
    },

    /** Clears the cookies in the scope where this plugin sets them. */
    clear(request: FastifyRequest, kinds: readonly CookieKind[] = bothKinds): void {
      for (const kind of kinds) for (const scope of ownScopes) clearAt(request, { kind, scope })
    },

    /** Clears them in every scope that the browser may have them from: other software sets other paths and domains. */
    clearEverywhere(request: FastifyRequest, kinds: readonly CookieKind[] = bothKinds): void {
      for (const kind of kinds) for (const scope of scopesOf(request, names[kind])) clearAt(request, { kind, scope })
    },

    assertFits
  }

  /** At most {@link maxClearingLines}. If there are more scopes, the unlikely ones take turns. */
  function scopesOf(request: FastifyRequest, name: string): ClearedScope[] {
    // Browsers accept a cookie with this prefix in no other scope (RFC 6265bis §4.1.3.2).
    if (/^__host-/i.test(name)) return ownScopes
    const isOwn = ({ domain, path }: CookieScope) => ownScopes.some((own) => own.domain === domain && own.path === path)
    const others = scopesSentTo(request).filter((scope) => !isOwn(scope))
    const scopes = [...ownScopes, ...others.flatMap(inBoth)]
    if (scopes.length <= maxClearingLines) return scopes
    const unlikely = scopes.splice(maxClearingLines - unlikelyLines)
    const from = (turn++ * unlikelyLines) % unlikely.length
    return [...scopes, ...[...unlikely, ...unlikely].slice(from, from + unlikelyLines)]
  }

  function clearAt(request: FastifyRequest, { kind, scope }: { kind: CookieKind; scope: ClearedScope }): void {
    const at = { path: scope.path, ...attributesOf(scope) }
    put(request, { kind, value: '', attributes: { ...attributes, ...at, maxAge: 0, expires: new Date(0) } })
  }

  function put(
    request: FastifyRequest,
    { kind, value, attributes }: { kind: CookieKind; value: string; attributes: CookieAttributes }
  ): void {
    const name = names[kind]
    const { domain = '', path, partitioned = false } = attributes
    const { cookies } = responseState(request)
    const key = `${name};${domain};${path};${partitioned}`
    // Moves the line to the end: a browser that ignores `Partitioned` applies the last line about a cookie.
    cookies.delete(key)
    cookies.set(key, serialize(name, value, attributes))
  }
}

/** Without members that are off, as the serializer's types require. */
function attributesOf({
  domain,
  partitioned
}: Omit<ClearedScope, 'path'>): Pick<CookieAttributes, 'domain' | 'partitioned'> {
  return { ...(domain === undefined ? undefined : { domain }), ...(partitioned ? { partitioned } : undefined) }
}

/** Browsers clear a partitioned cookie only by a line with `Partitioned`, and other cookies only by one without. */
interface ClearedScope extends CookieScope {
  readonly partitioned: boolean
}
