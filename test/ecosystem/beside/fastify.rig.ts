// What belongs to Fastify itself.
import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import authenticate, { AuthError } from '../../../plugin/index.ts'
import { beside, cookieHeader, issuer, secret } from './beside.ts'

const challenge = `Bearer realm="${issuer}"`

beside(
  'HTTP/2',
  {
    does: 'signs in by cookie, refuses, and compares the origin with :authority',
    server: { http2: true } as never
  },
  async (t, { app }) => {
    await app.listen({ port: 0, host: '127.0.0.1' })
    const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    const session = connect(origin)
    t.teardown(() => session.destroy())
    async function send(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
      const stream = session.request({
        ':method': method,
        ':path': path,
        ...headers,
        ...(body && { 'content-type': 'application/json' })
      })
      const received = once(stream, 'response')
      stream.end(body && JSON.stringify(body))
      const [response] = await received
      return { headers: response, status: response[':status'], body: await text(stream) }
    }
    const refused = await send('GET', '/me')
    t.strictSame([refused.status, refused.headers['www-authenticate']], [401, challenge])
    const signedIn = await send('POST', '/sign-in', {}, { sub: 'alice', transport: 'cookie' })
    t.equal(signedIn.status, 200)
    const cookie = cookieHeader(signedIn)
    t.match(JSON.parse((await send('GET', '/me', { cookie })).body), { sub: 'alice', source: 'cookie' })
    t.equal((await send('POST', '/me', { cookie, origin })).status, 200)
    t.equal((await send('POST', '/me', { cookie, origin: 'https://evil.example' })).status, 403)
    t.equal((await send('HEAD', '/me')).status, 401)
  }
)

beside(
  'app.inject()',
  { does: 'takes headers, cookies and another address, as a server that listens' },
  async (t, { app, bearer, browser }) => {
    t.equal(
      (
        await app
          .inject()
          .get('/me')
          .headers(await bearer())
          .end()
      ).json().sub,
      'alice'
    )
    const [access] = (await browser()).cookie!.split('; ')
    const cookies = { '__Host-access': access!.slice('__Host-access='.length) }
    t.equal((await app.inject({ url: '/me', cookies })).json().source, 'cookie')
    const change = { method: 'POST', url: '/me', cookies, authority: 'api.example.com' } as const
    t.equal((await app.inject({ ...change, headers: { origin: 'http://api.example.com' } })).statusCode, 200)
    t.equal((await app.inject({ ...change, headers: { origin: 'http://evil.example' } })).statusCode, 403)
  }
)

beside(
  'HEAD routes',
  {
    does: 'protects those that Fastify adds and those of the application',
    routes(app) {
      app.head('/own', { config: { auth: true } }, async (_request, reply) => reply.header('x-total', '3').send())
      app.get('/no-head', { config: { auth: true }, exposeHeadRoute: false }, async () => 'x')
    }
  },
  async (t, { app, bearer }) => {
    const head = (url: string, headers = {}) => app.inject({ method: 'HEAD', url, headers })
    for (const url of ['/me', '/own']) {
      const refused = await head(url)
      t.strictSame([refused.statusCode, refused.headers['www-authenticate']], [401, challenge], url)
    }
    const mine = await head('/me', await bearer())
    t.strictSame([mine.statusCode, mine.body, Number(mine.headers['content-length']) > 0], [200, '', true])
    t.equal((await head('/own', await bearer())).headers['x-total'], '3')
    t.equal((await head('/no-head', await bearer())).statusCode, 404)
  }
)

const inside = (app: FastifyInstance, name: string) => {
  app.get(`/${name}`, { config: { auth: true } }, async ({ auth }) => auth.user.sub)
  app.get(`/${name}/open`, async ({ user }) => user)
}

beside(
  'Prefixes and encapsulated contexts',
  {
    does: 'protects routes in every child context, also one that was created before the plugin',
    async register(app) {
      await app.register(
        async (scope) => {
          scope.decorateRequest('tenant', null)
          inside(scope, 'notes')
          await scope.register(async (deep) => inside(deep, 'files'), { prefix: '/:tenant' })
        },
        { prefix: '/v1' }
      )
      await app.register(fp(async (same) => inside(same, 'same')))
    }
  },
  async (t, { get, bearer }) => {
    for (const url of ['/v1/notes', '/v1/acme/files', '/same']) {
      t.equal((await get(url)).json().code, 'AUTH_NO_CREDENTIALS', url)
      t.equal((await get(url, await bearer())).body, 'alice', url)
      t.equal((await get(`${url}/open`)).body, 'null', 'request.user is never undefined')
    }
  }
)

