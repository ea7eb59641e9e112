import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { createApp, setCookies } from '../fixtures/app.ts'

const cacheable = 'public, max-age=60'
const webResponse = (body: ConstructorParameters<typeof Response>[0], status = 200) =>
  new Response(body, { status, headers: { 'cache-control': cacheable, 'x-own': 'kept', 'content-type': 'text/x-own' } })

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('keepPrivate() keeps the response to a user out of shared caches, and changes no other response', async (t) => {
  const rows: [given: string | undefined, sent: string][] = [
    [undefined, 'private'],
    ['', 'private'],
    ['public', 'private'],
    ['Public, max-age=300', 'private, max-age=300'],
    ['max-age=300,s-maxage = 600', 'private, max-age=300'],
    ['public, s-maxage=600, must-revalidate', 'private, must-revalidate'],
    ['max-age=0', 'private, max-age=0'],
    ['no-cache', 'private, no-cache'],
    ['max-age=60, , no-transform,', 'private, max-age=60, no-transform'],
    ['publicity, not-public, s-maxage-ext=1', 'private, publicity, not-public, s-maxage-ext=1'],
    ['private', 'private'],
    ['max-age=60, Private', 'max-age=60, Private'],
    ['no-store', 'no-store'],
    ['no-store, max-age=0, private', 'no-store, max-age=0, private'],
    ['private, s-maxage=600, public', 'private'],
    ['public,no-store', 'no-store'],
    ['private="x-user", max-age=60', 'private, private="x-user", max-age=60'],
    // A quoted value may contain commas (RFC 9110 §5.6.4): what is in it is not a directive.
    ['max-age=60, ext="no-store"', 'private, max-age=60, ext="no-store"'],
    ['public, ext="a, no-store, b"', 'private, ext="a, no-store, b"'],
    ['ext="a\\", private, \\"b", public', 'private, ext="a\\", private, \\"b"'],
    ['ext="no-store, private', 'private, ext="no-store, private'],
    ['ext="x, public", no-store', 'ext="x, public", no-store']
  ]
  const server = await createApp({
    after(app) {
      for (const [index, [given]] of rows.entries()) {
        const set = (reply: { header: (name: string, value: string) => unknown }) =>
          given === undefined ? undefined : reply.header('cache-control', given)
        app.get(`/declared/${index}`, { config: { auth: { optional: true } } }, async (_request, reply) => {
          set(reply)
          return 'x'
        })
        app.get(`/explicit/${index}`, async (request, reply) => {
          await request.authenticate({ optional: true })
          set(reply)
          return 'x'
        })
      }
    }
  })
  const { access } = await server.signIn('bearer')
  for (const [index, [given, sent]] of rows.entries()) {
    for (const form of ['declared', 'explicit']) {
      const url = `/${form}/${index}`
      const user = await server.app.inject({ url, headers: bearer(access) })
      t.equal(user.headers['cache-control'], sent, `${form}: ${given}`)
      const nobody = await server.app.inject(url)
      t.equal(nobody.headers['cache-control'], given, `${form}, nobody: ${given}`)
    }
  }
})

t.test(
  'keepPrivate() covers errors, headers of reply.raw, and a user whom a later authenticate() refuses',
  async (t) => {
    const server = await createApp({
      after(app) {
        app.get('/error', { config: { auth: true } }, async (_request, reply) => {
          reply.header('cache-control', 'public')
          throw new Error('broken')
        })
        app.get('/raw', { config: { auth: true } }, async (_request, reply) => {
          reply.raw.setHeader('cache-control', 'public, max-age=60')
          return 'raw'
        })
        app.get('/array', { config: { auth: true } }, async (_request, reply) =>
          reply.header('cache-control', ['public', 'max-age=60']).send('array')
        )
        app.get('/response', { config: { auth: true } }, async () => webResponse('x'))
        app.get('/admin', { config: { auth: true } }, async (request, reply) => {
          const { sub } = request.user
          const isAdmin = await request.authenticate({ roles: ['admin'] }).then(
            () => true,
            () => false
          )
          return reply.header('cache-control', 'public').send({ sub, isAdmin })
        })
      }
    })
    const { access } = await server.signIn('bearer')
    for (const [url, sent] of Object.entries({
      '/error': 'private',
      '/raw': 'private, max-age=60',
      '/array': 'private, max-age=60',
      '/response': 'private, max-age=60',
      '/admin': 'private'
    })) {
      t.equal((await server.app.inject({ url, headers: bearer(access) })).headers['cache-control'], sent, url)
    }
  }
)

