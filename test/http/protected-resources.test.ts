import { request } from 'node:http'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import { contains } from '../../plugin/http/protected-resources.ts'
import { challenges, createApp, issuer } from '../fixtures/app.ts'
import { createResourceApp, idp, mcp, needs, tokenFor, trustedFor } from '../fixtures/resources.ts'

const metadata = 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp"'
const scope = 'scope="notes:read notes:write"'
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('contains() compares whole segments', async (t) => {
  const rows: [resource: string, path: string, expected: boolean][] = [
    ['/mcp', '/mcp', true],
    ['/mcp', '/mcp/', true],
    ['/mcp', '/mcp/tools', true],
    ['/mcp', '/mcp/:tool', true],
    ['/mcp', '/mcpx', false],
    ['/mcp', '/mcp*', false],
    ['/mcp', '/', false],
    ['/mcp', '/x/mcp', false],
    ['/mcp/', '/mcp', true],
    ['/mcp/', '/mcp/tools', true],
    ['/mcp/', '/mcpx', false],
    ['/', '/', true],
    ['/', '/anything/below', true],
    ['/a/b', '/a', false]
  ]
  for (const [resource, path, expected] of rows) t.equal(contains(resource, path), expected, `${resource} ${path}`)
})

t.test('challenges under the path of a resource name its metadata (RFC 9728 §5.1), and a 401 the scopes', async (t) => {
  const { app, clock } = await createResourceApp({
    add: (app) => {
      app.post('/mcp', { config: { auth: needs } }, async () => 'ok')
      app.get('/mcp/open', { config: { auth: { issuers: [issuer, idp] } } }, async () => 'ok')
      app.get('/mcp/admin', { config: { auth: { roles: ['admin'] } } }, async () => 'ok')
    }
  })
  const post = (headers: Record<string, string>) => app.inject({ method: 'POST', url: '/mcp', headers })
  const expired = tokenFor(mcp)
  const rows: [what: string, Record<string, string>, status: number, challenge: string][] = [
    ['no token', {}, 401, `${challenges.bare}, ${scope}, ${metadata}`],
    [
      'another audience',
      bearer(tokenFor('https://api.example.com')),
      401,
      `${challenges.invalid}, ${scope}, ${metadata}`
    ],
    ['two tokens', bearer('a b'), 400, `${challenges.malformed}, ${metadata}`],
    [
      'too few scopes',
      bearer(tokenFor(mcp, { scope: 'notes:read' })),
      403,
      `${challenges.bare}, error="insufficient_scope", ${scope}, ${metadata}`
    ]
  ]
  for (const [what, headers, status, challenge] of rows) {
    const response = await post(headers)
    t.strictSame([response.statusCode, response.headers['www-authenticate']], [status, challenge], what)
  }
  t.equal((await post(bearer(tokenFor(mcp, { scope: needs.scopes.join(' ') })))).statusCode, 200, 'a good token')

  t.equal((await app.inject('/mcp/open')).headers['www-authenticate'], `${challenges.bare}, ${metadata}`, 'no scopes')
  const role = await app.inject({ url: '/mcp/admin', headers: bearer(await app.accessTokens.sign({ sub: 'robot' })) })
  t.strictSame(
    [role.statusCode, role.headers['www-authenticate']],
    [403, `${challenges.bare}, error="insufficient_scope", ${metadata}`],
    'a missing role'
  )
  clock.advance(601)
  t.equal((await post(bearer(expired))).headers['www-authenticate'], `${challenges.expired}, ${scope}, ${metadata}`)
})

