import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyRequest, FastifyServerOptions } from 'fastify'
import t from 'tap'
import { describeCrossSite, isFromOwnSite, type RequestOrigin as Look } from '../../plugin/http/cross-site.ts'
import { createApp, summaryOf, setCookies, type ResponseSummary, type TestApp } from '../fixtures/app.ts'

const own = { origin: undefined, secFetchSite: undefined, host: 'api.example.com', protocol: 'https' }

t.test('isFromOwnSite() has three rules, and the first that matches decides', async (t) => {
  const rows: [string, Partial<Look>, boolean][] = [
    ['1: same-origin', { secFetchSite: 'same-origin' }, true],
    ['1: none (the user typed it)', { secFetchSite: 'none' }, true],
    ['1: same-site is not enough', { secFetchSite: 'same-site' }, false],
    ['1: cross-site', { secFetchSite: 'cross-site' }, false],
    ['1: an unknown value', { secFetchSite: 'same-party' }, false],
    ['1: another case', { secFetchSite: 'Same-Origin' }, false],
    ['1: an empty value', { secFetchSite: '' }, false],
    ['1: twice', { secFetchSite: 'same-origin, same-origin' }, false],
    [
      '1: same-origin decides before Origin is read',
      { secFetchSite: 'same-origin', origin: 'https://elsewhere.example' },
      true
    ],
    [
      '1: same-origin with Origin null (a sandboxed form of our own)',
      { secFetchSite: 'same-origin', origin: 'null' },
      true
    ],
    [
      '1: same-site decides before Origin is read',
      { secFetchSite: 'same-site', origin: 'https://api.example.com' },
      false
    ],

    ['2: the own origin', { origin: 'https://api.example.com' }, true],
    ['2: another host', { origin: 'https://evil.example' }, false],
    ['2: a subdomain', { origin: 'https://x.api.example.com' }, false],
    ['2: the parent domain', { origin: 'https://example.com' }, false],
    ['2: a host that begins like it', { origin: 'https://api.example.com.evil.example' }, false],
    ['2: a host that ends like it', { origin: 'https://evil-api.example.com' }, false],
    ['2: another port', { origin: 'https://api.example.com:8443' }, false],
    ['2: another scheme, where ours is certain', { origin: 'http://api.example.com' }, false],
    ['2: another scheme, where ours is not certain', { origin: 'http://api.example.com', protocol: null }, true],
    ['2: https, where ours is not certain', { origin: 'https://api.example.com', protocol: null }, true],
    ['2: null', { origin: 'null' }, false],
    ['2: null, to a host of that name', { origin: 'null', host: 'null' }, false],
    ['2: empty', { origin: '' }, false],
    ['2: no origin at all', { origin: 'api.example.com' }, false],
    ['2: with a path', { origin: 'https://api.example.com/' }, false],
    ['2: with a user', { origin: 'https://api.example.com@evil.example' }, false],
    ['2: with a user, the host ours', { origin: 'https://evil@api.example.com' }, false],
    ['2: two', { origin: 'https://api.example.com, https://evil.example' }, false],
    ['2: another kind of scheme', { origin: 'chrome-extension://api.example.com' }, false],
    ['2: file', { origin: 'file://' }, false],
    ['2: the default port in Host', { origin: 'https://api.example.com', host: 'api.example.com:443' }, true],
    [
      '2: the default port of http in Host',
      { origin: 'http://api.example.com', host: 'api.example.com:80', protocol: 'http' },
      true
    ],
    [
      '2: the default port of the other scheme',
      { origin: 'https://api.example.com', host: 'api.example.com:80' },
      false
    ],
    [
      '2: the default port of the other scheme, scheme unknown',
      { origin: 'http://api.example.com', host: 'api.example.com:443', protocol: null },
      false
    ],
    ['2: the default port in Origin is not serialized', { origin: 'https://api.example.com:443' }, false],
    ['2: an own port', { origin: 'http://localhost:3000', host: 'localhost:3000', protocol: null }, true],
    [
      '2: another port of the own host',
      { origin: 'http://localhost:5174', host: 'localhost:3000', protocol: null },
      false
    ],
    ['2: Host in another case', { origin: 'https://api.example.com', host: 'API.Example.COM' }, true],
    ['2: IPv6', { origin: 'http://[::1]:3000', host: '[::1]:3000', protocol: null }, true],
    [
      '2: IPv6 in another spelling',
      { origin: 'http://[::1]:3000', host: '[0:0:0:0:0:0:0:1]:3000', protocol: null },
      true
    ],
    ['2: IPv6, another address', { origin: 'http://[::2]:3000', host: '[::1]:3000', protocol: null }, false],
    ['2: IPv6, another port', { origin: 'http://[::1]:3001', host: '[::1]:3000', protocol: null }, false],
    ['2: IPv4', { origin: 'http://127.0.0.1:3000', host: '127.0.0.1:3000', protocol: null }, true],
    [
      '2: localhost is not 127.0.0.1',
      { origin: 'http://localhost:3000', host: '127.0.0.1:3000', protocol: null },
      false
    ],
    ['2: no Host', { origin: 'https://api.example.com', host: '' }, false],
    ['2: a Host that is not a host name', { origin: 'https://api.example.com', host: 'a b' }, false],

    ['3: neither: no browser', {}, true],
    ['3: neither, and no host', { host: '' }, true]
  ]
  for (const [name, look, allowed] of rows) {
    t.equal(isFromOwnSite({ ...own, ...look }), allowed, name)
  }
})

