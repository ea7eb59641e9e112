import type { FastifyRequest } from 'fastify'
import type { TokenSet } from '../sessions/token-issuer.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'
import type { CookieKind, Cookies } from './cookies.ts'

/** A browser that sends more values under one name is under attack, and each further value costs a signature check. */
const maxDistinctValues = 8

/** The access cookies of a request, unverified. Equal values count once. */
export interface PresentedAccess {
  /** Without the tokens that name the issuer of another application. */
  readonly access: readonly UnverifiedToken[]
  /** Whether the request has tokens that name the issuer of another application. */
  readonly isForeign: boolean
  /** Whether one name came with more than {@link maxDistinctValues} values. Only the first ones were read. */
  readonly areTooMany: boolean
}

/** The refresh cookies of a request. */
export interface PresentedRefresh {
  /** Refresh tokens with a good mac. Their rows have not been read. */
  readonly refresh: readonly RefreshToken[]
  /** Whether a refresh cookie, good or bad, may be ours. */
  readonly hasRefresh: boolean
  /** Whether one name, of either cookie, came with more than {@link maxDistinctValues} values. */
  readonly areTooMany: boolean
}

/** Both cookies of a request. */
export interface PresentedCookies extends PresentedAccess, PresentedRefresh {}

export type SessionCookies = ReturnType<typeof createSessionCookies>

/** Reads, sets and clears the cookies of a session, and leaves those of another application on the same host alone. */
export function createSessionCookies({
  cookies,
  accessTokens,
  refreshTokens
}: {
  cookies: Cookies
  accessTokens: Pick<AccessTokens, 'parse' | 'isForeign'>
  refreshTokens: Pick<RefreshTokens, 'read'>
}) {
  /** @param given the values of the access cookies */
  function readAccess(given: readonly string[]): PresentedAccess {
    const values = distinct(given)
    const looked = values.slice(0, maxDistinctValues)
    const access = looked.map(accessTokens.parse).filter((token) => !accessTokens.isForeign(token))
    return { access, isForeign: access.length < looked.length, areTooMany: values.length > maxDistinctValues }
  }

  /** Decodes the access cookies only if no refresh token is ours: a refresh does not need them otherwise. */
  function readRefresh(request: FastifyRequest, accessValues = cookies.read(request, 'access')): PresentedRefresh {
    const access = distinct(accessValues)
    const values = distinct(cookies.read(request, 'refresh'))
    const refresh = values
      .slice(0, maxDistinctValues)
      .map(refreshTokens.read)
      .filter((token) => token !== null)
    return {
      refresh,
      hasRefresh: refresh.length > 0 || (values.length > 0 && !readAccess(access).isForeign),
      areTooMany: access.length > maxDistinctValues || values.length > maxDistinctValues
    }
  }

  function read(request: FastifyRequest): PresentedCookies {
    const accessValues = cookies.read(request, 'access')
    return { ...readAccess(accessValues), ...readRefresh(request, accessValues) }
  }

  return {
    /** The values of the access cookies that {@link readAccess} reads. */
    first,
    readAccess,
    readRefresh,
    read,

    /**
     * Sets both cookies. If a name came with several values, the others are cleared, so that only the new one remains.
     */
    set(request: FastifyRequest, tokens: TokenSet): void {
      const repeated = kinds.filter((kind) => cookies.read(request, kind).length > 1)
      if (repeated.length > 0 && !read(request).isForeign) cookies.clearEverywhere(request, repeated)
      cookies.set(request, tokens)
    },

    /** Clears cookies that can never succeed again, in every scope. Those of another application are left alone. */
    clear(request: FastifyRequest, which = kinds): void {
      const { access, hasRefresh, isForeign } = read(request)
      if (!isForeign) return cookies.clearEverywhere(request, which)
      // Where the other application keeps its cookies is unknown, so only the scope of our own is cleared.
      const isOurs = { access: access.length > 0, refresh: hasRefresh }
      cookies.clear(
        request,
        which.filter((kind) => isOurs[kind])
      )
    },

    /** Clears values that contradict each other. Otherwise the next request would fail too. */
    clearEverywhere: (request: FastifyRequest, which = kinds): void => cookies.clearEverywhere(request, which),

    assertFits: cookies.assertFits
  }
}

const kinds: readonly CookieKind[] = ['access', 'refresh']

function first(values: readonly string[]): string[] {
  return distinct(values).slice(0, maxDistinctValues)
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)]
}
