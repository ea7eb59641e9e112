import type { FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'

/** What a request tells of where it came from. */
export interface RequestOrigin {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly host: string
  /** `null` where it is not certain: behind a proxy that nobody declared. */
  readonly protocol: string | null
}

/**
 * Whether a cookie-authenticated request may act. The first rule that matches decides; a request with neither header
 * comes from no browser. `same-site` is not enough: another port of one host is same-site, and need not be ours.
 */
export function isFromOwnSite(request: RequestOrigin, trustedOrigins: ReadonlySet<string>): boolean {
  const { origin, secFetchSite } = request
  if (origin !== undefined && trustedOrigins.has(origin)) return true
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin' || secFetchSite === 'none'
  return origin === undefined || isOwnOrigin(origin, request)
}

/** `null` (a sandboxed frame, a file) is nobody's own. */
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

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Methods that change nothing need no check; an upgrade opens a channel that could. */
export function needsCrossSiteCheck(request: FastifyRequest): boolean {
  return !safeMethods.has(request.method) || isUpgrade(request)
}

export function isUpgrade(request: FastifyRequest): boolean {
  return request.raw.headers.upgrade !== undefined
}

export type AssertSameSite = (request: FastifyRequest) => void

export function createAssertSameSite(trustedOrigins: ReadonlySet<string>, emit: Emit): AssertSameSite {
  return function assertSameSite(request) {
    const origin = readRequestOrigin(request)
    if (isFromOwnSite(origin, trustedOrigins)) return
    emit({ type: 'cross-site-refused', origin: origin.origin ?? null, host: origin.host })
    throw refusal(
      'AUTH_CROSS_SITE',
      `from ${JSON.stringify(origin.origin ?? origin.secFetchSite)} to ${JSON.stringify(origin.host)}`
    )
  }
}

function readRequestOrigin(request: FastifyRequest): RequestOrigin {
  const { origin, 'sec-fetch-site': secFetchSite } = request.raw.headers
  // `ips` exists exactly where `trustProxy` is set; without it, only a TLS socket of our own makes the scheme certain.
  const certain = request.ips !== undefined || request.protocol === 'https'
  return {
    origin,
    secFetchSite: secFetchSite as string | undefined,
    host: request.host,
    protocol: certain ? request.protocol : null
  }
}
