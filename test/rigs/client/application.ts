// An application with sessions in bearer transport, for clients that run in the same process.
import { EventEmitter, on, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import authenticate, { type SignIn } from '../../../plugin/index.ts'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { issuer, secret } from '../../fixtures/app.ts'

const lifetimeSeconds = 60
const now = Date.now

export interface Application {
  readonly app: FastifyInstance
  readonly url: string
  /** What was requested since the last call, as `POST /notes 200`. */
  readonly log: () => string[]
  /** Lets the access token expire for the server, which the client cannot know. */
  readonly expire: () => void
  /** Lets the access token expire for the server and the client. */
  readonly passLifetime: () => void
  /** From now on, the store of sessions does not respond. */
  readonly loseStore: () => void
  /** Refreshes wait until the returned function is called. */
  readonly holdRefresh: () => () => void
  /** Resolves when a request has reached a route that waits. */
  readonly waiting: () => Promise<{ readonly closed: Promise<unknown>; readonly write: (text: string) => void }>
}

/** Starts the application. `more` adds routes that need a user. */
export async function startApplication(t: Test, more?: (app: FastifyInstance) => unknown): Promise<Application> {
  const skewMs = { server: 0, client: 0 }
  t.intercept(Date, 'now', { value: () => now() + skewMs.client })
  const clock = () => now() + skewMs.server
  const requests: string[] = []
  const gates = { refresh: Promise.resolve(), isStoreLost: false }
  const open = new EventEmitter()
  const opened = on(open, 'request')
  const app = fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  app.addHook('onSend', async ({ method, url }, { statusCode }) => {
    requests.push(`${method} ${url.split('?')[0]} ${statusCode}`)
  })
  await app.register(authenticate, {
    issuer,
    secret,
    clock,
    store: memoryStore({ clock }),
    accessToken: { lifetimeSeconds }
  })
  app.post('/login', async ({ body }, reply) => reply.signIn(body as SignIn))
  app.post('/auth/refresh', async ({ body }, reply) => {
    await gates.refresh
    if (!gates.isStoreLost) return reply.refresh((body as { refresh_token?: string } | null)?.refresh_token)
    const code = 'AUTH_STORE_UNAVAILABLE'
    return reply.code(503).header('retry-after', '60').send({ statusCode: 503, code })
  })
  app.post('/auth/logout', async ({ body }, reply) => {
    await reply.signOut((body as { refresh_token?: string } | null)?.refresh_token)
    return reply.code(204).send()
  })
  await app.register(async (scope) => {
    scope.addHook('onRequest', app.authenticate)
    addRoutes(scope, open)
    await more?.(scope)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })

  return {
    app,
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    log: () => requests.splice(0),
    expire() {
      skewMs.server += lifetimeSeconds * 1000
    },
    passLifetime() {
      skewMs.server += lifetimeSeconds * 1000
      skewMs.client += lifetimeSeconds * 1000
    },
    loseStore() {
      gates.isStoreLost = true
    },
    holdRefresh() {
      let release = () => {}
      gates.refresh = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    waiting: async () => (await opened.next()).value[0]
  }
}

/** Counts bytes as they arrive, so that an upload is not buffered. */
async function sizeOf(body: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0
  for await (const chunk of body) size += chunk.length
  return size
}

function addRoutes(app: FastifyInstance, open: EventEmitter): void {
  app.addContentTypeParser('multipart/form-data', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
  app.get('/me', async ({ user, auth }) => ({ sub: user.sub, sid: auth!.sessionId }))
  app.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/notes',
    handler: async ({ method, query, headers, body, user }) => ({
      method,
      query,
      tag: headers['x-tag'] ?? null,
      body: body ?? null,
      sub: user.sub
    })
  })
  app.post('/form', async ({ body }) => {
    const values = [...String(body).matchAll(/name="(\w+)"(?:; filename="(\w+\.txt)")?[^]*?\r\n\r\n(.*)\r\n/g)]
    return values.map(([, name, file, value]) => [name, file ?? null, value])
  })
  app.post('/upload', async ({ body }) => ({ size: await sizeOf(body as AsyncIterable<Uint8Array>) }))
  const wait = (request: FastifyRequest) => {
    const stream = new PassThrough()
    const closed = once(request.raw.socket, 'close')
    open.emit('request', { closed, write: (text: string) => stream.write(text) })
    return stream
  }
  app.get('/stream', async (request, reply) => reply.type('text/plain').send(wait(request)))
  app.get('/hanging', (request) => {
    wait(request)
  })
  app.get('/forbidden', { config: { auth: { scopes: ['admin'] } } }, async () => 'never')
  app.get('/invalid', async (_request, reply) => reply.code(422).send({ statusCode: 422, code: 'NO_TITLE' }))
  app.get('/broken', async () => {
    throw Object.assign(new Error('a fault of the application'), { code: 'A_FAULT' })
  })
  let attempts = 0
  app.get('/sometimes', async (_request, reply) => {
    if (++attempts % 3 !== 0) return reply.code(503).header('retry-after', '0').send({ code: 'BUSY' })
    return { attempts }
  })
}
