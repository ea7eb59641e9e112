import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import { isFromOwnSite, type RequestOrigin as Look } from '../../plugin/http/cross-site.ts'
import { createApp, summaryOf, setCookies, type ResponseSummary, type TestApp } from '../fixtures/app.ts'

const own = { origin: undefined, secFetchSite: undefined, host: 'api.example.com', protocol: 'https' }

t.test('isFromOwnSite() has four rules, and the first that matches decides', async (t) => {
  const trusted = new Set(['https://app.example.com', 'http://localhost:5173'])
  const rows: [string, Partial<Look>, boolean][] = [
    ['1: a trusted origin', { origin: 'https://app.example.com' }, true],
    [
      '1: a trusted origin, whatever Sec-Fetch-Site says',
      { origin: 'https://app.example.com', secFetchSite: 'cross-site' },
      true
    ],
    [
      '1: a trusted origin of another scheme and port',
      { origin: 'http://localhost:5173', secFetchSite: 'cross-site' },
      true
    ],
    ['1: exactly: another scheme', { origin: 'http://app.example.com', secFetchSite: 'same-site' }, false],
    ['1: exactly: another port', { origin: 'https://app.example.com:8443' }, false],
    ['1: exactly: a subdomain', { origin: 'https://x.app.example.com' }, false],
    ['1: exactly: a longer name', { origin: 'https://app.example.com.evil.example' }, false],
    ['1: exactly: a slash', { origin: 'https://app.example.com/' }, false],
    ['1: exactly: another case', { origin: 'https://APP.example.com' }, false],
    ['1: null is never trusted', { origin: 'null' }, false],

    ['2: same-origin', { secFetchSite: 'same-origin' }, true],
    ['2: none (the user typed it)', { secFetchSite: 'none' }, true],
    ['2: same-site is not enough', { secFetchSite: 'same-site' }, false],
    ['2: cross-site', { secFetchSite: 'cross-site' }, false],
    ['2: an unknown value', { secFetchSite: 'same-party' }, false],
    ['2: another case', { secFetchSite: 'Same-Origin' }, false],
    ['2: an empty value', { secFetchSite: '' }, false],
    ['2: twice', { secFetchSite: 'same-origin, same-origin' }, false],
    [
      '2: same-origin decides before Origin is read',
      { secFetchSite: 'same-origin', origin: 'https://elsewhere.example' },
      true
    ],
    [
      '2: same-origin with Origin null (a sandboxed form of our own)',
      { secFetchSite: 'same-origin', origin: 'null' },
      true
    ],
    [
      '2: same-site decides before Origin is read',
      { secFetchSite: 'same-site', origin: 'https://api.example.com' },
      false
    ],

    ['3: the own origin', { origin: 'https://api.example.com' }, true],
    ['3: another host', { origin: 'https://evil.example' }, false],
    ['3: a subdomain', { origin: 'https://x.api.example.com' }, false],
    ['3: the parent domain', { origin: 'https://example.com' }, false],
    ['3: a host that begins like it', { origin: 'https://api.example.com.evil.example' }, false],
    ['3: a host that ends like it', { origin: 'https://evil-api.example.com' }, false],
    ['3: another port', { origin: 'https://api.example.com:8443' }, false],
    ['3: another scheme, where ours is certain', { origin: 'http://api.example.com' }, false],
    ['3: another scheme, where ours is not certain', { origin: 'http://api.example.com', protocol: null }, true],
    ['3: https, where ours is not certain', { origin: 'https://api.example.com', protocol: null }, true],
    ['3: null', { origin: 'null' }, false],
    ['3: null, to a host of that name', { origin: 'null', host: 'null' }, false],
    ['3: empty', { origin: '' }, false],
    ['3: no origin at all', { origin: 'api.example.com' }, false],
    ['3: with a path', { origin: 'https://api.example.com/' }, false],
    ['3: with a user', { origin: 'https://api.example.com@evil.example' }, false],
    ['3: with a user, the host ours', { origin: 'https://evil@api.example.com' }, false],
    ['3: two', { origin: 'https://api.example.com, https://evil.example' }, false],
    ['3: another kind of scheme', { origin: 'chrome-extension://api.example.com' }, false],
    ['3: file', { origin: 'file://' }, false],
    ['3: the default port in Host', { origin: 'https://api.example.com', host: 'api.example.com:443' }, true],
    [
      '3: the default port of http in Host',
      { origin: 'http://api.example.com', host: 'api.example.com:80', protocol: 'http' },
      true
    ],
    [
      '3: the default port of the other scheme',
      { origin: 'https://api.example.com', host: 'api.example.com:80' },
      false
    ],
    [
      '3: the default port of the other scheme, scheme unknown',
      { origin: 'http://api.example.com', host: 'api.example.com:443', protocol: null },
      false
    ],
    ['3: the default port in Origin is not serialized', { origin: 'https://api.example.com:443' }, false],
    ['3: an own port', { origin: 'http://localhost:3000', host: 'localhost:3000', protocol: null }, true],
    [
      '3: another port of the own host',
      { origin: 'http://localhost:5174', host: 'localhost:3000', protocol: null },
      false
    ],
    ['3: Host in another case', { origin: 'https://api.example.com', host: 'API.Example.COM' }, true],
    ['3: IPv6', { origin: 'http://[::1]:3000', host: '[::1]:3000', protocol: null }, true],
    [
      '3: IPv6 in another spelling',
      { origin: 'http://[::1]:3000', host: '[0:0:0:0:0:0:0:1]:3000', protocol: null },
      true
    ],
    ['3: IPv6, another address', { origin: 'http://[::2]:3000', host: '[::1]:3000', protocol: null }, false],
    ['3: IPv6, another port', { origin: 'http://[::1]:3001', host: '[::1]:3000', protocol: null }, false],
    ['3: IPv4', { origin: 'http://127.0.0.1:3000', host: '127.0.0.1:3000', protocol: null }, true],
    [
      '3: localhost is not 127.0.0.1',
      { origin: 'http://localhost:3000', host: '127.0.0.1:3000', protocol: null },
      false
    ],
    ['3: no Host', { origin: 'https://api.example.com', host: '' }, false],
    ['3: a Host that is none', { origin: 'https://api.example.com', host: 'a b' }, false],

    ['4: neither: no browser', {}, true],
    ['4: neither, and no host', { host: '' }, true]
  ]
  for (const [name, look, allowed] of rows) {
    t.equal(isFromOwnSite({ ...own, ...look }, trusted), allowed, name)
  }
})