t.test('challenges of all other routes are the same byte for byte with and without resources', async (t) => {
  const add = (app: FastifyInstance) => {
    app.get('/mcpx', { config: { auth: { ...needs, issuers: [issuer] } } }, async () => 'ok')
    app.get('/', { config: { auth: true } }, async () => 'ok')
  }
  const plain = await createApp({ after: add })
  const other = await createResourceApp({ add })
  const token = await plain.app.accessTokens.sign({ sub: 'robot' })
  for (const url of ['/', '/me', '/mcpx', '/mcpx?/mcp', '/mcpx/../mcpx', '/refresh', '/nowhere']) {
    for (const headers of [{}, bearer('x'), bearer('a b'), bearer(token), { authorization: 'Other x' }]) {
      const [expected, found] = await Promise.all([plain, other].map(({ app }) => app.inject({ url, headers })))
      t.strictSame(
        [found!.statusCode, found!.headers['www-authenticate'], found!.body],
        [expected!.statusCode, expected!.headers['www-authenticate'], expected!.body],
        `${url} with ${JSON.stringify(headers)}`
      )
    }
  }
})

t.test('a request belongs to a resource by the route that Fastify matched, or by its path', async (t) => {
  const auth = { config: { auth: true } }
  const handler = async () => 'ok'
  type Row = readonly [
    what: string,
    url: string,
    add: (app: FastifyInstance) => unknown,
    server?: FastifyServerOptions,
    resource?: string
  ]
  const rows: Row[] = [
    ['an encoded letter', '/%6Dcp', (app) => app.get('/mcp', auth, handler)],
    ['a query', '/mcp?a=/b#c', (app) => app.get('/mcp', auth, handler)],
    [
      'a parameter',
      '/acme/mcp',
      (app) => app.get('/:tenant/mcp', auth, handler),
      {},
      'https://api.example.com/acme/mcp'
    ],
    ['a wildcard', '/mcp/a/b', (app) => app.get('/*', auth, handler)],
    [
      'a prefix',
      '/v1/mcp',
      (app) => app.register(async (app) => app.get('/mcp', auth, handler), { prefix: '/v1' }),
      {},
      'https://api.example.com/v1/mcp'
    ],
    ['capital letters', '/MCP', (app) => app.get('/mcp', auth, handler), { routerOptions: { caseSensitive: false } }],
    [
      'a last slash',
      '/mcp/',
      (app) => app.get('/mcp', auth, handler),
      { routerOptions: { ignoreTrailingSlash: true } }
    ],
    [
      'two slashes',
      '//mcp',
      (app) => app.get('/mcp', auth, handler),
      { routerOptions: { ignoreDuplicateSlashes: true } }
    ],
    ['a rewritten URL', '/other', (app) => app.get('/mcp', auth, handler), { rewriteUrl: () => '/mcp' }],
    ['a colon', '/a:b', (app) => app.get('/a::b', auth, handler), {}, 'https://api.example.com/a:b'],
    [
      'not only ASCII',
      '/caf%C3%A9/x',
      (app) => app.get('/café/x', auth, handler),
      {},
      'https://api.example.com/caf%C3%A9'
    ],
    ['the host', '/anything', (app) => app.get('/:any', auth, handler), {}, 'https://api.example.com'],
    [
      'a not-found handler',
      '/mcp/nowhere',
      (app) => app.setNotFoundHandler({ preHandler: [app.authenticate] }, handler)
    ],
    ['a call in the handler', '/mcp', (app) => app.get('/mcp', (request) => request.authenticate())]
  ]
  for (const [what, url, add, server = {}, resource = mcp] of rows) {
    const { app } = await createResourceApp({ urls: [resource], server, add })
    const response = await app.inject(url)
    const { origin, pathname } = new URL(resource)
    const at = `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`
    t.equal(response.headers['www-authenticate'], `${challenges.bare}, resource_metadata="${at}"`, what)
  }
})