const untrusted = '"trustedOrigins" does not allow this Origin'

t.test('describeCrossSite() names both origins if only the scheme differs, and the usual cause', async (t) => {
  const at = { host: 'api.example.com', secFetchSite: undefined }
  const proxy =
    'If a proxy in front of it terminates TLS, Fastify\'s "trustProxy" must include the address of the proxy (of a ' +
    'number of hops, Fastify trusts none), and the proxy must send X-Forwarded-Proto'
  const rows: [string, Partial<Look>, string][] = [
    [
      'a proxy that does not say that it serves https',
      { origin: 'https://api.example.com', protocol: 'http' },
      'the Origin is "https://api.example.com", and this server is "http://api.example.com": only the scheme ' +
        `differs. ${proxy}`
    ],
    [
      'a page that was loaded over http',
      { origin: 'http://api.example.com', protocol: 'https' },
      'the Origin is "http://api.example.com", and this server is "https://api.example.com": only the scheme differs'
    ],
    [
      'another port',
      { origin: 'https://api.example.com:8443', protocol: 'https' },
      `the Origin is "https://api.example.com:8443", and this server is "https://api.example.com". ${untrusted}`
    ],
    [
      'a proxy that changes the host, and is not declared',
      { origin: 'https://api.example.com', host: 'inner:3000', protocol: null },
      'the Origin is "https://api.example.com", and this server is "inner:3000", seen without Fastify\'s "trustProxy"'
    ],
    [
      'a Host that is not a host name',
      { origin: 'https://api.example.com', host: 'a b', protocol: 'https' },
      `the Origin is "https://api.example.com", and this server is "https://a b". ${untrusted}`
    ],
    [
      'text that would break a log line',
      { origin: 'x"\r\n', host: 'h"', protocol: null },
      'the Origin is "x\\"\\r\\n", and this server is "h\\"", seen without Fastify\'s "trustProxy"'
    ]
  ]
  for (const [name, look, detail] of rows) {
    t.equal(describeCrossSite({ origin: undefined, protocol: null, ...at, ...look }), detail, name)
  }
})

const refused: ResponseSummary = {
  status: 403,
  code: 'AUTH_CROSS_SITE',
  challenge: null,
  cookies: [],
  cacheControl: null
}

const nullOrigin =
  'Browsers send "null" from a sandboxed frame, from a local file, and from a form of a page with the header ' +
  'Referrer-Policy: no-referrer'
const toOurs = 'and this server is "localhost:80"'
const unproxied = `${toOurs}, seen without Fastify's "trustProxy"`

