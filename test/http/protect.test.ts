import { generateKeyPairSync } from 'node:crypto'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import authenticate, { type Needs } from '../../plugin/index.ts'
import { challenges, createApp, issuer, secret, epoch } from '../fixtures/app.ts'
import { isUndefined, wrongNeeds } from '../fixtures/wrong-needs.ts'

const options = { issuer, secret }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Shows the user that the handler sees: `null`, never `undefined`, without one. */
async function echoUser({ user, auth }: Pick<FastifyRequest, 'user' | 'auth'>) {
  const show = (value: unknown) => (value === undefined ? 'undefined' : value)
  return { user: user?.sub ?? show(user), auth: auth?.source ?? show(auth) }
}

/** Declares the same routes in every context. */
function declare(app: FastifyInstance, place: string): void {
  app.get(`/${place}`, { config: { auth: true } }, echoUser)
  app.get(`/${place}/open`, echoUser)
  app.get(`/${place}/exempt`, { config: { auth: false } }, echoUser)
  app.get(`/${place}/optional`, { config: { auth: { optional: true } } }, echoUser)
  app.route({ method: ['POST', 'DELETE'], url: `/${place}/several`, config: { auth: {} }, handler: echoUser })
  app.get(`/${place}/wild/*`, { config: { auth: true } }, echoUser)
  app.head(`/${place}/head`, { config: { auth: true } }, async () => '')
}

/** Declares the routes in the context, in children and under prefixes. */
function declareEverywhere(app: FastifyInstance, when: string): void {
  declare(app, `${when}-root`)
  app.register(async function child(scope) {
    declare(scope, `${when}-child`)
    scope.decorateRequest(`of${when}`, null)
    scope.register(async (grandchild) => declare(grandchild, 'grandchild'), { prefix: `/${when}-prefix` })
  })
  app.register(fp(async (same) => declare(same, `${when}-fp`)))
  app.after(() => declare(app, `${when}-deferred`))
}

t.test('a refused caller never reaches the handler, even if Promise is patched or undefined is thrown', async (t) => {
  const native = globalThis.Promise
  t.teardown(() => {
    globalThis.Promise = native
  })
  let calls = 0
  let thrown: { what: unknown } | null = null
  const clock = () => {
    if (thrown !== null) throw thrown.what
    return epoch
  }
  const server = await createApp({
    plugin: { clock },
    after(app) {
      app.addHook('onRequest', async () => {})
      app.get('/secret', { config: { auth: { roles: ['admin'] } } }, async () => {
        calls++
      })
    }
  })
  const { access } = await server.signIn('bearer', { claims: { roles: ['admin'] } })
  const get = async (headers: Record<string, string>) =>
    (await server.app.inject({ url: '/secret', headers })).statusCode

  // Tracers and zone.js patch it: the promises of async functions are not instances of it.
  globalThis.Promise = class Traced<T> extends native<T> {} as never
  t.strictSame(
    [await get({}), await get(bearer('x.y.z')), await get({ authorization: 'Bearer' }), calls],
    [401, 401, 400, 0]
  )
  globalThis.Promise = native

  t.strictSame([await get(bearer(access)), calls], [200, 1])
  for (const what of [undefined, null, '', 0, false, new Error('no time')]) {
    thrown = { what }
    t.strictSame([await get(bearer(access)), await get(bearer(`${access}x`)), calls], [500, 500, 1], String(what))
    thrown = null
  }
})

const places = ['before', 'after'].flatMap((when) => [
  `${when}-root`,
  `${when}-child`,
  `${when}-prefix/grandchild`,
  `${when}-fp`,
  `${when}-deferred`
])

