import type { FastifyInstance } from 'fastify'
import type { KeySource } from '../tokens/key-source.ts'

/** Other services may keep the keys this long, seconds; a `next` key is published for at least as long before it signs. */
const maxAgeSeconds = 300

/** Serves the public keys (RFC 7517 §5) to anyone who is to verify our tokens. */
export function serveJwks(app: FastifyInstance, path: string, keys: KeySource): void {
  app.get(path, { config: { auth: false }, schema: { hide: true } as object }, async (_request, reply) => {
    reply.header('cache-control', `public, max-age=${maxAgeSeconds}`)
    reply.type('application/jwk-set+json')
    return JSON.stringify(keys.current().jwks())
  })
}
