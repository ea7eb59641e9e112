import type { FastifyInstance, RouteHandlerMethod } from 'fastify'
import { rootOf } from './route-registry.ts'

/** Seconds that clients may cache a document. */
const maxAgeSeconds = 300

/** A JSON document that everybody may read, by its path from the root of the server. */
export interface OpenDocument {
  readonly path: string
  readonly content: Readonly<Record<string, unknown>>
}

/**
 * Serves a document without authentication, also to scripts of other origins (the Fetch standard's CORS protocol).
 * Under a prefix, a well-known path is outside the context of the plugin: then the root context gets the route.
 */
export function serveOpenDocument(app: FastifyInstance, { path, content }: OpenDocument): void {
  const isWithin = path.startsWith(`${app.prefix}/`)
  const context = isWithin ? app : rootOf(app)
  const options = { config: { auth: false }, schema: { hide: true } as object }
  const url = escapeParameters(isWithin ? path.slice(app.prefix.length) : path)
  const body = JSON.stringify(content)

  const serve: RouteHandlerMethod = async (_request, reply) => {
    reply.header('access-control-allow-origin', '*')
    reply.header('cache-control', `public, max-age=${maxAgeSeconds}`)
    reply.type('application/json')
    return body
  }
  // Clients send headers of their protocol, such as `MCP-Protocol-Version`, which make browsers ask first.
  const allow: RouteHandlerMethod = async (_request, reply) => {
    reply.header('access-control-allow-origin', '*')
    reply.header('access-control-allow-methods', 'GET, HEAD')
    reply.header('access-control-allow-headers', '*')
    reply.header('access-control-max-age', `${maxAgeSeconds}`)
    return reply.code(204).send()
  }
  context.get(url, options, serve)
  context.options(url, options, allow)
}

/** Whether no route has this path from the root of the server. */
export function isFree(app: FastifyInstance, path: string): boolean {
  return !app.hasRoute({ method: 'GET', url: escapeParameters(path) })
}

/** In the URL of a route, a colon begins the name of a parameter. */
function escapeParameters(path: string): string {
  return path.replaceAll(':', '::')
}
