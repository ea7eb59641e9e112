import type { FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { IsTrustedOrigin } from '../options/trusted-origins.ts'

/** What a request reveals about the page that sent it. */
export interface RequestOrigin {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly host: string
  /** `null` if it is uncertain: behind a proxy that the application has not declared. */
  readonly protocol: string | null
}

/**
 * Whether a request comes from a page of our own, or not from a browser. The first rule that matches decides. A request
 * with neither header does not come from a browser. `same-site` is not enough: another port of the same host is
 * same-site, and may be another application.
 */
export function isFromOwnSite(request: RequestOrigin): boolean {
  const { origin, secFetchSite } = request
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin' || secFetchSite === 'none'
  return origin === undefined || isOwnOrigin(origin, request)
}

/** The origin `null` (a sandboxed frame, a local file) is never our own. */
function isOwnOrigin(origin: string, { host, protocol }: RequestOrigin): boolean {
  return hasOwnHost(origin, host) && (protocol === null || new URL(origin).protocol === `${protocol}:`)
}

function hasOwnHost(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false
  const theirs = new URL(origin)
  const own = `${theirs.protocol}//${host}`
  return theirs.origin === origin && URL.canParse(own) && new URL(own).host === theirs.host
}

export type CrossSite = ReturnType<typeof createCrossSite>

/** Protects cookies against requests that another site makes a browser send (CSRF). */
export function createCrossSite({ isTrustedOrigin, emit }: { isTrustedOrigin: IsTrustedOrigin; emit: Emit }) {
  /** Last, because the application's function is called only if the decision depends on it. */
  function isAllowed(request: FastifyRequest, requestOrigin: RequestOrigin): boolean {
    return (
      isFromOwnSite(requestOrigin) ||
      (requestOrigin.origin !== undefined && isTrustedOrigin(requestOrigin.origin, request))
    )
  }

  /** @throws AuthError AUTH_CROSS_SITE */
  function assertSameSite(request: FastifyRequest): void {
    const requestOrigin = readRequestOrigin(request)
    if (isAllowed(request, requestOrigin)) return
    const detail = describeCrossSite(requestOrigin)
    emit({ type: 'cross-site-refused', origin: requestOrigin.origin ?? null, host: requestOrigin.host, detail })
    throw refusal('AUTH_CROSS_SITE', detail)
  }

  return {
    assertSameSite,

    /** Whether a cookie may authenticate this request: it changes nothing, or comes from a site that may act. */
    allowsCookie: (request: FastifyRequest): boolean =>
      isHarmless(request) || isAllowed(request, readRequestOrigin(request)),

    /** @throws AuthError AUTH_CROSS_SITE where {@link allowsCookie} is false */
    assertAllowsCookie(request: FastifyRequest): void {
      if (!isHarmless(request)) assertSameSite(request)
    }
  }
}

/** Why a request is refused, for logs: what the browser sent, what this server is, and the usual cause. */
export function describeCrossSite(request: RequestOrigin): string {
  const { origin, secFetchSite, host, protocol } = request
  const site = secFetchSite === undefined ? '' : `Sec-Fetch-Site is ${JSON.stringify(secFetchSite)}, `
  const theirs = origin === undefined ? 'there is no Origin' : `the Origin is ${JSON.stringify(origin)}`
  const ours = protocol === null ? host : originOf(`${protocol}://${host}`)
  return `${site}${theirs}, and this server is ${JSON.stringify(ours)}${usualCause(request)}`
}

const untrusted = '. "trustedOrigins" does not allow this Origin'

function usualCause({ origin, secFetchSite, host, protocol }: RequestOrigin): string {
  if (origin === 'null') {
    return (
      '. Browsers send "null" from a sandboxed frame, from a local file, and from a form of a page with the header ' +
      'Referrer-Policy: no-referrer'
    )
  }
  if (origin === undefined) return ''
  if (secFetchSite !== undefined) return untrusted
  if (protocol === null) return ', seen without Fastify\'s "trustProxy"'
  if (!hasOwnHost(origin, host)) return untrusted
  const remedy =
    '. If a proxy in front of it terminates TLS, Fastify\'s "trustProxy" must include the address of the proxy (of a ' +
    'number of hops, Fastify trusts none), and the proxy must send X-Forwarded-Proto'
  return `: only the scheme differs${protocol === 'http' ? remedy : ''}`
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url
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
