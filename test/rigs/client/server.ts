import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import authenticate from '../../../plugin/index.ts'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { lifetimeSeconds } from './settings.ts'
import { speakSupertokens } from './supertokens.ts'

const page =
  '<!doctype html><title>Tab</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'

export interface ServerOptions {
  /** The script of its page. */
  readonly script: string
  /** Whether it speaks the protocol of `supertokens-website`. */
  readonly supertokens?: boolean
  /** Whether it treats every refresh token that is presented twice as stolen, as in RFC 9700 §4.14.2. */
  readonly isStrict?: boolean
}

/** A small application whose access tokens live for 3 seconds. It counts how often it executes each body. */
export async function startServer({ script, supertokens = false, isStrict = false }: ServerOptions) {
  const app = fastify({ forceCloseConnections: true })
  /** How often the body with this number was executed. */
  const executions = new Map<string, number>()
  /** How often each event happened. */
  const events: Record<string, number> = {}
  await app.register(authenticate, {
    issuer: 'https://api.example.com',
    secret: 'the secret of the tests, of 32 bytes at least',
    store: memoryStore(),
    accessToken: { lifetimeSeconds },
    // By default, a token may be presented again for 10 s. This must be less than its lifetime.
    refreshToken: isStrict ? { retrySeconds: 0, lateRetries: 0 } : { retrySeconds: 2 },
    onEvent({ type }) {
      events[type] = (events[type] ?? 0) + 1
    }
  })
  if (supertokens) speakSupertokens(app)

  app.get('/', async (_request, reply) => reply.type('text/html').send(page))
  app.get('/page.js', async (_request, reply) => reply.type('text/javascript').send(script))
  app.post('/auth/login', async (request, reply) => {
    const { transport } = request.body as { transport: 'cookie' | 'bearer' }
    return await reply.signIn({ sub: 'alice', transport })
  })
  app.post('/auth/refresh', async (request, reply) => {
    const { refresh_token: token } = (request.body ?? {}) as { refresh_token?: string }
    return token === undefined ? await reply.refresh() : await reply.refresh(token)
  })
  app.post('/auth/logout', async (_request, reply) => reply.signOut())
  app.get('/me', { config: { auth: true } }, async ({ user }) => user)
  app.get('/notes', { config: { auth: true } }, async () => [])
  app.post('/notes', { config: { auth: true } }, async (request) => {
    const { number } = request.body as { number: string }
    executions.set(number, (executions.get(number) ?? 0) + 1)
    return { number }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, executions, events, close: () => app.close() }
}
