import type { FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'

/** What a request reveals about the page that sent it. */
export interface RequestOrigin {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly host: string
  /** `null` if it is uncertain: behind a proxy that the application has not declared. */
  readonly protocol: string | null
}

/**
 * Whether a cookie-authenticated request may act. The first rule that matches decides. A request with neither header
 * does not come from a browser. `same-site` is not enough: another port of the same host is same-site, and may be
 * another application.
 */
export function isFromOwnSite(request: RequestOrigin, trustedOrigins: ReadonlySet<string>): boolean {
  const { origin, secFetchSite } = request
  if (origin !== undefined && trustedOrigins.has(origin)) return true
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin' || secFetchSite === 'none'
  return origin === undefined || isOwnOrigin(origin, request)
}

/** The origin `null` (a sandboxed frame, a local file) is never our own. */
function isOwnOrigin(origin: string, { host, protocol }: RequestOrigin): boolean {
  if (!URL.canParse(origin)) return false
  const theirs = new URL(origin)
  const own = `${theirs.protocol}//${host}`
  return (
    theirs.origin === origin &&
    URL.canParse(own) &&
    new URL(own).host === theirs.host &&
    (protocol === null || theirs.protocol === `${protocol}:`)
  )
}

export type CrossSite = ReturnType<typeof createCrossSite>

/** Protects cookies against requests that another site makes a browser send (CSRF). */
export function createCrossSite({ trustedOrigins, emit }: { trustedOrigins: ReadonlySet<string>; emit: Emit }) {
  /** @throws AuthError AUTH_CROSS_SITE */
  function assertSameSite(request: FastifyRequest): void {
    const requestOrigin = readRequestOrigin(request)
    if (isFromOwnSite(requestOrigin, trustedOrigins)) return
    const { origin, secFetchSite, host } = requestOrigin
    emit({ type: 'cross-site-refused', origin: origin ?? null, host })
    throw refusal('AUTH_CROSS_SITE', `from ${JSON.stringify(origin ?? secFetchSite)} to ${JSON.stringify(host)}`)
  }

  return {
    assertSameSite,

    /** Whether a cookie may authenticate this request: it changes nothing, or comes from our own site. */
    allowsCookie: (request: FastifyRequest): boolean =>
      isHarmless(request) || isFromOwnSite(readRequestOrigin(request), trustedOrigins),

    /** @throws AuthError AUTH_CROSS_SITE where {@link allowsCookie} is false */
    assertAllowsCookie(request: FastifyRequest): void {
      if (!isHarmless(request)) assertSameSite(request)
    }
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Safe methods (RFC 9110 §9.2.1) change nothing. An upgrade opens a channel that can. */
function isHarmless(request: FastifyRequest): boolean {
  return safeMethods.has(request.method) && !isUpgrade(request)
}

export function isUpgrade(request: FastifyRequest): boolean {
  return request.raw.headers.upgrade !== undefined
}

function readRequestOrigin(request: FastifyRequest): RequestOrigin {
  const { origin, 'sec-fetch-site': secFetchSite } = request.raw.headers
  // `ips` exists if and only if `trustProxy` is set. Without it, only a TLS socket of our own makes the scheme certain.
  const isCertain = request.ips !== undefined || request.protocol === 'https'
  return {
    origin,
    secFetchSite: secFetchSite as string | undefined,
    host: request.host,
    protocol: isCertain ? request.protocol : null
  }
}