t.test('keepPrivate() covers a response that clears cookies: a shared cache would sign others out', async (t) => {
  const server = await createApp({
    after(app) {
      app.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', cacheable)
      })
      app.get('/page', { config: { auth: { optional: true } } }, async () => 'for everybody')
      app.get('/protected', { config: { auth: true } }, async () => 'for users')
      app.get('/sign-out', async (_request, reply) => {
        await reply.signOut()
        return 'bye'
      })
      app.get('/hijacked', async (_request, reply) => {
        await reply.signOut()
        reply.hijack()
        reply.raw.writeHead(200, { 'cache-control': cacheable })
        reply.raw.end('bye')
      })
      // A wrapper of `writeHead()` with named parameters passes on one that is not there.
      app.get('/hijacked/named', async (_request, reply) => {
        await reply.signOut()
        reply.hijack()
        const writeHead = reply.raw.writeHead as (...args: unknown[]) => unknown
        writeHead.call(reply.raw, 200, { 'cache-control': cacheable, 'set-cookie': 'theme=dark' }, undefined)
        reply.raw.end('bye')
      })
      app.get('/hijacked/again', async (_request, reply) => {
        await reply.signOut()
        reply.hijack()
        const headers = { 'cache-control': cacheable }
        t.throws(() => reply.raw.writeHead(200, { ...headers, 'x-name': '☃' }), { code: 'ERR_INVALID_CHAR' })
        reply.raw.writeHead(200, headers)
        reply.raw.end('bye')
      })
      app.get('/response', { config: { auth: { optional: true } } }, async () => webResponse('for everybody'))
      app.get('/sign-out/response', async (_request, reply) => {
        await reply.signOut()
        return webResponse('bye')
      })
    }
  })
  const { cookie: ended, sessionId } = await server.signIn('cookie')
  await server.app.sessions.revoke(sessionId)
  const rows: [url: string, cookie: string, cleared: number, sent: string][] = [
    ['/page', ended, 2, 'private, max-age=60'],
    ['/page', 'theme=dark', 0, cacheable],
    ['/protected', ended, 2, 'private'],
    ['/sign-out', ended, 2, 'private, max-age=60'],
    ['/hijacked', ended, 2, 'private, max-age=60'],
    ['/hijacked/named', ended, 3, 'private, max-age=60'],
    ['/hijacked/again', ended, 2, 'private, max-age=60'],
    ['/response', ended, 2, 'private, max-age=60'],
    ['/response', 'theme=dark', 0, cacheable],
    ['/sign-out/response', ended, 2, 'private, max-age=60']
  ]
  for (const [url, cookie, cleared, sent] of rows) {
    const response = await server.app.inject({ url, headers: { cookie } })
    t.strictSame(
      [setCookies(response).length, response.headers['cache-control']],
      [cleared, sent],
      `${url}: ${cleared}`
    )
  }
})

t.test('a `Response` keeps its status, its headers and its body, and does not replace `no-store`', async (t) => {
  const bodies: Record<string, () => Response> = {
    '/text': () => webResponse('text', 201),
    '/stream': () => webResponse(new Blob(['text']).stream(), 203),
    '/empty': () => webResponse(null, 204),
    '/json': () => Response.json({ text: true }, { status: 202, headers: { 'cache-control': cacheable } })
  }
  const server = await createApp({
    after(app) {
      for (const [url, create] of Object.entries(bodies)) {
        app.get(url, { config: { auth: { optional: true } } }, async () => create())
        app.post(url, async (_request, reply) => {
          await reply.signIn({ sub: 'alice', transport: 'cookie' })
          return create()
        })
      }
      app.get('/read', { config: { auth: { optional: true } } }, async () => {
        const response = webResponse('text')
        await response.text()
        return response
      })
    }
  })
  const { access } = await server.signIn('bearer')
  const summaryOfWeb = ({ statusCode, body, headers: { date: _date, ...headers } }: LightMyRequestResponse) => {
    delete headers['set-cookie']
    delete headers['cache-control']
    return { statusCode, body, headers }
  }
  for (const url of Object.keys(bodies)) {
    const ofStranger = await server.app.inject(url)
    const ofUser = await server.app.inject({ url, headers: bearer(access) })
    const signedIn = await server.app.inject({ method: 'POST', url })
    t.strictSame(
      [ofStranger, ofUser, signedIn].map(({ headers }) => headers['cache-control']),
      [cacheable, 'private, max-age=60', 'no-store'],
      url
    )
    t.equal(setCookies(signedIn).length, 2)
    t.strictSame(summaryOfWeb(ofUser), summaryOfWeb(ofStranger))
    t.strictSame(summaryOfWeb(signedIn), summaryOfWeb(ofStranger))
  }
  const codes = [await server.app.inject('/read'), await server.app.inject({ url: '/read', headers: bearer(access) })]
  t.strictSame(
    codes.map((response) => [response.statusCode, response.json().code]),
    Array(2).fill([500, 'FST_ERR_REP_RESPONSE_BODY_CONSUMED'])
  )
})

t.test(
  'keepPrivate() covers a refusal that a hook has made public: a shared cache would refuse everybody',
  async (t) => {
    const server = await createApp({
      before(app) {
        app.addHook('onRequest', async ({ url }, reply) => {
          if (url !== '/plain') reply.header('cache-control', cacheable)
        })
      },
      after(app) {
        app.get('/protected', { config: { auth: true } }, async () => 'for users')
        app.get('/plain', { config: { auth: true } }, async () => 'for users')
        app.get('/admin', { config: { auth: { roles: ['admin'] } } }, async () => 'for administrators')
        app.get('/open', async () => 'for everybody')
      }
    })
    const { access } = await server.signIn('bearer')
    const rows: [url: string, headers: Record<string, string>, status: number, sent: string | undefined][] = [
      ['/protected', {}, 401, 'private, max-age=60'],
      ['/protected', bearer('nonsense'), 401, 'private, max-age=60'],
      ['/admin', bearer(access), 403, 'private, max-age=60'],
      ['/plain', {}, 401, undefined],
      ['/open', bearer(access), 200, cacheable]
    ]
    for (const [url, headers, status, sent] of rows) {
      const response = await server.app.inject({ url, headers })
      t.strictSame([response.statusCode, response.headers['cache-control']], [status, sent], url)
    }
  }
)
