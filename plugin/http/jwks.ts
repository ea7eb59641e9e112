import type { FastifyInstance } from 'fastify'
import type { KeySource } from '../tokens/key-source.ts'

/** Seconds that other services may cache the keys. A `next` key must be published for longer before it signs. */
const maxAgeSeconds = 300

/** Serves the public keys (RFC 7517 §5) to every service that verifies our tokens. */
export function serveJwks(
  app: FastifyInstance,
  { path, keys }: { path: string; keys: Pick<KeySource, 'current'> }
): void {
  app.get(path, { config: { auth: false }, schema: { hide: true } as object }, async (_request, reply) => {
    reply.header('cache-control', `public, max-age=${maxAgeSeconds}`)
    reply.type('application/jwk-set+json')
    return JSON.stringify(keys.current().jwks())
  })
}
