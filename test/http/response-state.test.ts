import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { createApp, setCookies, type TestApp } from '../fixtures/app.ts'
import { createCookieJar } from '../fixtures/cookie-jar.ts'

const names = ['__Host-access', '__Host-refresh']
const stream = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
const event = 'data: hello\n\n'

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

/** Every way to write a response without Fastify. */
const ways: Record<string, Handler> = {
  'hijack() and writeHead()'(_request, reply) {
    reply.hijack()
    reply.raw.writeHead(200, stream)
    reply.raw.end(event)
  },
  'hijack() and writeHead() with a reason'(_request, reply) {
    reply.hijack()
    reply.raw.writeHead(200, 'Fine', stream)
    reply.raw.end(event)
  },
  'hijack() and writeHead() with a list'(_request, reply) {
    reply.hijack()
    reply.raw.writeHead(200, Object.entries(stream).flat())
    reply.raw.end(event)
  },
  'hijack() and writeHead() without headers'(_request, reply) {
    reply.hijack()
    reply.raw.writeHead(200)
    reply.raw.end(event)
  },
  'hijack() and setHeader()'(_request, reply) {
    reply.hijack()
    reply.raw.setHeader('cache-control', 'no-cache')
    reply.raw.write(event)
    reply.raw.end()
  },
  'hijack() and end() alone'(_request, reply) {
    reply.hijack()
    reply.raw.end(event)
  },
  'hijack() and flushHeaders()'(_request, reply) {
    reply.hijack()
    reply.raw.flushHeaders()
    reply.raw.end(event)
  },
  'writeHead() without hijack()'(_request, reply) {
    reply.raw.writeHead(200, stream)
    reply.raw.end(event)
  },
  'a payload for Fastify'(_request, reply) {
    reply.send(event)
  }
}

const pathOf = (name: string) => `/${name.replace(/\W+/g, '-')}`

/** An application with a protected route for each way, which renews, and one that signs in the same way. */
async function createRawApp(options: object = {}) {
  const server = await createApp({
    server: options,
    plugin: { cookies: { renew: true } },
    after(app) {
      for (const [name, handler] of Object.entries(ways)) {
        app.get(pathOf(name), { config: { auth: true } }, handler as never)
        app.get(`/explicit${pathOf(name)}`, { onRequest: (request) => request.authenticate() }, handler as never)
        app.post(`/login${pathOf(name)}`, async (request, reply) => {
          await reply.signIn({ sub: 'alice', transport: 'cookie' })
          await handler(request, reply)
        })
        app.post(`/logout${pathOf(name)}`, async (request, reply) => {
          await reply.signOut()
          await handler(request, reply)
        })
      }
    }
  })
  return server
}

async function listen(app: FastifyInstance): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** A browser that keeps the cookies of its responses. */
function createBrowser({ clock }: TestApp, url: string) {
  const jar = createCookieJar(clock)
  const site = 'https://127.0.0.1'
  return {
    jar,
    async visit(path: string, method = 'GET') {
      const response = await fetch(`${url}${path}`, { method, headers: { cookie: jar.header(`${site}${path}`) } })
      const lines = response.headers.getSetCookie()
      for (const line of lines) jar.set(`${site}${path}`, line)
      return {
        status: response.status,
        body: await response.text(),
        names: lines.map((line) => line.split('=')[0]),
        cacheControl: response.headers.get('cache-control')
      }
    }
  }
}

t.test('a renewal reaches the browser in every way to write its response', async (t) => {
  const server = await createRawApp()
  t.teardown(() => server.app.close())
  const url = await listen(server.app)
  for (const name of Object.keys(ways)) {
    for (const prefix of ['', '/explicit']) {
      await t.test(`${name}${prefix && ', authenticated by request.authenticate()'}`, async (t) => {
        const { jar, visit } = createBrowser(server, url)
        await visit(`/login${pathOf('a payload for Fastify')}`, 'POST')
        // More often than `lateRetries` allows: a lost cookie would end the session as stolen.
        for (let reconnect = 1; reconnect <= 6; reconnect++) {
          server.clock.advance(700)
          const response = await visit(`${prefix}${pathOf(name)}`)
          t.strictSame(
            response,
            { status: 200, body: event, names, cacheControl: 'private, no-store' },
            `reconnect ${reconnect}`
          )
          t.equal(jar.values('__Host-refresh')[0]?.split('.')[2], String(reconnect))
        }
        t.equal((await visit('/me')).status, 200, 'the session is alive')
        t.strictSame(
          (await visit(`${prefix}${pathOf(name)}`)).names,
          [],
          'a request that needs no renewal sets nothing'
        )
      })
    }
  }
})

