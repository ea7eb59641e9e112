import { randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import authenticate, { type SessionStore } from 'fastify-authenticate'

/**
 * The plugin over the server's session store. A command uses it: what it ends is refused by all running servers, which
 * follow the store. It signs nothing, so it needs no secret of the server.
 */
export async function openSessions({
  issuer,
  store
}: {
  issuer: string
  store: SessionStore
}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(authenticate, { issuer, secret: randomBytes(32), store, cookies: false })
  await app.ready()
  return app
}