/** Every refusal keeps its status and its challenge, whatever the application makes of its body. */
function changeErrors(app: FastifyInstance): void {
  app.setErrorHandler(async (error, _request, reply) => {
    if (!(error instanceof AuthError)) throw error
    return reply
      .code(error.statusCode)
      .type('application/problem+json')
      .send({ code: error.code, title: error.message })
  })
}

beside(
  'Error handlers',
  {
    does: 'keeps status, code and challenge with a body of the application',
    register: changeErrors,
    async routes(app) {
      await app.register(async (scope) => {
        scope.setErrorHandler(async (_error, _request, reply) => reply.send({ sorry: true }))
        inside(scope, 'child')
      })
      const errorHandler = (_error: unknown, _request: FastifyRequest, reply: FastifyReply) => reply.send('own')
      app.get('/own', { config: { auth: true }, errorHandler }, async () => 'x')
    }
  },
  async (t, { get }) => {
    const refused = await get('/me')
    t.strictSame(refused.json(), { code: 'AUTH_NO_CREDENTIALS', title: 'Authentication is required' })
    t.match(refused.headers['content-type'], /^application\/problem\+json/)
    for (const [url, body] of Object.entries({ '/child': '{"sorry":true}', '/own': 'own' })) {
      const { statusCode, headers, body: sent } = await get(url)
      // As for every error: the handler sets the status.
      t.strictSame([statusCode, headers['www-authenticate'], sent], [200, challenge, body], url)
    }
  }
)

beside(
  'Not-found handlers',
  {
    does: 'responds with 404 under "all", knows no user there, and refuses by the hook',
    plugin: { protect: 'all' },
    register: (app) =>
      app.setNotFoundHandler(async ({ user }, reply) => reply.code(404).send({ page: 'not found', user })),
    async routes(app) {
      await app.register(
        async (scope) => {
          scope.setNotFoundHandler({ preHandler: [app.authenticate] }, async ({ user }, reply) =>
            reply.code(404).send(user)
          )
        },
        { prefix: '/hidden' }
      )
    }
  },
  async (t, { get, bearer }) => {
    for (const headers of [{}, await bearer()]) {
      const missing = await get('/missing', headers)
      t.strictSame([missing.statusCode, missing.json()], [404, { page: 'not found', user: null }])
    }
    t.equal((await get('/hidden/x')).json().code, 'AUTH_NO_CREDENTIALS')
    const hidden = await get('/hidden/x', await bearer())
    t.strictSame([hidden.statusCode, hidden.json().sub], [404, 'alice'])
  }
)

t.test('Two issuers, in sibling contexts: their users, cookies and tokens stay apart', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const sign: Record<string, (input: { sub: string }) => Promise<string>> = {}
  for (const name of ['shop', 'office']) {
    await app.register(
      async (scope) => {
        await scope.register(authenticate, {
          issuer: `https://${name}.example.com`,
          secret: `${name} ${secret}`,
          cookies: { access: `__Host-${name}`, refresh: `__Host-${name}-refresh` }
        })
        scope.post('/sign-in', (_request, reply) => reply.signIn({ sub: name, transport: 'cookie' }))
        scope.get('/me', { config: { auth: true } }, async ({ user }) => user.sub)
        sign[name] = scope.accessTokens.sign
      },
      { prefix: `/${name}` }
    )
  }
  const cookies = []
  for (const name of ['shop', 'office']) {
    const other = name === 'shop' ? 'office' : 'shop'
    const token = { authorization: `Bearer ${await sign[name]!({ sub: 'alice' })}` }
    t.equal((await app.inject({ url: `/${name}/me`, headers: token })).body, 'alice')
    const refused = await app.inject({ url: `/${other}/me`, headers: token })
    t.equal(refused.json().code, 'AUTH_INVALID_TOKEN')
    t.match(refused.headers['www-authenticate'], `realm="https://${other}.example.com"`)
    const signedIn = await app.inject({ method: 'POST', url: `/${name}/sign-in` })
    cookies.push(cookieHeader(signedIn))
    t.equal((await app.inject({ url: `/${other}/me`, headers: { cookie: cookieHeader(signedIn) } })).statusCode, 401)
  }
  for (const name of ['shop', 'office']) {
    t.equal((await app.inject({ url: `/${name}/me`, headers: { cookie: cookies.join('; ') } })).body, name)
  }
})
