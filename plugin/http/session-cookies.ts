import type { FastifyRequest } from 'fastify'
import type { TokenSet } from '../sessions/sessions.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'
import type { CookieKind, Cookies } from './cookies.ts'

/** A browser with more of one name is under attack, and every further one costs a signature check. */
const maxDistinctValues = 8

/** What a request's access cookies hold, unverified. Equal values count once. */
export interface PresentedAccess {
  /** Without the tokens that say they are another application's. */
  readonly access: readonly UnverifiedToken[]
  /** Whether there are such tokens. */
  readonly isForeign: boolean
  /** Whether one name came with more than {@link maxDistinctValues} values, of which the rest was not looked at. */
  readonly areTooMany: boolean
}

/** What both cookies hold. */
export interface PresentedCookies extends PresentedAccess {
  /** Refresh tokens whose mac is good. Their rows have not been read. */
  readonly refresh: readonly PresentedRefreshToken[]
  /** Whether a refresh cookie, good or bad, may be ours. */
  readonly hasRefresh: boolean
}

export interface PresentedRefreshToken {
  readonly text: string
  readonly token: RefreshToken
}

export type SessionCookies = ReturnType<typeof createSessionCookies>

/** Reads a request's cookies, and sets and clears them without touching those of another application on the same host. */
export function createSessionCookies({
  cookies,
  accessTokens,
  refreshTokens
}: {
  cookies: Cookies
  accessTokens: Pick<AccessTokens, 'parse' | 'isForeign'>
  refreshTokens: RefreshTokens
}) {
  function readAccess(request: FastifyRequest): PresentedAccess {
    const values = distinct(cookies.read(request, 'access'))
    const looked = values.slice(0, maxDistinctValues)
    const access = looked.map(accessTokens.parse).filter((token) => !accessTokens.isForeign(token))
    return { access, isForeign: access.length < looked.length, areTooMany: values.length > maxDistinctValues }
  }

  function read(request: FastifyRequest): PresentedCookies {
    const { access, isForeign, areTooMany } = readAccess(request)
    const values = distinct(cookies.read(request, 'refresh'))
    const refresh = values.slice(0, maxDistinctValues).flatMap((text) => {
      const token = refreshTokens.read(text)
      return token === null ? [] : [{ text, token }]
    })
    return {
      access,
      refresh,
      isForeign,
      areTooMany: areTooMany || values.length > maxDistinctValues,
      hasRefresh: refresh.length > 0 || (values.length > 0 && !isForeign)
    }
  }

  return {
    readAccess,
    read,

    /** Sets both; where one came more than once, the others of its name are cleared, so that the new one stands alone. */
    set(request: FastifyRequest, grant: TokenSet): void {
      const repeated = kinds.filter((kind) => cookies.read(request, kind).length > 1)
      if (repeated.length > 0 && !read(request).isForeign) cookies.clearEverywhere(request, repeated)
      cookies.set(request, grant)
    },

    /** Clears what is of no use any more, wherever it may be kept. Another application's cookies are left alone. */
    clear(request: FastifyRequest, which = kinds): void {
      const { access, hasRefresh, isForeign } = read(request)
      if (!isForeign) return cookies.clearEverywhere(request, which)
      // Nothing says where the other application keeps its own: only where ours would be is cleared.
      const isOurs = { access: access.length > 0, refresh: hasRefresh }
      cookies.clear(
        request,
        which.filter((kind) => isOurs[kind])
      )
    },

    /** Clears values that contradict each other. Whoever set them, nothing less lets the next request succeed. */
    clearEverywhere: (request: FastifyRequest, which = kinds): void => cookies.clearEverywhere(request, which),

    assertFits: cookies.assertFits
  }
}

const kinds: readonly CookieKind[] = ['access', 'refresh']

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)]
}
