import type { FastifyCorsOptions } from '@fastify/cors'

/** What scripts of these origins can read besides the body. `date` is how a client learns the server's time. */
const exposedHeaders = [
  'date',
  'link',
  'retry-after',
  'www-authenticate',
  'x-request-id',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'content-disposition'
]

/** What they can send. Others than these make the browser refuse its own request. */
const allowedHeaders = ['authorization', 'content-type', 'if-none-match', 'x-request-id', 'traceparent', 'tracestate']

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** For how many seconds a browser does not repeat the preflight of a request. */
const maxAge = 600

/**
 * Lets pages of exactly these origins read responses, also to requests with cookies (the CORS protocol of the Fetch
 * standard). Pages of other origins receive no CORS headers, so their browsers refuse. Which pages may change something
 * by cookie is another decision, which the plugin makes with the same list.
 */
export function cors(trustedOrigins: readonly string[]): FastifyCorsOptions {
  const trusted = new Set(trustedOrigins)
  return {
    // Not the list itself: then responses would say to untrusted origins what trusted ones may do.
    origin(origin, decide) {
      decide(null, origin !== undefined && trusted.has(origin) && origin)
    },
    credentials: true,
    methods,
    allowedHeaders,
    exposedHeaders,
    maxAge
  }
}