t.test('HEAD and the cookie get the same challenge; of nested resources the innermost counts', async (t) => {
  const { app } = await createResourceApp({
    urls: ['https://api.example.com/', mcp],
    add: (app) => {
      app.get('/mcp', { config: { auth: true } }, async () => 'ok')
    }
  })
  const challenge = `${challenges.bare}, ${metadata}`
  t.equal((await app.inject({ method: 'HEAD', url: '/mcp' })).headers['www-authenticate'], challenge)
  const byCookie = await app.inject({ url: '/mcp', headers: { cookie: '__Host-access=x' } })
  t.equal(byCookie.headers['www-authenticate'], `${challenges.invalid}, ${metadata}`)
  t.equal(
    (await app.inject('/me')).headers['www-authenticate'],
    `${challenges.bare}, resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
  )
})

t.test(
  'admits() refuses a token that was issued for another resource of the same application (RFC 8707)',
  async (t) => {
    const one = 'https://api.example.com/one'
    const two = 'https://api.example.com/two'
    const inner = 'https://api.example.com/two/inner'
    const config = { auth: { issuers: [issuer, idp] } }
    const { app } = await createResourceApp({
      urls: [one, two, inner],
      plugin: { trustedIssuers: [trustedFor(one, two, inner, 'https://api.example.com')] },
      add: (app) => {
        for (const path of ['/one', '/two/tools', '/two/inner', '/elsewhere']) {
          app.get(path, { config }, async () => 'ok')
        }
      }
    })
    const own = await app.accessTokens.sign({ sub: 'robot' })
    const rows: [what: string, token: string, path: string, status: number][] = [
      ['its own resource', tokenFor(one), '/one', 200],
      ['below its own resource', tokenFor(two), '/two/tools', 200],
      ['another resource', tokenFor(one), '/two/tools', 401],
      ['another resource, by another spelling', tokenFor(one), '/%74wo/tools', 401],
      ['both resources', tokenFor([one, two]), '/two/tools', 200],
      ['a resource inside its own', tokenFor(two), '/two/inner', 401],
      ['the resource around its own', tokenFor(inner), '/two/tools', 401],
      ['a route of no resource', tokenFor(one), '/elsewhere', 200],
      ['no resource', tokenFor('https://api.example.com'), '/two/tools', 200],
      ['no resource, our own token', own, '/two/tools', 200]
    ]
    for (const [what, token, path, status] of rows) {
      for (const visit of ['unseen or seen elsewhere', 'seen']) {
        const { statusCode } = await app.inject({ url: path, headers: bearer(token) })
        t.equal(statusCode, status, `${what}, ${visit}`)
      }
    }
    const refused = await app.inject({ url: '/two/tools', headers: bearer(tokenFor(one)) })
    t.strictSame(refused.json().code, 'AUTH_INVALID_TOKEN')
    t.match(refused.headers['www-authenticate'], 'oauth-protected-resource/two"', 'names the resource to ask for')
  }
)

t.test("admits() refuses another tenant's token at a route with a parameter, however the path is spelt", async (t) => {
  const resourceOf = (user: string) => `https://api.example.com/@${user}/mcp`
  const config = { auth: { issuers: [issuer, idp] } }
  const lenient = { caseSensitive: false, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true }
  type Row = readonly [what: string, path: string, routerOptions?: FastifyServerOptions['routerOptions']]
  const rows: Row[] = [
    ['the plain path', '/@alice/mcp'],
    ['an encoded reserved character', '/%40alice/mcp'],
    ['an encoded letter', '/@%61lice/mcp'],
    ['the whole URL', 'http://x.example/@alice/mcp'],
    ['the whole URL, in capital letters', 'HTTP://x.example/@alice/mcp?a'],
    ['two slashes', '//@alice//mcp', lenient],
    ['capital letters', '/@ALICE/mcp', lenient],
    ['a semicolon', '/@alice/mcp;x', lenient],
    ['a semicolon before what cannot be decoded', '/@alice/mcp;%', lenient]
  ]
  for (const [what, path, routerOptions = {}] of rows) {
    const { app } = await createResourceApp({
      urls: ['alice', 'bob'].map(resourceOf),
      server: { routerOptions },
      add: (app) => app.get<{ Params: { user: string } }>('/:user/mcp', { config }, async ({ params }) => params.user)
    })
    const address = await app.listen({ port: 0 })
    t.teardown(() => app.close())
    /** Not by `inject()`, which would parse the path. */
    const statusFor = (user: string) =>
      new Promise((resolve, reject) => {
        const headers = bearer(tokenFor(resourceOf(user)))
        const sent = request(address, { path, headers, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        sent.on('error', reject).end()
      })
    t.strictSame([await statusFor('alice'), await statusFor('bob')], [200, 401], what)
  }
})