for (const { name, awaited, protect } of [
  { name: 'awaited', awaited: true, protect: 'declared' },
  { name: 'not awaited', awaited: false, protect: 'declared' },
  { name: 'awaited, protecting all', awaited: true, protect: 'all' },
  { name: 'not awaited, protecting all', awaited: false, protect: 'all' }
] as const) {
  t.test(`config.auth protects a route in every place, with the plugin ${name}`, async (t) => {
    const app = fastify()
    declareEverywhere(app, 'before')
    const registered = app.register(authenticate, { ...options, protect })
    if (awaited) await registered
    declareEverywhere(app, 'after')
    await app.ready()
    const token = await app.accessTokens.sign({ sub: 'alice' })

    for (const place of places) {
      const nobody = { status: 200, body: { user: null, auth: null } }
      const alice = { status: 200, body: { user: 'alice', auth: 'header' } }
      for (const [method, path, needed] of [
        ['GET', '', true],
        ['HEAD', '', true],
        ['POST', '/several', true],
        ['DELETE', '/several', true],
        ['GET', '/wild/x/y', true],
        ['HEAD', '/head', true],
        ['GET', '/open', protect === 'all'],
        ['HEAD', '/open', protect === 'all'],
        ['GET', '/exempt', false],
        ['HEAD', '/exempt', false],
        ['GET', '/optional', false]
      ] as const) {
        const call = async (headers = {}) => {
          const response = await app.inject({ method, url: `/${place}${path}`, headers })
          return {
            status: response.statusCode,
            challenge: response.headers['www-authenticate'],
            body: method === 'HEAD' ? '' : response.json()
          }
        }
        const [without, using] = [await call(), await call(bearer(token))]
        const name = `${method} /${place}${path}`
        if (needed) t.strictSame([without.status, without.challenge], [401, challenges.bare], name)
        else t.match(without, method === 'HEAD' ? { status: 200 } : nobody, name)
        if (method !== 'HEAD') {
          t.match(using, path === '/exempt' || (path === '/open' && !needed) ? nobody : alice, `${name} with a token`)
        } else t.equal(using.status, 200)
      }
      t.equal((await app.inject(`/${place}/unknown`)).statusCode, 404)
    }
    await app.close()
  })
}

t.test("protect: 'all' exempts 404s and the key route, and nothing else", async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const app = fastify({ routerOptions: { ignoreTrailingSlash: true, caseSensitive: false } })
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ nothing: 'here' }))
  await app.register(authenticate, { ...options, protect: 'all', keys: [{ key: privateKey }] })
  app.get('/notes', echoUser)
  app.get('/*', { config: { auth: false } }, echoUser)
  app.register(
    async (scope) => {
      scope.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ nothing: 'in the child' }))
      scope.options('/notes', echoUser)
    },
    { prefix: '/child' }
  )
  await app.ready()
  const status = async (url: string, method: 'GET' | 'POST' | 'OPTIONS' = 'GET') =>
    (await app.inject({ url, method })).statusCode
  t.equal(await status('/.well-known/jwks.json'), 200)
  t.strictSame(
    [
      await status('/notes'),
      await status('/notes/'),
      await status('/NOTES'),
      await status('/notes?x=1'),
      await status('/child/notes', 'OPTIONS')
    ],
    [401, 401, 401, 401, 401]
  )
  t.strictSame(
    [await status('/anything'), await status('/notes', 'POST'), await status('/child/none', 'POST')],
    [200, 404, 404]
  )
  await app.close()
})

t.test('a wrong config.auth stops the start, before or after the plugin', async (t) => {
  for (const [auth, problem] of wrongNeeds) {
    const config = { auth: auth as never }
    const wanted = {
      name: 'TypeError',
      message: `Wrong "config.auth" of the route /wrong: ${problem.replace('needs', 'config.auth')}`
    }
    const route = { config, handler: echoUser }
    const where: [string, (app: FastifyInstance) => unknown][] = [
      ['before', (app) => app.get('/wrong', route).register(authenticate, options)],
      [
        'before, in a child',
        (app) =>
          app
            .register(async (scope) => {
              scope.get('/wrong', route)
            })
            .register(authenticate, options)
      ],
      [
        'after, in a child',
        (app) =>
          app.register(authenticate, options).register(async (scope) => {
            scope.get('/wrong', route)
          })
      ],
      [
        'after, awaited',
        async (app) => {
          await app.register(authenticate, options)
          app.get('/wrong', route)
        }
      ]
    ]
    for (const [name, build] of where) {
      const app = fastify()
      await t.rejects(
        async () => {
          await build(app)
          await app.ready()
        },
        wanted,
        `${JSON.stringify(auth)} ${name}`
      )
    }
  }
})

