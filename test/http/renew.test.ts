import t, { type Test } from 'tap'
import type { FastifyRequest, LightMyRequestResponse } from 'fastify'
import { createClock, createApp, summaryOf, type ResponseSummary, challenges } from '../fixtures/app.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { passed, foreign, malformed, invalid, expired, accessCleared, bothCleared } from '../fixtures/summaries.ts'

const names = ['__Host-access', '__Host-refresh']

t.test('cookies.renew lets authenticate() renew in place', async (t) => {
  const handler = async ({ user, auth }: FastifyRequest) => ({
    user: user && { sub: user.sub, iat: user.iat },
    auth: auth && { source: auth.source, sessionId: auth.sessionId }
  })
  const counted = { find: 0, rotate: 0 }
  const clock = createClock()
  const memory = memoryStore({ clock })
  let down = false
  const store: typeof memory = {
    ...memory,
    async find(id) {
      counted.find++
      if (down) throw new Error('down')
      return await memory.find(id)
    },
    async rotate(id, change) {
      counted.rotate++
      if (down) throw new Error('down')
      return await memory.rotate(id, change)
    }
  }
  const server = await createApp({
    plugin: { clock, store, cookies: { renew: true }, accessToken: { cacheSize: 0 } },
    after(app) {
      app.get('/scoped', { config: { auth: { scopes: ['other'] } } }, handler)
      app.get('/twice', { config: { auth: true } }, async (request) => {
        const first = request.user
        const [second, third] = await Promise.all([request.authenticate(), request.authenticate({ scopes: ['notes'] })])
        return { same: first.jti === second.jti && second.jti === third.jti, source: request.auth?.source }
      })
      app.get('/failing-twice', async (request) => {
        const codes: string[] = []
        for (let attempt = 0; attempt < 2; attempt++) {
          await request.authenticate().catch((error) => codes.push(error.code))
        }
        return codes
      })
    }
  })
  const { app } = server
  const fresh = async () => {
    const session = await server.signIn('cookie', { scope: 'notes' })
    clock.advance(700)
    counted.find = counted.rotate = 0
    return session
  }
  const row = async (id: string) => (await memory.find(id)).row!
  const pair = (session: { access: string; refresh: string }) =>
    `__Host-access=${session.access}; __Host-refresh=${session.refresh}`
  /** The response has both new cookies, and the row has a new generation. */
  async function assertRenewed(t: Test, response: LightMyRequestResponse, id: string, name: string) {
    t.strictSame(
      response.cookies.map((cookie) => cookie.name),
      ['__Host-access', '__Host-refresh'],
      name
    )
    t.equal(response.cookies[1]?.value.split('.')[2], '1')
    t.equal(response.headers['cache-control'], 'private, no-store')
    t.match(await row(id), { generation: 1, rotatedAt: clock() })
    t.equal(counted.rotate, 1)
    t.match(server.events(), [{ type: 'session-refreshed', sessionId: id }])
  }

  await t.test('when the access cookie is expired, or absent', async (t) => {
    for (const access of [true, false]) {
      const session = await fresh()
      const cookie = access ? session.cookie : `__Host-refresh=${session.refresh}`
      const response = await app.inject({ url: '/me', headers: { cookie } })
      t.strictSame(response.json(), { sub: 'alice', source: 'cookie', sessionId: session.sessionId })
      await assertRenewed(t, response, session.sessionId, cookie)
      const next = await app.inject({
        url: '/me',
        headers: { cookie: pair({ access: response.cookies[0]!.value, refresh: response.cookies[1]!.value }) }
      })
      t.strictSame(summaryOf(next), passed, 'and the next request needs no renewal')
    }
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({ url: '/maybe', headers: { cookie: session.cookie } }),
      session.sessionId,
      'also if a user is optional'
    )
  })

  await t.test('beside an Authorization that is ignored', async (t) => {
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({ url: '/me', headers: { cookie: session.cookie, authorization: 'Basic eDp5' } }),
      session.sessionId,
      'Basic'
    )
  })

  await t.test('by POST from our own site', async (t) => {
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({
        method: 'POST',
        url: '/me',
        headers: { cookie: session.cookie, origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }
      }),
      session.sessionId,
      'POST'
    )
  })

  await t.test('by GET from another site: a link leads to it', async (t) => {
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({ url: '/me', headers: { cookie: session.cookie, 'sec-fetch-site': 'cross-site' } }),
      session.sessionId,
      'GET'
    )
  })

  await t.test('before the requirements are checked', async (t) => {
    const session = await fresh()
    const response = await app.inject({ url: '/scoped', headers: { cookie: session.cookie } })
    t.equal(summaryOf(response).code, 'AUTH_INSUFFICIENT_SCOPE')
    t.strictSame(
      response.cookies.map(({ name }) => name),
      ['__Host-access', '__Host-refresh']
    )
    t.equal((await row(session.sessionId)).generation, 1)
    server.events()
  })

  await t.test('at most once a request', async (t) => {
    const session = await fresh()
    const response = await app.inject({ url: '/twice', headers: { cookie: session.cookie } })
    t.strictSame(response.json(), { same: true, source: 'cookie' })
    await assertRenewed(t, response, session.sessionId, 'authenticate() three times')
    await app.sessions.revoke(session.sessionId)
    const failing = await app.inject({ url: '/failing-twice', headers: { cookie: session.cookie } })
    t.strictSame(failing.json(), ['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_INVALID'])
    const absent = await app.inject({ url: '/failing-twice', headers: { cookie: `__Host-refresh=${session.refresh}` } })
    t.strictSame(absent.json(), ['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_INVALID'])
    server.events()
  })

  const untouched = async (
    name: string,
    headers: (session: Awaited<ReturnType<typeof fresh>>) => Record<string, string> | Promise<Record<string, string>>,
    outcome: ResponseSummary,
    method: 'GET' | 'POST' = 'GET'
  ) => {
    await t.test(`not ${name}`, async (t) => {
      const session = await fresh()
      const before = await row(session.sessionId)
      const response = await app.inject({ method, url: '/me', headers: await headers(session) })
      t.strictSame(summaryOf(response), outcome)
      t.strictSame(counted, { find: 0, rotate: 0 })
      t.strictSame(await row(session.sessionId), before)
      server.events()
    })
  }
  const crossSite: ResponseSummary = {
    status: 403,
    code: 'AUTH_CROSS_SITE',
    challenge: null,
    cookies: [],
    cacheControl: null
  }
  await untouched(
    'for a POST from another site',
    ({ cookie }) => ({ cookie, origin: 'https://evil.example' }),
    crossSite,
    'POST'
  )
  await untouched(
    'for a POST from another site without the access cookie',
    ({ refresh }) => ({ cookie: `__Host-refresh=${refresh}`, 'sec-fetch-site': 'same-site' }),
    crossSite,
    'POST'
  )
  await untouched(
    'for an upgrade',
    ({ cookie }) => ({ cookie, connection: 'upgrade', upgrade: 'websocket', origin: 'http://localhost:80' }),
    expired
  )
  await untouched(
    'for an upgrade without the access cookie',
    ({ refresh }) => ({ cookie: `__Host-refresh=${refresh}`, connection: 'upgrade', upgrade: 'websocket' }),
    foreign
  )
  await untouched(
    'beside a Bearer token that is wrong',
    ({ cookie }) => ({ cookie, authorization: 'Bearer x' }),
    invalid
  )
  await untouched(
    'beside a Bearer token that has expired',
    ({ cookie, access }) => ({ cookie, authorization: `Bearer ${access}` }),
    expired
  )
  await untouched(
    'beside an Authorization of another scheme',
    ({ cookie }) => ({ cookie, authorization: 'DPoP x' }),
    foreign
  )
  await untouched('beside a malformed Authorization', ({ cookie }) => ({ cookie, authorization: 'Bearer' }), malformed)
  await untouched(
    'from a forged access cookie',
    ({ refresh }) => ({ cookie: `__Host-access=x; __Host-refresh=${refresh}` }),
    { ...invalid, cookies: [accessCleared] }
  )
  await untouched(
    'from access cookies of two sessions',
    async ({ access, refresh }) => {
      const other = await server.signIn('cookie', { sub: 'mallory' })
      counted.find = counted.rotate = 0
      return { cookie: `__Host-access=${access}; __Host-access=${other.access}; __Host-refresh=${refresh}` }
    },
    { ...invalid, cookies: [accessCleared] }
  )
  await untouched(
    'for an access cookie without a refresh cookie',
    ({ access }) => ({ cookie: `__Host-access=${access}` }),
    expired
  )
  await untouched(
    'when the cookies name two sessions',
    async ({ access }) => {
      const other = await server.signIn('cookie', { sub: 'mallory' })
      counted.find = counted.rotate = 0
      return { cookie: pair({ access, refresh: other.refresh }) }
    },
    expired
  )
  await untouched(
    'when one of two refresh cookies names another session',
    async ({ access, refresh }) => {
      const other = await server.signIn('cookie', { sub: 'mallory' })
      counted.find = counted.rotate = 0
      return { cookie: `${pair({ access, refresh })}; __Host-refresh=${other.refresh}` }
    },
    expired
  )
  await untouched(
    'from a malformed refresh cookie beside an expired access cookie',
    ({ access }) => ({ cookie: pair({ access, refresh: 'x' }) }),
    expired
  )

  await t.test('a failure has the code of the refresh', async (t) => {
    const refused = { status: 401, challenge: challenges.refresh, cookies: bothCleared, cacheControl: null }
    const session = await fresh()
    const other = await server.signIn('cookie', { sub: 'mallory' })
    const only = `__Host-refresh=${session.refresh}`
    const get = (cookie: string, url = '/me') => app.inject({ url, headers: { cookie } })
    t.strictSame(
      summaryOf(await get(`${only}; __Host-refresh=${other.refresh}`)),
      { ...refused, code: 'AUTH_REFRESH_INVALID' },
      'refresh cookies of two sessions'
    )
    t.strictSame(summaryOf(await get('__Host-refresh=x')), { ...refused, code: 'AUTH_REFRESH_INVALID' })
    const nobody = await get('__Host-refresh=x', '/maybe')
    t.strictSame(
      { ...summaryOf(nobody), body: nobody.json() },
      { ...passed, cookies: bothCleared, body: { user: null } },
      'optional: no user, and the cookies are cleared'
    )

    down = true
    for (const url of ['/me', '/maybe']) {
      const unavailable = await get(session.cookie, url)
      t.strictSame(summaryOf(unavailable), {
        status: 503,
        code: 'AUTH_STORE_UNAVAILABLE',
        challenge: null,
        cookies: [],
        cacheControl: null
      })
      t.equal(unavailable.headers['retry-after'], '2')
    }
    down = false

    for (const from of [0, 1]) {
      await memory.rotate(session.sessionId, {
        from,
        to: from + 1,
        minAgeMs: 0,
        idleMs: 1e9,
        accessLifetimeSeconds: 600
      })
    }
    for (const url of ['/me', '/maybe']) {
      t.strictSame(summaryOf(await get(session.cookie, url)), {
        ...refused,
        code: 'AUTH_REFRESH_SUPERSEDED',
        cookies: []
      })
    }
    clock.advance(60)
    t.strictSame(summaryOf(await get(session.cookie)), { ...refused, code: 'AUTH_REFRESH_REUSED' })
    t.equal((await row(session.sessionId)).revokedAt, clock())
    clock.advance(700)
    t.strictSame(summaryOf(await get(session.cookie)), { ...refused, code: 'AUTH_REFRESH_INVALID' })
  })
})

t.test('a hook that was added before the plugin does not renew, but the route does', async (t) => {
  const users: unknown[] = []
  const server = await createApp({
    plugin: { cookies: { renew: true } },
    before: (app) =>
      app.addHook('onRequest', async (request) => {
        if (request.url === '/me') users.push(await request.authenticate({ optional: true }))
      })
  })
  const { cookie } = await server.signIn('cookie')
  server.clock.advance(700)
  const response = await server.app.inject({ url: '/me', headers: { cookie } })
  t.strictSame([users, response.json().sub], [[null], 'alice'])
  t.strictSame(
    response.cookies.map(({ name }) => name),
    names
  )
})
