import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'
import type { RouteParts } from '../app.ts'

const folder = join(import.meta.dirname, '../page')

/**
 * Of the workshop's other site. Its origin is nobody's, because of `sandbox`: so what it sends comes from another site
 * indeed, on any machine and without a second server.
 */
const otherSitePolicy = [
  'sandbox allow-forms allow-scripts',
  "default-src 'none'",
  "script-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'"
].join('; ')

/** Plain files, with no build step: the browser asks each time whether they are still the same. */
export const pageRoutes: FastifyPluginAsync<RouteParts> = async function page(app) {
  await app.register(fastifyStatic, {
    root: folder,
    prefix: '/page/',
    wildcard: false,
    cacheControl: false,
    setHeaders(reply, path) {
      reply.header('cache-control', 'no-cache')
      // An origin that is nobody's has no agents to be kept apart from; asked for all the same, the browser complains.
      if (path.endsWith('other-site.html')) {
        reply.header('content-security-policy', otherSitePolicy).removeHeader('origin-agent-cluster')
      }
      // The one script that a page of another origin loads.
      if (path.endsWith('other-site.js')) reply.header('cross-origin-resource-policy', 'cross-origin')
    }
  })

  app.get('/', { schema: { hide: true } }, async (_request, reply) => await reply.sendFile('index.html'))
}
