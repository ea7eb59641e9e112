import type { FastifyRequest } from 'fastify'
import type { ResourceSettings } from '../options/resources.ts'
import { normalizePath } from '../options/safe-url.ts'
import type { AccessToken } from '../tokens/access-token.ts'

/** A protected resource of this application, RFC 9728. */
export interface ProtectedResource {
  /** The resource identifier, as tokens name it in `aud`. */
  readonly url: string
  /** The URL of its metadata (RFC 9728 §3.1), as challenges name it. */
  readonly metadataUrl: string
}

/** Where an instance keeps its resources. Entries of the package that are loaded separately read them there. */
export const protectedResources = Symbol.for('fastify-authenticate.resources')

export interface ProtectedResources {
  /** The resource that the request's route belongs to; `null` if it belongs to none. */
  of(request: RoutedRequest): ProtectedResource | null
  /**
   * Whether a token may be used at the request's route: it must not be for another resource only (RFC 8707 §2). A token
   * that names no resource may, because its issuer does not distinguish them.
   */
  admits(request: RoutedRequest, token: Pick<AccessToken, 'claims'>): boolean
}

type RoutedRequest = Pick<FastifyRequest, 'url' | 'routeOptions'>

const wellKnown = '/.well-known/oauth-protected-resource'

/** RFC 9728 §3: the name is inserted before the path, of which a slash that follows the host is dropped. */
export function metadataPath(path: string): string {
  return path === '/' ? wellKnown : `${wellKnown}${path}`
}

/** Finds the resource of a request. Of several that contain its route, the one with the longest path counts. */
export function createProtectedResources(settings: readonly ResourceSettings[]): ProtectedResources {
  if (settings.length === 0) return { of: () => null, admits: () => true }
  const resources = settings
    .map(({ url, path }) => ({ url, path: normalizePath(path), metadataUrl: metadataUrl(url) }))
    .sort((one, other) => other.path.length - one.path.length)

  const urls: ReadonlySet<unknown> = new Set(resources.map(({ url }) => url))

  function resourceOf(request: RoutedRequest): (typeof resources)[number] | null {
    const { url: pattern } = request.routeOptions
    // The pattern is what Fastify has matched, whatever the spelling of the request. A pattern with parameters, and
    // a request without a route, say less than the request.
    const paths = [...(pattern === undefined ? [] : [pattern]), ...pathsOf(request.url)].map(normalizePath)
    return resources.find(({ path }) => paths.some((candidate) => contains(path, candidate))) ?? null
  }

  if (urls.size === 1) return { of: resourceOf, admits: () => true }
  return {
    of: resourceOf,

    admits(request, { claims }) {
      const named = [claims.aud].flat().filter((audience) => urls.has(audience))
      const resource = named.length === 0 ? null : resourceOf(request)
      return resource === null || named.includes(resource.url)
    }
  }
}

function metadataUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${metadataPath(pathname)}`
}

/** Whether a path is the resource's, or below it, by whole segments: `/mcp` contains `/mcp/tools`, not `/mcpx`. */
export function contains(resource: string, path: string): boolean {
  const base = resource.replace(/\/$/, '')
  return path === base || path.startsWith(`${base}/`)
}

/**
 * The path of a request as Fastify matches it: decoded, also if the request names the whole URL (RFC 9112 §3.2.2).
 * Applications may let `;` end a path, so the part before it counts too. Otherwise, a token of one tenant could be used
 * at another one's route `/:tenant/mcp` by a spelling that is not recognized here.
 */
function pathsOf(url: string): string[] {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*/, '')
  return [path, path.replace(/;.*/, '')].flatMap(decoded)
}

function decoded(path: string): string[] {
  try {
    return [decodeURIComponent(path)]
  } catch {
    return []
  }
}