t.test('a cookie sign-in and a sign-out reach the browser in every way to write the response', async (t) => {
  const server = await createRawApp()
  t.teardown(() => server.app.close())
  const { jar, visit } = createBrowser(server, await listen(server.app))
  for (const name of Object.keys(ways)) {
    t.strictSame(
      await visit(`/login${pathOf(name)}`, 'POST'),
      { status: 200, body: event, names, cacheControl: 'no-store' },
      name
    )
    t.equal((await visit('/me')).status, 200)
    t.match(await visit(`/logout${pathOf(name)}`, 'POST'), { status: 200, names }, name)
    t.strictSame(jar.scopes(), [])
    server.events()
  }
})

t.test('inject() returns the same cookies', async (t) => {
  const server = await createRawApp()
  for (const name of Object.keys(ways)) {
    const response = await server.app.inject({ method: 'POST', url: `/login${pathOf(name)}` })
    t.strictSame(
      response.cookies.map((cookie) => cookie.name),
      names,
      name
    )
  }
})

t.test('the cookies reach the browser over HTTP/2', async (t) => {
  const server = await createRawApp({ http2: true })
  t.teardown(() => server.app.close())
  const session = connectHttp2(await listen(server.app))
  t.teardown(() => {
    session.close()
  })
  for (const name of Object.keys(ways)) {
    const request = session.request({ ':method': 'POST', ':path': `/login${pathOf(name)}` })
    const [headers] = await once(request, 'response')
    t.strictSame(
      [headers[':status'], headers['set-cookie'].map((line: string) => line.split('=')[0]), headers['cache-control']],
      [200, names, 'no-store'],
      name
    )
    t.equal(await text(request), event)
  }
})

t.test("the application's own cookies stay, once each, in every form of writeHead()'s headers", async (t) => {
  const hosts: [string, Handler, string[]][] = [
    ['an object', (_request, { raw }) => raw.writeHead(200, { 'Set-Cookie': 'host=1' }), ['host=1']],
    [
      'an object with a list',
      (_request, { raw }) => raw.writeHead(200, { 'set-cookie': ['host=1', 'host2=2'] }),
      ['host=1', 'host2=2']
    ],
    [
      'a list',
      (_request, { raw }) => raw.writeHead(200, ['set-cookie', 'host=1', 'x-other', 'y', 'Set-Cookie', 'host2=2']),
      ['host=1', 'host2=2']
    ],
    [
      'a list that has a list',
      (_request, { raw }) => raw.writeHead(200, ['Set-Cookie', ['host=1', 'host2=2']]),
      ['host=1', 'host2=2']
    ],
    ['a list of one pair', (_request, { raw }) => raw.writeHead(200, [['set-cookie', 'host=1']] as never), ['host=1']],
    [
      'a list of pairs',
      (_request, { raw }) =>
        raw.writeHead(200, [
          ['set-cookie', 'host=1'],
          ['set-cookie', ['host2=2', 'host3=3']]
        ] as never),
      ['host=1', 'host2=2', 'host3=3']
    ],
    ['null', (_request, { raw }) => raw.setHeader('set-cookie', 'host=1').writeHead(200, null as never), ['host=1']],
    ['setHeader()', (_request, { raw }) => raw.setHeader('set-cookie', 'host=1').writeHead(200), ['host=1']],
    [
      'setHeader() and then an object',
      (_request, { raw }) => raw.setHeader('set-cookie', 'host=0').writeHead(200, { 'set-cookie': 'host=1' }),
      ['host=1']
    ]
  ]
  const server = await createApp({
    after(app) {
      hosts.forEach(([, write], index) =>
        app.post(`/${index}`, async (request, reply) => {
          await reply.signIn({ sub: 'alice', transport: 'cookie' })
          reply.hijack()
          write(request, reply)
          reply.raw.end('done')
        })
      )
    }
  })
  t.teardown(() => server.app.close())
  const url = await listen(server.app)
  for (const [index, [name, , expected]] of hosts.entries()) {
    const response = await fetch(`${url}/${index}`, { method: 'POST' })
    const lines = response.headers.getSetCookie()
    t.strictSame(lines.slice(0, -2), expected, name)
    t.strictSame(
      lines.slice(-2).map((line) => line.split('=')[0]),
      names,
      name
    )
  }
})

