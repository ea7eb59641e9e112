import type { FastifyRequest } from 'fastify'

/** Where a browser keeps a cookie: it distinguishes cookies of one name by these two (RFC 6265 §5.3). */
export interface CookieScope {
  /** `undefined` for a host-only cookie. */
  readonly domain: string | undefined
  readonly path: string
}

/** Limits, because otherwise a long URL or host name could cause any number of `Set-Cookie` headers. */
const maxPathLength = 256
const maxHostLength = 253
const maxSegments = 8
const maxParents = 4
const hostName = /^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+$/i
const ipv4 = /\.\d+$/
/** Without `;`, which would end the attribute, and without characters that a serializer rejects. */
const safePath = /^\/[\w.~!$&'()*+,=:@%/-]*$/

/**
 * Every scope from which a browser sends a cookie with this request: each path prefix of its URL, and each parent
 * domain of its host (RFC 6265 §5.1.3, §5.1.4). The likeliest are first: the root, then short paths.
 */
export function scopesSentTo(request: Pick<FastifyRequest, 'hostname' | 'originalUrl'>): CookieScope[] {
  const domains = [undefined, ...domainsOf(request.hostname)]
  return pathsOf(request.originalUrl).flatMap((path) => domains.map((domain) => ({ domain, path })))
}

/**
 * The host and its parents of at least two labels: browsers reject a shorter `Domain`. An IP address has no parents.
 */
function domainsOf(host: string): string[] {
  if (host.length > maxHostLength || !hostName.test(host) || ipv4.test(host)) return []
  const labels = host.split('.')
  const parents = labels.slice(1, -1).map((_label, index) => labels.slice(index + 1).join('.'))
  return [host, ...parents.slice(-maxParents)]
}

function pathsOf(url: string): string[] {
  const path = url.split('?', 1)[0]!
  if (path.length > maxPathLength || !safePath.test(path)) return ['/']
  const segments = path.split('/').slice(1, maxSegments + 1)
  const prefixes = segments
    .map((_segment, index) => `/${segments.slice(0, index + 1).join('/')}`)
    .filter((prefix) => !prefix.endsWith('/'))
  const withSlash = prefixes.map((prefix) => `${prefix}/`).filter((prefix) => path.startsWith(prefix))
  return ['/', ...prefixes, ...withSlash]
}
