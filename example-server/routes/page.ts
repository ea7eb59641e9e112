import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'

const pageFolder = join(import.meta.dirname, '../page')

/** The modules of `fastify-authenticate/client`. An application with a bundler imports it by this name instead. */
const clientFolder = dirname(fileURLToPath(import.meta.resolve('fastify-authenticate/client')))

/**
 * Policy of the page that plays another site in a lesson. `sandbox` gives it an opaque origin: browsers treat its
 * requests as cross-site, although the same server serves it.
 */
const otherSitePolicy = [
  'sandbox allow-forms allow-scripts',
  "default-src 'none'",
  "script-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'"
].join('; ')

/** The page consists of plain files without a build step; the browser revalidates each on every load. */
export const pageRoutes: FastifyPluginAsync = async function page(app) {
  await app.register(fastifyStatic, {
    root: pageFolder,
    prefix: '/page/',
    allowedPath: (path) => !path.endsWith('/tsconfig.json'),
    cacheControl: false,
    setHeaders(reply, path) {
      reply.header('cache-control', 'no-cache')
      // Chromium logs a console error if a document with an opaque origin asks for an origin-keyed agent cluster.
      if (path.endsWith('other-site.html')) {
        reply.header('content-security-policy', otherSitePolicy).removeHeader('origin-agent-cluster')
      }
      // The only script that a document of another (opaque) origin loads.
      if (path.endsWith('other-site.js')) reply.header('cross-origin-resource-policy', 'cross-origin')
    }
  })
  // `../../client/index.js` is right for the page on disk and in the browser, where `..` never leaves the root.
  await app.register(fastifyStatic, {
    root: clientFolder,
    prefix: '/client/',
    decorateReply: false,
    allowedPath: (path) => /^\/[\w-]+\.js$/.test(path),
    cacheControl: false,
    setHeaders: (reply) => reply.header('cache-control', 'no-cache')
  })

  app.get('/', { schema: { hide: true } }, async (_request, reply) => await reply.sendFile('index.html'))
}