t.test('Cache-Control is written once: an onSend hook of the application that runs later can replace it', async (t) => {
  const server = await createApp({
    after(app) {
      app.addHook('onSend', async (_request, reply) => {
        reply.header('cache-control', 'private, no-store, max-age=0')
      })
      app.post('/in', async (_request, reply) => reply.signIn({ sub: 'alice', transport: 'cookie' }))
    }
  })
  const { headers } = await server.app.inject({ method: 'POST', url: '/in' })
  t.equal(headers['cache-control'], 'private, no-store, max-age=0')
})

t.test('an onSend hook that runs later has the last word, also after a sign-out', async (t) => {
  const server = await createApp({
    after(app) {
      app.addHook('onSend', async (_request, reply) => {
        reply.header('cache-control', 'public')
      })
      app.post('/out', async (_request, reply) => {
        await reply.signOut()
        return 'bye'
      })
    }
  })
  const { cookie } = await server.signIn('cookie')
  const { headers } = await server.app.inject({ method: 'POST', url: '/out', headers: { cookie } })
  t.equal(headers['cache-control'], 'public')
})

t.test('the last value of a cookie wins on a raw response too, and no cookie is sent twice', async (t) => {
  const server = await createApp({
    after: (app) =>
      app.post('/again', async (_request, reply) => {
        await reply.signOut()
        await reply.signIn({ sub: 'bob', transport: 'cookie' })
        reply.hijack()
        reply.raw.writeHead(200)
        reply.raw.end()
      })
  })
  const { cookie } = await server.signIn('cookie')
  const response = await server.app.inject({ method: 'POST', url: '/again', headers: { cookie } })
  t.strictSame(
    response.cookies.map(({ name, value }) => [name, value !== '']),
    names.map((name) => [name, true])
  )
})

t.test('once the headers are sent, sign-in and refresh throw, nothing renews and nothing is written', async (t) => {
  const outcomes: unknown[] = []
  const late =
    (act: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>): Handler =>
    async (request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, stream)
      await act(request, reply).then(
        (value) => outcomes.push(value),
        (error) => outcomes.push(error)
      )
      reply.raw.end(event)
    }
  const server = await createApp({
    plugin: { cookies: { renew: true } },
    after(app) {
      app.post('/late-login', late((_request, reply) => reply.signIn({ sub: 'bob', transport: 'cookie' })) as never)
      app.post('/late-refresh', late((_request, reply) => reply.refresh()) as never)
      app.get('/late-me', late((request) => request.authenticate()) as never)
      app.post('/late-logout', late((_request, reply) => reply.signOut()) as never)
    }
  })
  const { cookie, sessionId } = await server.signIn('cookie')
  server.clock.advance(700)
  const outcome = async (method: 'GET' | 'POST', url: string) => {
    t.strictSame(setCookies(await server.app.inject({ method, url, headers: { cookie } })), [])
    return outcomes.pop()
  }
  t.match(await outcome('POST', '/late-login'), {
    name: 'TypeError',
    message: 'signIn() with transport "cookie" must be called before the response\'s headers are sent'
  })
  t.match(await outcome('POST', '/late-refresh'), {
    name: 'TypeError',
    message: "refresh() by cookie must be called before the response's headers are sent"
  })
  t.match(await outcome('GET', '/late-me'), { code: 'AUTH_EXPIRED_TOKEN' })
  t.strictSame(await server.app.sessions.list('bob'), [])
  t.match((await server.store.find(sessionId)).row, { generation: 0, revokedAt: null })
  t.equal(await outcome('POST', '/late-logout'), undefined, 'a sign-out ends the session nevertheless')
  t.equal((await server.store.find(sessionId)).row?.revokedAt, server.clock())
})