const refused: ResponseSummary = {
  status: 403,
  code: 'AUTH_CROSS_SITE',
  challenge: null,
  cookies: [],
  cacheControl: null
}

/** The headers of requests that an attacker's page, or our own, makes a browser send. */
const attackers: [string, Record<string, string>][] = [
  ['another origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['another origin, an old browser', { origin: 'https://evil.example' }],
  ['another port of the same host', { origin: 'http://localhost:8080', 'sec-fetch-site': 'same-site' }],
  ['another port of the same host, an old browser', { origin: 'http://localhost:8080' }],
  ['a subdomain', { origin: 'http://blog.localhost:80', 'sec-fetch-site': 'same-site' }],
  ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
  ['a sandboxed frame, an old browser', { origin: 'null' }],
  ['no Origin (a suppressed one)', { 'sec-fetch-site': 'cross-site' }],
  ['an unknown Sec-Fetch-Site', { 'sec-fetch-site': 'x' }]
]
const friends: [string, Record<string, string>][] = [
  ['the own page', { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }],
  ['the own page, an old browser', { origin: 'http://localhost' }],
  ['the address bar', { 'sec-fetch-site': 'none' }],
  ['no browser', {}],
  ['a trusted origin', { origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' }]
]

t.test(
  'allowsCookie() refuses a cookie-authenticated request from another site, unless it changes nothing',
  async (t) => {
    const server = await createApp({ plugin: { trustedOrigins: ['https://app.example.com'] } })
    const { app } = server
    const { cookie, access } = await server.signIn('cookie')
    server.events()
    const methods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const
    const safe = ['GET', 'HEAD', 'OPTIONS'] as const

    for (const [name, headers] of attackers) {
      server.events()
      for (const method of methods) {
        const request = { method, url: '/me', headers: { ...headers, cookie } }
        t.strictSame(summaryOf(await app.inject(request)), refused, `${method} from ${name}`)
        t.strictSame(
          server.events(),
          [{ type: 'cross-site-refused', origin: headers.origin ?? null, host: 'localhost:80' }],
          'the event has both'
        )
        t.strictSame(
          summaryOf(
            await app.inject({
              ...request,
              headers: { ...request.headers, 'content-type': 'text/plain' },
              payload: '{"text":"x"}'
            })
          ),
          refused,
          `${method} of text/plain from ${name}`
        )
        const header = await app.inject({
          method,
          url: '/me',
          headers: { ...headers, authorization: `Bearer ${access}` }
        })
        t.equal(header.statusCode, 200, `${method} with the token in the header is not affected`)
        const both = await app.inject({
          method,
          url: '/me',
          headers: { ...headers, cookie, authorization: `Bearer ${access}` }
        })
        t.equal(both.statusCode, 200, 'nor together with a cookie')
        server.events()
      }
      for (const method of safe) {
        t.equal(
          (await app.inject({ method, url: '/me', headers: { ...headers, cookie } })).statusCode,
          200,
          `${method} from ${name}`
        )
      }
      const upgrade = { url: '/me', headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket', cookie } }
      t.strictSame(summaryOf(await app.inject(upgrade)), refused, `a WebSocket from ${name}`)
      t.equal(
        (await app.inject({ ...upgrade, headers: { ...upgrade.headers, authorization: `Bearer ${access}` } }))
          .statusCode,
        200
      )
      t.strictSame(
        summaryOf(await app.inject({ method: 'POST', url: '/maybe', headers: { ...headers, cookie } })),
        refused,
        `and where a user is optional, from ${name}`
      )
    }
    for (const [name, headers] of friends) {
      for (const method of [...methods, ...safe]) {
        t.equal(
          (await app.inject({ method, url: '/me', headers: { ...headers, cookie } })).statusCode,
          200,
          `${method} from ${name}`
        )
      }
      t.equal(
        (await app.inject({ url: '/me', headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket', cookie } }))
          .statusCode,
        200,
        `a WebSocket from ${name}`
      )
    }
    server.events()

    const forged = await app.inject({
      method: 'POST',
      url: '/me',
      headers: { origin: 'https://evil.example', cookie: '__Host-access=x' }
    })
    t.equal(summaryOf(forged).code, 'AUTH_INVALID_TOKEN', 'a forged cookie is refused as such')
    t.strictSame(server.warnings(), [])
  }
)

t.test('signIn(), refresh() and signOut() by cookie refuse other sites, for every method', async (t) => {
  const server = await createApp({
    plugin: { trustedOrigins: ['https://app.example.com'] },
    after(app) {
      app.post('/callback', (_request, reply) => reply.signIn({ sub: 'alice', transport: 'cookie', crossSite: true }))
      let hashed = 0
      app.post('/hashing', async (_request, reply) => {
        reply.assertSameSite()
        return { hashed: ++hashed }
      })
    }
  })
  const { app, store } = server
  const row = async (id: string) => (await store.find(id)).row!
  const login = (
    headers: Record<string, string>,
    payload: object = { sub: 'mallory', transport: 'cookie' },
    url = '/login'
  ) => app.inject({ method: 'POST', url, headers, payload })

  for (const [name, headers] of attackers) {
    const { cookie, sessionId, access, refresh } = await server.signIn('cookie')
    server.clock.advance(60)
    const before = await row(sessionId)
    t.strictSame(summaryOf(await login({ ...headers, cookie })), refused, `login from ${name}`)
    t.strictSame(summaryOf(await login(headers)), refused, 'also without any cookie: planting one is the attack')
    t.strictSame(summaryOf(await login(headers, {}, '/hashing')), refused, 'and before a password is hashed')
    const text = await app.inject({
      method: 'POST',
      url: '/login',
      headers: { ...headers, 'content-type': 'text/plain' },
      payload: '{"sub":"mallory","transport":"cookie"}'
    })
    t.strictSame(setCookies(text), [], 'nor by text/plain, which needs no preflight (CORS)')
    for (const method of ['GET', 'POST'] as const) {
      t.strictSame(
        summaryOf(await app.inject({ method, url: '/refresh', headers: { ...headers, cookie } })),
        refused,
        `refresh by ${method} from ${name}`
      )
    }
    t.strictSame(
      summaryOf(await app.inject({ method: 'POST', url: '/logout', headers: { ...headers, cookie } })),
      refused,
      `logout from ${name}`
    )
    t.strictSame(
      summaryOf(
        await app.inject({
          method: 'POST',
          url: '/logout',
          headers: { ...headers, cookie: `__Host-refresh=${refresh}` }
        })
      ),
      refused
    )
    t.strictSame(
      summaryOf(
        await app.inject({ method: 'POST', url: '/logout', headers: { ...headers, cookie: `__Host-access=${access}` } })
      ),
      refused
    )
    t.strictSame(await row(sessionId), before, 'the session is unchanged')

    t.equal(
      (await login({ ...headers, cookie }, { sub: 'alice', transport: 'bearer' })).statusCode,
      200,
      'a bearer login sets no cookie and is not affected'
    )
    t.equal((await login(headers, {}, '/callback')).statusCode, 200, 'nor is one with crossSite: true')
    t.equal(
      (await app.inject({ method: 'POST', url: '/refresh', headers, payload: { refresh_token: refresh } })).statusCode,
      200,
      'nor a refresh by body'
    )
    t.equal(
      (await app.inject({ method: 'POST', url: '/logout', headers: { ...headers, cookie: 'a=1' } })).statusCode,
      204,
      'nor is a logout without cookies'
    )
    t.equal(
      (await app.inject({ method: 'POST', url: '/logout', headers, payload: { refresh_token: refresh } })).statusCode,
      204,
      'nor a logout by body'
    )
    t.not((await row(sessionId)).revokedAt, null)
  }
  for (const [name, headers] of friends) {
    const first = await login(headers, { sub: 'alice', transport: 'cookie' })
    t.equal(first.statusCode, 200, `login from ${name}`)
    const cookie = first.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    server.clock.advance(60)
    const second = await app.inject({ method: 'POST', url: '/refresh', headers: { ...headers, cookie } })
    t.equal(second.statusCode, 200, `refresh from ${name}`)
    t.equal(
      (await app.inject({ method: 'POST', url: '/logout', headers: { ...headers, cookie } })).statusCode,
      204,
      `logout from ${name}`
    )
    t.not((await row(first.json().session_id)).revokedAt, null)
    t.equal((await login(headers, {}, '/hashing')).statusCode, 200)
  }
})

t.test('assertSameSite() compares the scheme only if it is certain, and the host that Fastify knows', async (t) => {
  const post = async (server: TestApp, cookie: string, headers: Record<string, string>) =>
    (await server.app.inject({ method: 'POST', url: '/me', headers: { cookie, ...headers } })).statusCode
  const rows: [string, FastifyServerOptions, Record<string, string>, number][] = [
    [
      'plain http without a declared proxy: https may be in front',
      {},
      { host: 'api.example.com', origin: 'https://api.example.com' },
      200
    ],
    ['the same, and http', {}, { host: 'api.example.com', origin: 'http://api.example.com' }, 200],
    [
      'a forwarded host that is not trusted',
      {},
      { host: 'api.example.com', 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' },
      403
    ],
    [
      'a proxy that says https',
      { trustProxy: true },
      { host: 'api.example.com', 'x-forwarded-proto': 'https', origin: 'https://api.example.com' },
      200
    ],
    [
      'a proxy that says https, and a page by http',
      { trustProxy: true },
      { host: 'api.example.com', 'x-forwarded-proto': 'https', origin: 'http://api.example.com' },
      403
    ],
    [
      'a proxy that says nothing: http is certain',
      { trustProxy: true },
      { host: 'api.example.com', origin: 'https://api.example.com' },
      403
    ],
    [
      'a proxy that forwards the host',
      { trustProxy: true },
      {
        host: 'inner:3000',
        'x-forwarded-host': 'api.example.com',
        'x-forwarded-proto': 'https',
        origin: 'https://api.example.com'
      },
      200
    ],
    [
      'a proxy that forwards the host, and another origin',
      { trustProxy: true },
      {
        host: 'inner:3000',
        'x-forwarded-host': 'api.example.com',
        'x-forwarded-proto': 'https',
        origin: 'https://inner:3000'
      },
      403
    ],
    [
      'a proxy that is not the trusted one',
      { trustProxy: '10.0.0.1' },
      {
        host: 'api.example.com',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        origin: 'https://evil.example'
      },
      403
    ],
    [
      'a proxy that is the trusted one',
      { trustProxy: '127.0.0.1' },
      { host: 'api.example.com', 'x-forwarded-proto': 'https', origin: 'http://api.example.com' },
      403
    ]
  ]
  for (const [name, options, headers, status] of rows) {
    const server = await createApp({ server: options })
    const { cookie } = await server.signIn('cookie')
    t.equal(await post(server, cookie, headers), status, name)
  }
})

t.test('assertSameSite() is certain of the scheme on a TLS socket', async (t) => {
  // With a pre-shared key, so that no certificate is needed.
  const psk = randomBytes(32)
  const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const
  const server = await createApp({ server: { https: { ...tls, pskCallback: () => psk } } as FastifyServerOptions })
  t.teardown(() => server.app.close())
  const { cookie } = await server.signIn('cookie')
  await server.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.server.address() as AddressInfo
  const client = { pskCallback: () => ({ psk, identity: 'test' }), checkServerIdentity: () => undefined }
  const status = async (origin: string, host: string): Promise<number | undefined> => {
    const request = httpsRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/me',
      headers: { cookie, origin, host, connection: 'close' },
      ...tls,
      ...client
    }).end()
    const [response] = await once(request, 'response')
    response.resume()
    return response.statusCode
  }
  t.equal(await status(`https://localhost:${port}`, `localhost:${port}`), 200)
  t.equal(await status('https://localhost', 'localhost:443'), 200)
  t.equal(await status(`http://localhost:${port}`, `localhost:${port}`), 403)
  t.equal(await status(`https://localhost:${port}`, 'localhost'), 403)
})

t.test('allowsCookie() decides before a real WebSocket upgrade is accepted', async (t) => {
  const server = await createApp({
    // Like `@fastify/websocket`, which routes an upgrade like any other request.
    after: (app) =>
      app.server.on('upgrade', (request, socket: Socket) => {
        const response = new ServerResponse(request)
        response.assignSocket(socket)
        response.once('finish', () => socket.destroySoon())
        app.routing(request, response)
      })
  })
  t.teardown(() => server.app.close())
  const { cookie } = await server.signIn('cookie')
  await server.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.server.address() as AddressInfo
  const upgrade = async (origin: string) => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/me',
      headers: { cookie, origin, connection: 'Upgrade', upgrade: 'websocket' }
    }).end()
    const [response] = await once(request, 'response')
    response.resume()
    return response.statusCode
  }
  t.equal(await upgrade(`http://127.0.0.1:${port}`), 200)
  t.equal(await upgrade('https://evil.example'), 403)
  t.equal(await upgrade(`http://127.0.0.1:${port + 1}`), 403)
})