/** The headers of requests that an attacker's page makes a browser send, and what the log says about them. */
const attackers: [string, Record<string, string>, string][] = [
  [
    'another origin',
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    `Sec-Fetch-Site is "cross-site", the Origin is "https://evil.example", ${toOurs}. ${untrusted}`
  ],
  [
    'another origin, an old browser',
    { origin: 'https://evil.example' },
    `the Origin is "https://evil.example", ${unproxied}`
  ],
  [
    'another port of the same host',
    { origin: 'http://localhost:8080', 'sec-fetch-site': 'same-site' },
    `Sec-Fetch-Site is "same-site", the Origin is "http://localhost:8080", ${toOurs}. ${untrusted}`
  ],
  [
    'another port of the same host, an old browser',
    { origin: 'http://localhost:8080' },
    `the Origin is "http://localhost:8080", ${unproxied}`
  ],
  [
    'a subdomain',
    { origin: 'http://blog.localhost:80', 'sec-fetch-site': 'same-site' },
    `Sec-Fetch-Site is "same-site", the Origin is "http://blog.localhost:80", ${toOurs}. ${untrusted}`
  ],
  [
    'a sandboxed frame',
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    `Sec-Fetch-Site is "cross-site", the Origin is "null", ${toOurs}. ${nullOrigin}`
  ],
  [
    'a sandboxed frame, or a form of our page with Referrer-Policy: no-referrer over http',
    { origin: 'null' },
    `the Origin is "null", ${toOurs}. ${nullOrigin}`
  ],
  [
    'an app or extension that is not trusted',
    { origin: 'chrome-extension://abcdefghijklmnopabcdefghijklmnop' },
    `the Origin is "chrome-extension://abcdefghijklmnopabcdefghijklmnop", ${unproxied}`
  ],
  [
    'no Origin (a suppressed one)',
    { 'sec-fetch-site': 'cross-site' },
    `Sec-Fetch-Site is "cross-site", there is no Origin, ${toOurs}`
  ],
  ['an unknown Sec-Fetch-Site', { 'sec-fetch-site': 'x' }, `Sec-Fetch-Site is "x", there is no Origin, ${toOurs}`]
]
/** The headers of requests that our own page, or a trusted one, makes a browser send. */
const friends: [string, Record<string, string>][] = [
  ['the own page', { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }],
  ['the own page, an old browser', { origin: 'http://localhost' }],
  ['the address bar', { 'sec-fetch-site': 'none' }],
  ['no browser', {}],
  ['a trusted origin', { origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' }],
  ['a trusted app, an old browser', { origin: 'capacitor://localhost' }]
]

t.test(
  'allowsCookie() refuses a cookie-authenticated request from another site, unless it changes nothing',
  async (t) => {
    const server = await createApp({ plugin: { trustedOrigins: ['https://app.example.com', 'capacitor://localhost'] } })
    const { app } = server
    const { cookie, access } = await server.signIn('cookie')
    server.events()
    const methods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const
    const safe = ['GET', 'HEAD', 'OPTIONS'] as const

    for (const [name, headers, detail] of attackers) {
      server.events()
      for (const method of methods) {
        const request = { method, url: '/me', headers: { ...headers, cookie } }
        t.strictSame(summaryOf(await app.inject(request)), refused, `${method} from ${name}`)
        t.strictSame(
          server.events(),
          [{ type: 'cross-site-refused', origin: headers.origin ?? null, host: 'localhost:80', detail }],
          'the event says what differs'
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
    plugin: { trustedOrigins: ['https://app.example.com', 'capacitor://localhost'] },
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

/** An application with a function as `trustedOrigins`, a signed-in browser, and the origins that it was called with. */
async function createTrusting(decide: (origin: string, request: FastifyRequest) => unknown) {
  const calls: string[] = []
  const server = await createApp({
    plugin: {
      cookies: { renew: true },
      trustedOrigins: (origin, request) => {
        calls.push(origin)
        return decide(origin, request) as boolean
      }
    },
    after(app) {
      app.post('/scoped', { config: { auth: { scopes: ['other'] } } }, async () => 'reached')
      app.post('/hashing', async (_request, reply) => {
        reply.assertSameSite()
        return 'reached'
      })
    }
  })
  const { cookie, access, refresh } = await server.signIn('cookie')
  calls.splice(0)
  const post = async (url: string, headers: Record<string, string>) =>
    summaryOf(
      await server.app.inject({ method: 'POST', url, headers: { cookie, ...headers }, ...(url === '/login' && login) })
    )
  return { server, post, access, refresh, calls: () => calls.splice(0) }
}

const preview = 'https://pr-7.preview.example.com'
const login = { payload: { sub: 'mallory', transport: 'cookie' } }

t.test('a trustedOrigins function decides about each use of a cookie', async (t) => {
  const { server, post, refresh, calls } = await createTrusting(
    (origin, request) => origin === preview && request.headers['x-tenant'] === 'a'
  )
  const trusted = { origin: preview, 'sec-fetch-site': 'cross-site', 'x-tenant': 'a' }
  const others = [
    { ...trusted, origin: 'https://evil.example' },
    { ...trusted, 'x-tenant': 'b' },
    { origin: preview },
    { origin: 'moz-extension://3c1f8a60-0f6c-4b1e-9d3a-5c0f6a2b7d11' }
  ]
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
  for (const url of ['/me', '/maybe', '/hashing', '/login', '/refresh', '/logout']) {
    for (const headers of others) t.strictSame(await post(url, headers), refused, `${url} from ${headers.origin}`)
  }
  for (const headers of others) t.strictSame(await post('/me', { ...headers, ...upgrade }), refused, 'a WebSocket')
  t.strictSame(new Set(calls()), new Set(others.map(({ origin }) => origin)))

  t.equal((await post('/me', { ...trusted, ...upgrade })).status, 200, 'a WebSocket')
  t.equal((await post('/me', trusted)).status, 200)
  t.equal((await post('/scoped', trusted)).code, 'AUTH_INSUFFICIENT_SCOPE')
  t.equal((await post('/hashing', trusted)).status, 200)
  t.strictSame(calls(), [preview, preview, preview, preview], 'once for each of them')

  server.clock.advance(700)
  const renewing = { cookie: `__Host-refresh=${refresh}` }
  t.strictSame(await post('/me', { ...others[0]!, ...renewing }), refused, 'to renew in place')
  t.equal((await post('/me', { ...trusted, ...renewing })).status, 200)
  t.equal((await post('/logout', trusted)).status, 204)
  t.strictSame(server.warnings(), [])
})

t.test('a trustedOrigins function is called only if the decision depends on it', async (t) => {
  const { server, post, access, calls } = await createTrusting(() => true)
  const { app } = server
  const origin = 'https://evil.example'
  const rows: [string, Record<string, string>][] = [
    ['the own page', { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }],
    ['the own page, an old browser', { origin: 'http://localhost' }],
    ['the own page, with Referrer-Policy: no-referrer', { origin: 'null', 'sec-fetch-site': 'same-origin' }],
    ['the address bar', { 'sec-fetch-site': 'none' }],
    ['no browser', {}],
    ['a token in the header', { origin, authorization: `Bearer ${access}` }],
    ['a token in the header, and no cookie', { origin, authorization: `Bearer ${access}`, cookie: '' }]
  ]
  for (const [name, headers] of rows) t.equal((await post('/me', headers)).status, 200, name)
  t.equal((await app.inject({ url: '/me', headers: { origin, authorization: `Bearer ${access}` } })).statusCode, 200)
  t.equal((await post('/me', { origin, cookie: '__Host-access=forged' })).code, 'AUTH_INVALID_TOKEN')
  t.equal((await post('/me', { origin, cookie: '' })).code, 'AUTH_NO_CREDENTIALS')
  t.equal((await post('/logout', { origin, cookie: '' })).status, 204)

  for (const [name, headers] of [
    ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['a sandboxed frame, an old browser', { origin: 'null' }],
    ['no Origin', { 'sec-fetch-site': 'cross-site' }],
    ['two origins', { origin: `${preview}, ${origin}` }]
  ] as [string, Record<string, string>][]) {
    t.strictSame(await post('/me', headers), refused, `never for ${name}`)
  }
  t.strictSame(calls(), [])
})

t.test('a trustedOrigins function that fails, or returns anything but a boolean, lets nobody in: 500', async (t) => {
  const failures: [string, () => unknown, string][] = [
    ['a promise of true', async () => true, '"trustedOrigins" must return true or false: received a promise'],
    [
      'a rejected promise, which must not end the process',
      async () => {
        throw new Error('the database is away')
      },
      '"trustedOrigins" must return true or false: received a promise'
    ],
    ['a truthy value', () => 'yes', '"trustedOrigins" must return true or false: received "yes"'],
    ['nothing', () => undefined, '"trustedOrigins" must return true or false: received undefined'],
    [
      'an exception',
      () => {
        throw new RangeError('a bug')
      },
      'a bug'
    ]
  ]
  for (const [name, fail, message] of failures) {
    const { server, post, access } = await createTrusting(fail)
    const headers = { origin: preview, 'sec-fetch-site': 'cross-site' }
    for (const url of ['/me', '/maybe', '/hashing', '/login', '/refresh', '/logout']) {
      const failed = await post(url, headers)
      t.strictSame([failed.status, failed.cookies], [500, []], `${url}: ${name}`)
    }
    t.strictSame([...new Set(server.warnings())], [message], 'Fastify logs the error')
    t.equal((await post('/me', { ...headers, authorization: `Bearer ${access}` })).status, 200, 'others are unaffected')
    t.equal((await post('/me', {})).status, 200)
  }
})