t.test("{ roles: ROLES.typo } and { auth: RULES.typo } stop the start, under protect: 'all' too", async (t) => {
  const ROLES: Record<string, string[]> = { admin: ['admin'] }
  const RULES: Record<string, object> = {}
  for (const protect of ['declared', 'all'] as const) {
    for (const [auth, name] of [
      [{ roles: ROLES.amdin }, 'roles'],
      [RULES.admin, 'config.auth']
    ] as const) {
      const wanted = { name: 'TypeError', message: `Wrong "config.auth" of the route /admin: ${isUndefined(name)}` }
      const route = { config: { auth: auth as never }, handler: async () => 'let in' }
      const before = fastify()
      before.get('/admin', route)
      before.register(authenticate, { ...options, protect })
      await t.rejects(async () => await before.ready(), wanted, `declared before the plugin, ${protect}`)
      const after = fastify()
      await after.register(authenticate, { ...options, protect })
      t.throws(() => after.get('/admin', route), wanted, `declared after the plugin, ${protect}`)
    }
  }
})
t.test('config.auth.issuers that names an issuer which is neither own nor trusted stops the start', async (t) => {
  const idp = 'https://idp.example.com'
  const former = 'https://former.example.com'
  const trusted = { issuer: idp, audience: issuer, algorithms: ['RS256'] }
  const start = async (issuers: Needs['issuers'], more: object = {}) => {
    const app = fastify()
    await app.register(authenticate, { ...options, issuer: [issuer, former], trustedIssuers: [trusted], ...more })
    app.get('/theirs', { config: { auth: { issuers } as Needs } }, echoUser)
    await app.ready()
    await app.close()
  }
  const unknown = (received: string) => ({
    name: 'TypeError',
    message:
      'Wrong "config.auth" of the route /theirs: "issuers" must name entries of "issuer" and of "trustedIssuers", ' +
      `or "trusted": received "${received}"`
  })

  for (const known of [[issuer], [former], [idp], [issuer, idp, 'trusted'], 'trusted'] as const) {
    await t.resolves(start(known), `${known}`)
  }
  await t.rejects(start(['https://typo.example.com']), unknown('https://typo.example.com'))
  await t.rejects(start([issuer, 'trusted', `${idp}/`]), unknown(`${idp}/`), 'one of several')
  await t.rejects(start([idp], { trustedIssuers: [] }), unknown(idp), 'none are trusted')
  await t.resolves(start(['https://typo.example.com'], { trustedIssuers: async () => null }), 'a function finds them')
})

t.test("the application's own @fastify/jwt and @fastify/cookie work beside the plugin, in any order", async (t) => {
  const hosts = {
    jwt: (app: FastifyInstance) =>
      app.register(jwt, { secret: 'the secret of the host', cookie: { cookieName: '__Host-access', signed: false } }),
    cookie: (app: FastifyInstance) =>
      app.register(cookie, {
        secret: 'the host',
        parseOptions: { domain: 'host.example', signed: true, path: '/host' }
      }),
    plugin: (app: FastifyInstance) => app.register(authenticate, options)
  }
  type Name = keyof typeof hosts
  const orders: Name[][] = [
    ['jwt', 'cookie', 'plugin'],
    ['plugin', 'jwt', 'cookie'],
    ['cookie', 'plugin', 'jwt'],
    ['jwt', 'plugin', 'cookie'],
    ['plugin', 'cookie'],
    ['plugin', 'jwt']
  ]
  for (const order of orders) {
    for (const awaited of [true, false]) {
      await t.test(`${order.join(', ')}${awaited ? ', awaited' : ''}`, async (t) => {
        const app = fastify()
        for (const name of order) {
          const registered = hosts[name](app)
          if (awaited) await registered
        }
        app.get('/me', { config: { auth: true } }, echoUser)
        app.get('/host', async (request) => {
          await request.jwtVerify({ onlyCookie: false })
          return request.user
        })
        app.post('/login', async (_request, reply) => {
          if (order.includes('cookie')) reply.setCookie('host', 'x')
          return reply.signIn({ sub: 'alice', transport: 'cookie' })
        })
        await app.ready()
        const login = await app.inject({ method: 'POST', url: '/login' })
        const ours = login.cookies.filter(({ name }) => name.startsWith('__Host-'))
        t.strictSame(
          ours.map(({ domain, path, value }) => [domain, path, value.includes('%')]),
          [
            [undefined, '/', false],
            [undefined, '/', false]
          ]
        )
        if (order.includes('cookie')) {
          t.match(
            login.cookies.find(({ name }) => name === 'host'),
            { domain: 'host.example', path: '/host' },
            "the application's own cookies are unchanged"
          )
        }
        const access = ours[0]!.value
        t.strictSame((await app.inject({ url: '/me', headers: { cookie: `__Host-access=${access}` } })).json(), {
          user: 'alice',
          auth: 'cookie'
        })
        if (!order.includes('jwt')) return
        const host = app.jwt.sign({ sub: 'of the host' })
        t.match((await app.inject({ url: '/host', headers: bearer(host) })).json(), { sub: 'of the host' })
        t.equal((await app.inject({ url: '/host', headers: bearer(access) })).statusCode, 401)
        t.equal((await app.inject({ url: '/me', headers: bearer(host) })).statusCode, 401)
      })
    }
  }
})
