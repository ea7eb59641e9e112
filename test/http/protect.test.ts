import { generateKeyPairSync } from 'node:crypto'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import authenticate, { AuthError, type AuthenticateOptions } from '../../plugin/index.ts'
import {
  challenges,
  createApp,
  issuer,
  secret,
  summaryOf,
  setCookies,
  epoch,
  type ResponseSummary
} from '../fixtures/app.ts'

const options = { issuer, secret }
const refused: ResponseSummary = {
  status: 401,
  code: 'AUTH_NO_CREDENTIALS',
  challenge: challenges.bare,
  cookies: [],
  cacheControl: null
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Who the handler sees; `undefined` would be nobody's promise. */
async function echoUser({ user, auth }: Pick<FastifyRequest, 'user' | 'auth'>) {
  const show = (value: unknown) => (value === undefined ? 'undefined' : value)
  return { user: user?.sub ?? show(user), auth: auth?.source ?? show(auth) }
}

/** Declares the same routes wherever it is called. */
function declare(app: FastifyInstance, place: string): void {
  app.get(`/${place}`, { config: { auth: true } }, echoUser)
  app.get(`/${place}/open`, echoUser)
  app.get(`/${place}/exempt`, { config: { auth: false } }, echoUser)
  app.get(`/${place}/optional`, { config: { auth: { optional: true } } }, echoUser)
  app.route({ method: ['POST', 'DELETE'], url: `/${place}/several`, config: { auth: {} }, handler: echoUser })
  app.get(`/${place}/wild/*`, { config: { auth: true } }, echoUser)
  app.head(`/${place}/head`, { config: { auth: true } }, async () => '')
}

/** Declares the routes in every place there is. */
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

t.test(
  'a refused caller never reaches the handler, whatever stands in for Promise, and whatever is thrown',
  async (t) => {
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

    // As tracers and zone.js do: what async functions return is not an instance of it.
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
  }
)

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
  t.test(`config.auth protects a route wherever it was declared, the plugin being ${name}`, async (t) => {
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

t.test("protect: 'all' lets 404s and the key route through, and nothing else", async (t) => {
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

const isUndefined = (name: string) => `"${name}" is undefined: give it a value, or leave it out`
const wrongNeeds: [unknown, string][] = [
  [undefined, isUndefined('needs')],
  [{ scopes: undefined }, isUndefined('scopes')],
  [{ roles: undefined }, isUndefined('roles')],
  [{ issuers: undefined }, isUndefined('issuers')],
  [{ optional: undefined }, isUndefined('optional')],
  [{ scopes: ['a'], roles: undefined }, isUndefined('roles')],
  [null, "\"needs\" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }"],
  ['notes:read', "\"needs\" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }"],
  [1, "\"needs\" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }"],
  [['notes:read'], "\"needs\" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }"],
  [{ scope: 'notes:read' }, 'unknown member "scope": expected scopes, roles, issuers or optional'],
  [{ role: ['admin'] }, 'unknown member "role": expected scopes, roles, issuers or optional'],
  [{ scopes: ['a'], Roles: ['admin'] }, 'unknown member "Roles": expected scopes, roles, issuers or optional'],
  [{ scopes: undefined, x: undefined }, 'unknown member "x": expected scopes, roles, issuers or optional'],
  [{ scopes: [] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: 'notes:read' }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: ['notes:read notes:write'] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: [''] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: ['"'] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: ['ä'] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: ['a', 1] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ scopes: null }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
  [{ roles: [] }, '"roles" must be a non-empty list of non-empty strings'],
  [{ roles: 'admin' }, '"roles" must be a non-empty list of non-empty strings'],
  [{ roles: [''] }, '"roles" must be a non-empty list of non-empty strings'],
  [{ roles: [null] }, '"roles" must be a non-empty list of non-empty strings'],
  [{ issuers: [] }, '"issuers" must be a non-empty list of non-empty strings'],
  [{ issuers: issuer }, '"issuers" must be a non-empty list of non-empty strings'],
  [{ optional: 'yes' }, '"optional" must be true or false'],
  [{ optional: null }, '"optional" must be true or false']
]

t.test('a wrong config.auth stops the start, declared before the plugin or after it', async (t) => {
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

t.test('request.authenticate() with wrong needs is a fault of the application, and lets nobody pass', async (t) => {
  let needs: unknown
  const server = await createApp({
    after: (app) =>
      app.get('/', async (request) => {
        await request.authenticate(needs as never)
        return 'passed'
      })
  })
  const { access } = await server.signIn('bearer')
  for (const [wrong, message] of wrongNeeds) {
    needs = wrong
    const response = await server.app.inject({ url: '/', headers: bearer(access) })
    t.match(response.json(), { statusCode: 500, message }, JSON.stringify(wrong))
  }
  for (const right of [true, {}]) {
    needs = right
    t.equal((await server.app.inject({ url: '/', headers: bearer(access) })).body, 'passed', JSON.stringify(right))
  }
})

t.test('app.sessions refuses a member that is undefined or unknown, and ends nothing then', async (t) => {
  const server = await createApp()
  const { sessionId, access } = await server.signIn('bearer')
  const { list, revoke, revokeAll } = server.app.sessions as unknown as Record<
    string,
    (...given: unknown[]) => Promise<unknown>
  >
  const text = (name: string) => `"${name}" must be a non-empty string`
  const rows: [string, () => Promise<unknown>, string][] = [
    ['revoke: sub undefined', () => revoke!(sessionId, { sub: undefined }), isUndefined('sub')],
    ['revoke: options undefined', () => revoke!(sessionId, undefined), isUndefined('options')],
    ...[null, '', 7, ['alice']].map((sub): (typeof rows)[0] => [
      `revoke: sub ${JSON.stringify(sub)}`,
      () => revoke!(sessionId, { sub }),
      text('sub')
    ]),
    ['revoke: a typo', () => revoke!(sessionId, { subject: 'mallory' }), 'unknown member "subject": expected sub'],
    ...[null, 'mallory', ['mallory']].map((given): (typeof rows)[0] => [
      `revoke: ${JSON.stringify(given)}`,
      () => revoke!(sessionId, given),
      '"options" must be an object'
    ]),
    ['revokeAll: except undefined', () => revokeAll!('alice', { except: undefined }), isUndefined('except')],
    ['revokeAll: options undefined', () => revokeAll!('alice', undefined), isUndefined('options')],
    ...['', 7, [sessionId]].map((except): (typeof rows)[0] => [
      `revokeAll: except ${JSON.stringify(except)}`,
      () => revokeAll!('alice', { except }),
      text('except')
    ]),
    ['revokeAll: a typo', () => revokeAll!('alice', { expect: sessionId }), 'unknown member "expect": expected except'],
    ['revokeAll: nobody', () => revokeAll!(undefined), text('sub')],
    ['list: nobody', () => list!(undefined), text('sub')]
  ]
  for (const [what, call, message] of rows) await t.rejects(call(), { name: 'TypeError', message }, what)
  t.strictSame(server.events(), [])
  t.equal((await server.app.inject({ url: '/me', headers: bearer(access) })).statusCode, 200, 'the session lives')

  t.equal(await server.app.sessions.revoke(sessionId, { sub: 'mallory' }), false)
  t.equal(await server.app.sessions.revoke(sessionId, { sub: 'alice' }), true)
  const [one, two] = [(await server.signIn('bearer')).sessionId, (await server.signIn('bearer')).sessionId]
  t.equal(await server.app.sessions.revoke(one), true, "without options, whoever's it is")
  t.equal(await server.app.sessions.revokeAll('alice', { except: two }), 0)
  t.equal(await server.app.sessions.revokeAll('alice', { except: null }), 1, 'null keeps none')
  await server.signIn('bearer')
  t.equal(await server.app.sessions.revokeAll('alice', {}), 1)
  t.equal(await server.app.sessions.revokeAll('alice'), 0)
})

t.test('needs: all scopes, any one role, of the own issuer', async (t) => {
  const scoped = (scope: string) => ({
    status: 403,
    code: 'AUTH_INSUFFICIENT_SCOPE',
    challenge: `Bearer realm="${issuer}", error="insufficient_scope", scope="${scope}"`,
    cookies: [],
    cacheControl: null
  })
  const role = {
    status: 403,
    code: 'AUTH_INSUFFICIENT_ROLE',
    challenge: `Bearer realm="${issuer}", error="insufficient_scope"`,
    cookies: [],
    cacheControl: null
  }
  const passed = { status: 200, code: null, challenge: null, cookies: [], cacheControl: null }
  const rows: [object, string | undefined, unknown, ResponseSummary][] = [
    [{ scopes: ['a'] }, 'a', undefined, passed],
    [{ scopes: ['a', 'b'] }, 'b c a', undefined, passed],
    [{ scopes: ['a', 'b'] }, 'a', undefined, scoped('a b')],
    [{ scopes: ['a'] }, 'ab A a:b', undefined, scoped('a')],
    [{ scopes: ['a'] }, undefined, undefined, scoped('a')],
    [{ roles: ['admin', 'root'] }, undefined, ['user', 'root'], passed],
    [{ roles: ['admin'] }, undefined, ['user'], role],
    [{ roles: ['admin'] }, 'admin', undefined, role],
    [{ roles: ['admin'] }, undefined, 'admin', role],
    [{ roles: ['admin'] }, undefined, [['admin']], role],
    [{ roles: ['admin'] }, undefined, ['admin', 1], role],
    [{ roles: ['0'] }, undefined, { 0: '0' }, role],
    [{ scopes: ['a'], roles: ['admin'] }, 'a', ['admin'], passed],
    [{ scopes: ['a'], roles: ['admin'] }, 'a', ['user'], role],
    [{ scopes: ['a'], roles: ['admin'] }, 'b', ['user'], scoped('a')],
    [{ scopes: ['a'], optional: true }, 'b', undefined, scoped('a')],
    [{ issuers: [issuer] }, undefined, undefined, passed],
    [
      { issuers: ['https://other.example.com'] },
      undefined,
      undefined,
      { ...passed, status: 401, code: 'AUTH_INVALID_TOKEN', challenge: challenges.invalid }
    ]
  ]
  const server = await createApp({
    after(app) {
      for (const [index, [auth]] of rows.entries()) {
        app.get(`/declared/${index}`, { config: { auth } }, async () => 'passed')
        app.get(`/explicit/${index}`, { onRequest: (request) => request.authenticate(auth) }, async () => 'passed')
      }
    }
  })
  for (const [index, [needs, scope, roles, outcome]] of rows.entries()) {
    const { access } = await server.signIn('bearer', {
      ...(scope && { scope }),
      ...(roles !== undefined && { claims: { roles } })
    })
    for (const form of ['declared', 'explicit']) {
      t.strictSame(
        summaryOf(await server.app.inject({ url: `/${form}/${index}`, headers: bearer(access) })),
        outcome,
        `${JSON.stringify(needs)} ${scope} ${JSON.stringify(roles)}`
      )
    }
  }
})

t.test('app.authenticate is the same as a hook, in a list', async (t) => {
  const server = await createApp({
    after(app) {
      app.get('/request', { onRequest: [app.authenticate] }, echoUser)
      app.get('/handler', { preHandler: [app.authenticate] }, echoUser)
      app.get('/both', { config: { auth: true }, preHandler: [app.authenticate] }, echoUser)
    }
  })
  const { access } = await server.signIn('bearer')
  for (const url of ['/request', '/handler', '/both']) {
    t.strictSame(summaryOf(await server.app.inject(url)), refused)
    t.strictSame((await server.app.inject({ url, headers: bearer(access) })).json(), { user: 'alice', auth: 'header' })
  }
})

t.test('request.user and request.auth are null before each attempt', async (t) => {
  const server = await createApp({
    before: (app) =>
      app.addHook('onRequest', async (request) => {
        request.user = { sub: 'planted' } as never
      }),
    after(app) {
      app.get('/planted', { config: { auth: { optional: true } } }, echoUser)
      app.get('/failing', async (request) => {
        const first = await echoUser({ user: await request.authenticate(), auth: request.auth })
        await request.authenticate({ scopes: ['none'] }).catch(() => {})
        return [first, await echoUser(request)]
      })
    }
  })
  const { access } = await server.signIn('bearer')
  t.strictSame((await server.app.inject('/planted')).json(), { user: null, auth: null })
  t.strictSame((await server.app.inject({ url: '/failing', headers: bearer(access) })).json(), [
    { user: 'alice', auth: 'header' },
    { user: null, auth: null }
  ])
})

t.test('request.auth.user is the same object as request.user, and null goes for both', async (t) => {
  const server = await createApp({
    after(app) {
      app.get('/same', { config: { auth: true } }, async ({ user, auth }) => ({
        same: auth.user === user,
        sub: auth.user.sub
      }))
      app.get('/optional', { config: { auth: { optional: true } } }, async ({ user, auth }) => ({
        same: (auth?.user ?? null) === user,
        sub: auth?.user.sub ?? null
      }))
    }
  })
  const { access } = await server.signIn('bearer')
  for (const found of ['verified', 'from the cache']) {
    for (const url of ['/same', '/optional']) {
      t.strictSame(
        (await server.app.inject({ url, headers: bearer(access) })).json(),
        { same: true, sub: 'alice' },
        `${url} ${found}`
      )
    }
  }
  t.strictSame((await server.app.inject('/optional')).json(), { same: true, sub: null })
})

t.test("the host's own @fastify/jwt and @fastify/cookie work beside the plugin, in any order", async (t) => {
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
            "the host's stay as the host wants them"
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

t.test('two sibling contexts have two issuers', async (t) => {
  const app = fastify()
  const scopes: FastifyInstance[] = []
  for (const [prefix, name] of [
    ['/one', 'https://one.example'],
    ['/two', 'https://two.example']
  ] as const) {
    await app.register(
      async (scope) => {
        const cookies = { access: `access${prefix.replace('/', '-')}`, refresh: `refresh${prefix.replace('/', '-')}` }
        await scope.register(authenticate, {
          issuer: name,
          secret,
          keys: [{ key: generateKeyPairSync('ed25519').privateKey, kid: name }],
          cookies
        })
        scope.get('/me', { config: { auth: true } }, echoUser)
        scope.get('/auth', { onRequest: [scope.authenticate] }, async ({ auth }) => auth!.issuer)
        scopes.push(scope)
      },
      { prefix }
    )
  }
  await app.ready()
  const [one, two] = [
    await scopes[0]!.accessTokens.sign({ sub: 'alice' }),
    await scopes[1]!.accessTokens.sign({ sub: 'bob' })
  ]
  const me = async (url: string, token: string) => (await app.inject({ url, headers: bearer(token) })).statusCode
  t.strictSame(
    [await me('/one/me', one), await me('/two/me', two), await me('/one/me', two), await me('/two/me', one)],
    [200, 200, 401, 401]
  )
  t.equal((await app.inject({ url: '/two/auth', headers: bearer(two) })).body, 'https://two.example')
  for (const [prefix, kid] of [
    ['/one', 'https://one.example'],
    ['/two', 'https://two.example']
  ] as const) {
    const response = await app.inject(`${prefix}/.well-known/jwks.json`)
    t.strictSame(
      response.json().keys.map((key: { kid: string; d?: string }) => [key.kid, key.d]),
      [[kid, undefined]]
    )
    t.equal(response.headers['content-type'], 'application/jwk-set+json; charset=utf-8')
    t.equal(response.headers['cache-control'], 'public, max-age=300')
  }
  t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 404)
  await app.close()
})

t.test('two contexts of one application never share a cookie name', async (t) => {
  type Cookies = AuthenticateOptions['cookies']
  const start = async (...contexts: (Cookies | undefined)[]) => {
    const app = fastify()
    contexts.forEach((cookies, index) => {
      app.register(
        async (scope) => {
          await scope.register(authenticate, { issuer: `https://${index}.example`, secret, cookies })
        },
        { prefix: `/${index}` }
      )
    })
    await app.ready()
    await app.close()
  }
  const message = (option: string, name: string) =>
    `Cannot register fastify-authenticate: "cookies.${option}" must differ from the cookie names of this application's other registrations: "${name}" is taken. Choose another name, or set "cookies" to false in one of them`
  const refused: [Cookies | undefined, Cookies | undefined, string, string][] = [
    [undefined, undefined, 'access', '__Host-access'],
    [{}, { access: 'a' }, 'refresh', '__Host-refresh'],
    [{ access: 'a', refresh: 'b' }, { access: 'b', refresh: 'c' }, 'access', 'b'],
    [{ domain: 'a.example', access: 'a' }, { access: 'b', refresh: '__Secure-refresh' }, 'refresh', '__Secure-refresh']
  ]
  for (const [one, two, option, name] of refused) {
    await t.rejects(start(one, two), { name: 'TypeError', message: message(option, name) })
  }
  await t.rejects(
    start({}, { access: 'a', refresh: 'b' }, {}),
    { message: message('access', '__Host-access') },
    'nor do the first and the third'
  )
  await start(undefined, false, false)
  await start(undefined, { access: 'a', refresh: 'b' }, { domain: 'example.com' })
  await start({ access: 'a', refresh: 'b' }, { access: 'A', refresh: 'B' })
  await start(undefined)
})

t.test('registering twice fails, with the remedy', async (t) => {
  const message =
    'Cannot register fastify-authenticate: "authenticate" is already decorated in this context or a parent. Register it once, or in sibling contexts (app.register(async (scope) => { … }))'
  await t.rejects(
    async () => {
      await fastify().register(authenticate, options).register(authenticate, options)
    },
    { message },
    'in the same context'
  )
  await t.rejects(
    async () => {
      await fastify()
        .register(authenticate, options)
        .register(async (scope) => {
          await scope.register(authenticate, { ...options, issuer: 'https://other.example' })
        })
    },
    { message },
    'in a child'
  )
  const child = async (scope: FastifyInstance) => {
    await scope.register(authenticate, { ...options, issuer: 'https://other.example' })
  }
  await t.rejects(
    async () => {
      await fastify().register(child).register(authenticate, options)
    },
    { message: message.replace('this context or a parent', 'a child of this context') },
    "in a parent: two issuers would judge the child's routes"
  )
  const decorated = fastify()
  decorated.decorate('authenticate', async () => {})
  await t.rejects(
    async () => {
      await decorated.register(authenticate, options)
    },
    { message },
    'beside the habit from @fastify/jwt'
  )
})

t.test("a refusal keeps its challenge under the host's own error handlers", async (t) => {
  const handlers: [string, Parameters<FastifyInstance['setErrorHandler']>[0], object][] = [
    [
      'that sends a body of its own',
      (error, _request, reply) => {
        reply.code((error as AuthError).statusCode).send({ oops: (error as AuthError).code })
      },
      { oops: 'AUTH_NO_CREDENTIALS' }
    ],
    [
      'that is async',
      async (error, _request, reply) => {
        reply.code((error as AuthError).statusCode)
        return { oops: (error as AuthError).message }
      },
      { oops: 'Authentication is required' }
    ],
    [
      'that throws it on',
      (error) => {
        throw error
      },
      { statusCode: 401, code: 'AUTH_NO_CREDENTIALS', error: 'Unauthorized', message: 'Authentication is required' }
    ],
    [
      'that sends it on',
      (error, _request, reply) => {
        reply.send(error)
      },
      { statusCode: 401, code: 'AUTH_NO_CREDENTIALS', error: 'Unauthorized', message: 'Authentication is required' }
    ]
  ]
  for (const [name, handler, body] of handlers) {
    for (const where of ['before', 'after'] as const) {
      const { app } = await createApp({
        [where]: (app: FastifyInstance) => {
          app.setErrorHandler(handler)
        }
      })
      const response = await app.inject('/me')
      t.strictSame(
        [response.statusCode, response.headers['www-authenticate'], response.json()],
        [401, challenges.bare, body],
        `${name}, set ${where}`
      )
    }
    const { app } = await createApp({
      after: (app) =>
        app.register(async (scope) => {
          scope.setErrorHandler(handler).get('/child', { config: { auth: true } }, echoUser)
        })
    })
    const response = await app.inject('/child')
    t.strictSame(
      [response.statusCode, response.headers['www-authenticate'], response.json()],
      [401, challenges.bare, body],
      `${name}, in a child`
    )
    const cookies = await app.inject({ url: '/child', headers: { cookie: '__Host-access=x' } })
    t.equal(setCookies(cookies).length, 1, 'and the cookies')
  }
})

t.test('a host that catches a refusal finds what to answer in it', async (t) => {
  const { app } = await createApp({
    after(app) {
      app.get('/caught', async (request, reply) => {
        try {
          return await request.authenticate({ scopes: ['a', 'b'] })
        } catch (error) {
          if (!(error instanceof AuthError)) throw error
          return reply.code(error.statusCode).headers(error.headers).send({ mine: error.code })
        }
      })
    }
  })
  const response = await app.inject('/caught')
  t.strictSame(
    [response.statusCode, response.headers['www-authenticate'], response.json()],
    [401, challenges.bare, { mine: 'AUTH_NO_CREDENTIALS' }]
  )
  const token = await app.accessTokens.sign({ sub: 'alice', scope: 'a' })
  const scope = await app.inject({ url: '/caught', headers: bearer(token) })
  t.strictSame(
    [scope.statusCode, scope.headers['www-authenticate']],
    [403, `Bearer realm="${issuer}", error="insufficient_scope", scope="a b"`]
  )
})

t.test('the realm is quoted', async (t) => {
  const { app } = await createApp({ plugin: { realm: 'the "inner" \\ circle' } })
  t.equal((await app.inject('/me')).headers['www-authenticate'], 'Bearer realm="the \\"inner\\" \\\\ circle"')
})

t.test('the OpenAPI document', async (t) => {
  const refusal = {
    type: 'object',
    additionalProperties: true,
    properties: {
      statusCode: { type: 'integer' },
      code: { type: 'string' },
      error: { type: 'string' },
      message: { type: 'string' }
    }
  }
  const own = { type: 'object', properties: { mine: { type: 'string' } } }
  const notes = { type: 'array', items: { type: 'string' } }
  async function build({
    declared = true,
    cookies,
    schemes = {},
    warnings = [] as string[]
  }: { declared?: boolean; cookies?: false; schemes?: object; warnings?: string[] } = {}) {
    const logger = {
      level: 'warn',
      stream: {
        write: (line: string) => {
          warnings.push(JSON.parse(line).msg)
        }
      }
    }
    const documented = fastify({ logger }) as unknown as FastifyInstance
    const securitySchemes = {
      ...(declared && {
        bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        ...(cookies !== false && { cookieAuth: { type: 'apiKey', in: 'cookie', name: '__Host-access' } })
      }),
      ...schemes
    }
    await documented.register(swagger, { openapi: { components: { securitySchemes } } } as never)
    await documented.register(authenticate, { ...options, ...(cookies === false && { cookies }) })
    const route = (url: string, auth: unknown, schema: object | undefined = undefined) =>
      documented.get(url, { config: { auth: auth as never }, ...(schema && { schema }) }, async (_request, reply) =>
        reply.code(401).send({ mine: 'my own', statusCode: 1, other: 'kept' })
      )
    route('/plain', true)
    route('/needs', { scopes: ['a', 'b'], roles: ['admin'] }, { response: { 200: notes } })
    route('/optional', { optional: true })
    route('/own-401', true, { response: { 401: own } })
    route('/own-4xx', true, { response: { '4xx': own } })
    route('/own-default', true, { response: { default: own } })
    route('/own-security', true, { security: [{ mine: [] }] })
    documented.get('/open', { schema: { response: { 200: notes } } }, async () => [])
    documented.get('/exempt', { config: { auth: false } }, async () => [])
    await documented.ready()
    const { paths, components } = documented.swagger() as unknown as {
      paths: Record<
        string,
        { get: { security?: unknown; responses: Record<string, { description?: string; content?: unknown }> } }
      >
      components: { securitySchemes: unknown }
    }
    return { app: documented, paths, components }
  }

  await t.test('says who may call a route and what is answered', async (t) => {
    const warnings: string[] = []
    const { app, paths } = await build({ schemes: { mine: { type: 'http', scheme: 'basic' } }, warnings })
    const both = [{ bearerAuth: [] }, { cookieAuth: [] }]
    const answers = (path: string) =>
      Object.fromEntries(
        Object.entries(paths[path]!.get.responses).map(([status, { description, content }]) => [
          status,
          [
            description,
            (content as { 'application/json': { schema: unknown } } | undefined)?.['application/json'].schema
          ]
        ])
      )
    const unauthorized = ['Authentication is required', refusal]
    t.strictSame(
      Object.fromEntries(Object.entries(paths).map(([path, { get }]) => [path, get.security])),
      {
        '/plain': both,
        '/needs': both,
        '/optional': [...both, {}],
        '/own-401': both,
        '/own-4xx': both,
        '/own-default': both,
        '/own-security': [{ mine: [] }],
        '/open': undefined,
        '/exempt': undefined
      },
      "the key route and others' are as they were"
    )
    t.match(answers('/plain'), { 401: unauthorized, 403: ['The request came from another site', refusal] })
    t.match(answers('/needs'), {
      200: ['Default Response', notes],
      401: unauthorized,
      403: ['Requires the scopes a, b and one of the roles admin', refusal]
    })
    t.match(answers('/own-401'), {
      401: ['Default Response', own],
      403: ['The request came from another site', refusal]
    })
    t.strictSame(Object.keys(answers('/own-4xx')), ['4XX'])
    t.strictSame(Object.keys(answers('/own-default')), ['default'])
    t.strictSame(Object.keys(answers('/open')), ['200'])
    t.strictSame(warnings, [])

    const body = async (url: string, headers = {}) => (await app.inject({ url, headers })).json()
    const full = {
      statusCode: 401,
      code: 'AUTH_NO_CREDENTIALS',
      error: 'Unauthorized',
      message: 'Authentication is required'
    }
    t.strictSame(await body('/plain'), full, 'the schema strips nothing of the refusal')
    const headers = bearer(await app.accessTokens.sign({ sub: 'alice' }))
    t.strictSame(
      await body('/plain', headers),
      { mine: 'my own', statusCode: 1, other: 'kept' },
      "nor of the host's own 401"
    )
    t.strictSame(await body('/own-401', headers), { mine: 'my own' }, "whose own schema is the host's")
  })

  await t.test('names only the header where cookies are off', async (t) => {
    const { paths, app } = await build({ cookies: false, schemes: { mine: { type: 'http', scheme: 'basic' } } })
    t.strictSame(paths['/plain']!.get.security, [{ bearerAuth: [] }])
    t.strictSame(app.securitySchemes, { bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } })
  })

  await t.test('is written without security, and a warning logged, where the schemes are not declared', async (t) => {
    const warnings: string[] = []
    const { paths, app } = await build({
      declared: false,
      schemes: { mine: { type: 'http', scheme: 'basic' } },
      warnings
    })
    t.equal(paths['/plain']!.get.security, undefined)
    t.strictSame(paths['/own-security']!.get.security, [{ mine: [] }])
    t.strictSame(Object.keys(paths['/plain']!.get.responses), ['200', '401', '403'])
    t.strictSame(warnings, [
      'The OpenAPI document shows no security: give app.securitySchemes to @fastify/swagger as openapi.components.securitySchemes, or declare "bearerAuth" in swagger.securityDefinitions'
    ])
    t.equal((await app.inject('/plain')).statusCode, 401, 'and the route is protected all the same')
  })

  await t.test(
    'fails as it would without the plugin where the host names a scheme that it does not declare',
    async (t) => {
      const warnings: string[] = []
      await t.rejects(build({ warnings }), {
        name: 'TypeError',
        message: "Cannot read properties of undefined (reading 'type')"
      })
      t.strictSame(warnings, [])
    }
  )

  await t.test('and without @fastify/swagger, no schema is touched', async (t) => {
    const schema = { response: { 200: notes } }
    let seenSchema: unknown
    await createApp({
      after(app) {
        app.addHook('onRoute', (route) => {
          if (route.url === '/schema') seenSchema = route.schema
        })
        app.get('/schema', { config: { auth: true }, schema }, async () => [])
      }
    })
    t.equal(seenSchema, schema)
    t.strictSame(Object.keys(schema), ['response'])
    t.strictSame(Object.keys(schema.response), ['200'])
  })
})
