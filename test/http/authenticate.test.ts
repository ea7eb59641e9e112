import t from 'tap'
import {
  createApp,
  issuer,
  type ResponseSummary,
  challenges,
  summaryOf,
  createClock,
  type TestApp
} from '../fixtures/app.ts'
import type { FastifyRequest } from 'fastify'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { SessionStore } from '../../plugin/index.ts'
import { stranger } from '../fixtures/local-tokens.ts'
import { forge } from '../fixtures/tokens.ts'
import { wrongNeeds } from '../fixtures/wrong-needs.ts'

const refused: ResponseSummary = {
  status: 401,
  code: 'AUTH_NO_CREDENTIALS',
  challenge: challenges.bare,
  cookies: [],
  cacheControl: null
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Shows the user that the handler sees: `null`, never `undefined`, without one. */
async function echoUser({ user, auth }: Pick<FastifyRequest, 'user' | 'auth'>) {
  const show = (value: unknown) => (value === undefined ? 'undefined' : value)
  return { user: user?.sub ?? show(user), auth: auth?.source ?? show(auth) }
}

const unavailable = { status: 503, code: 'AUTH_STORE_UNAVAILABLE', challenge: null, cookies: [], cacheControl: null }

t.test('request.authenticate() throws a TypeError for wrong needs, and sets no user', async (t) => {
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

t.test('assertSatisfies() requires all scopes, one of the roles and our own issuer', async (t) => {
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
  const other = { issuer: 'https://other.example.com', audience: issuer, algorithms: ['RS256'] }
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
    // A class or a shared base may define the members on its prototype.
    [Object.create({ scopes: ['a'] }), 'b', undefined, scoped('a')],
    [Object.create({ scopes: ['a'] }), 'a', undefined, passed],
    [Object.create({ roles: ['admin'] }, { scopes: { value: ['a'] } }), 'a', ['user'], role],
    [{ issuers: [issuer] }, undefined, undefined, passed],
    [
      { issuers: [other.issuer] },
      undefined,
      undefined,
      { ...passed, status: 401, code: 'AUTH_INVALID_TOKEN', challenge: challenges.invalid }
    ]
  ]
  const server = await createApp({
    plugin: { trustedIssuers: [other] },
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

t.test('app.authenticate in a list of hooks does the same as request.authenticate()', async (t) => {
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

t.test('request.authenticate() sets request.user and request.auth to null before each attempt', async (t) => {
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
      app.get('/expiring', async (request) => {
        await request.authenticate()
        server.clock.advance(3600)
        const { code } = await request.authenticate().catch((error) => error)
        return [code, await echoUser(request)]
      })
    }
  })
  const { access } = await server.signIn('bearer')
  t.strictSame((await server.app.inject('/planted')).json(), { user: null, auth: null })
  t.strictSame((await server.app.inject({ url: '/failing', headers: bearer(access) })).json(), [
    { user: 'alice', auth: 'header' },
    { user: null, auth: null }
  ])
  t.strictSame((await server.app.inject({ url: '/expiring', headers: bearer(access) })).json(), [
    'AUTH_EXPIRED_TOKEN',
    { user: null, auth: null }
  ])
})

t.test(
  'a token that is verified reaches the handler without waiting, whichever site its request came from',
  async (t) => {
    let hasWaited = false
    const server = await createApp({
      before: (app) =>
        app.addHook('onRequest', (_request, _reply, done) => {
          hasWaited = false
          queueMicrotask(() => {
            hasWaited = true
          })
          done()
        }),
      after: (app) => app.post('/waited', { config: { auth: true } }, async () => ({ hasWaited }))
    })
    const { access } = await server.signIn('bearer')
    const [header, cookie] = [bearer(access), { cookie: `__Host-access=${access}` }]
    const rows: [string, Record<string, string>, boolean][] = [
      ['a cookie that was not seen before', cookie, true],
      ['a cookie', cookie, false],
      ['a header', header, false],
      ['a header, from another site', { ...header, 'sec-fetch-site': 'cross-site' }, false],
      ['a header that was not seen before', bearer(await server.app.accessTokens.sign({ sub: 'machine' })), false]
    ]
    for (const [what, headers, expected] of rows) {
      const response = await server.app.inject({ method: 'POST', url: '/waited', headers })
      t.strictSame(response.json(), { hasWaited: expected }, what)
    }
  }
)

t.test('the event of a refusal says where the token was', async (t) => {
  const { app, events } = await createApp()
  const forged = forge(stranger)
  const rows: [headers: Record<string, string>, source: string | null][] = [
    [bearer(forged), 'header'],
    [bearer('not a token'), 'header'],
    [{ ...bearer(forged), cookie: `__Host-access=${forged}` }, 'header'],
    [{ cookie: `__Host-access=${forged}` }, 'cookie'],
    [{ cookie: `__Host-access=${forged}; __Host-access=x${forged}` }, 'cookie'],
    [{}, null]
  ]
  for (const [headers, source] of rows) {
    await app.inject({ url: '/me', headers })
    t.match(events(), [{ type: 'token-refused', source }], JSON.stringify(headers).slice(0, 60))
  }
})

t.test('request.auth.user is request.user, and without a user both are null', async (t) => {
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

t.test(
  "with whenStale: 'refuse', a stale revocation log causes a 503 for every request that presents a token",
  async (t) => {
    const clock = createClock()
    const memory = memoryStore({ clock })
    let down = false
    const store: SessionStore = {
      ...memory,
      readRevocations: async (cursor, limit) => {
        if (down) throw new Error('down')
        return await memory.readRevocations(cursor, limit)
      }
    }
    down = true
    const server: TestApp = await createApp({ plugin: { store, clock, revocation: { whenStale: 'refuse' } } })
    t.teardown(() => server.app.close())
    const { access, cookie } = await server.signIn('cookie')
    const response = await server.app.inject({ url: '/me', headers: bearer(access) })
    t.strictSame(summaryOf(response), unavailable)
    t.equal(response.headers['retry-after'], '2')
    t.strictSame(summaryOf(await server.app.inject({ url: '/me', headers: { cookie } })), unavailable)
    t.strictSame(summaryOf(await server.app.inject({ url: '/maybe', headers: { cookie } })), unavailable)
    t.equal(summaryOf(await server.app.inject('/me')).code, 'AUTH_NO_CREDENTIALS')
  }
)

t.test(
  "with whenStale: 'ask', a request with a valid token reads a stale revocation log before the response",
  async (t) => {
    const clock = createClock()
    const memory = memoryStore({ clock })
    let reads = 0
    let down = false
    const store: SessionStore = {
      ...memory,
      readRevocations: async (cursor, limit) => {
        reads++
        if (down) throw new Error('down')
        return await memory.readRevocations(cursor, limit)
      }
    }
    const server = await createApp({ plugin: { store, clock, revocation: { whenStale: 'ask', pollSeconds: 3600 } } })
    t.teardown(() => server.app.close())
    const elsewhere = await createApp({ plugin: { store: memory, clock } })
    t.teardown(() => elsewhere.app.close())
    const me = async (headers: Record<string, string>) => summaryOf(await server.app.inject({ url: '/me', headers }))
    const { access } = await server.signIn('cookie', { sub: 'bob' })
    const long = await server.app.accessTokens.sign({ sub: 'job', lifetimeSeconds: 86_400 })
    reads = 0
    t.equal((await me(bearer(access))).status, 200)
    t.equal(reads, 0, 'the log is fresh')

    const sleep = () => clock.advance(7201)
    sleep()
    t.equal((await me({})).code, 'AUTH_NO_CREDENTIALS')
    t.equal((await me(bearer(`${long}x`))).code, 'AUTH_INVALID_TOKEN')
    t.equal(reads, 0, 'only a valid token reads')
    const responses = await Promise.all(Array.from({ length: 20 }, () => me(bearer(long))))
    t.strictSame([...new Set(responses.map(({ status }) => status))], [200])
    t.equal(reads, 1, 'twenty requests share one read')
    t.equal((await me(bearer(long))).status, 200)
    t.equal(reads, 1, 'and the log is fresh again')

    sleep()
    down = true
    const response = await server.app.inject({ url: '/me', headers: bearer(long) })
    t.strictSame([summaryOf(response), response.headers['retry-after']], [unavailable, '2'])
    t.strictSame(await me({ cookie: `__Host-access=${long}` }), unavailable, 'the cookie is kept')
    const maybe = await server.app.inject({ url: '/maybe', headers: { cookie: `__Host-access=${long}` } })
    t.strictSame(summaryOf(maybe), unavailable)
    await t.rejects(server.app.accessTokens.verify(long), { code: 'AUTH_STORE_UNAVAILABLE' })
    down = false
    t.equal((await server.app.accessTokens.verify(long)).sub, 'job')

    const { exp, jti } = await server.app.accessTokens.verify(long)
    sleep()
    await elsewhere.app.accessTokens.revoke(jti!, exp)
    await t.rejects(server.app.accessTokens.verify(long), { code: 'AUTH_REVOKED_TOKEN' })
  }
)
