import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import {
  challenges,
  cookieHeader,
  createApp,
  summaryOf,
  setCookies,
  epoch,
  type SignedIn,
  clearing
} from '../fixtures/app.ts'
import { revoked } from '../fixtures/summaries.ts'

const dayMs = 86_400_000
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const cleared = [clearing('__Host-access'), clearing('__Host-refresh')]

t.test(
  "a cookie sign-in ends the session that the cookies named, even another user's (session fixation)",
  async (t) => {
    const server = await createApp()
    const { app, store } = server
    const revokedAt = async ({ sessionId }: SignedIn) => (await store.find(sessionId)).row?.revokedAt
    const forged = await (
      await createApp({ plugin: { secret: 'some other secret, of 32 bytes at least' } })
    ).signIn('cookie')
    type Sessions = Record<'one' | 'two', SignedIn>
    const rows: [string, (sessions: Sessions) => string, ('one' | 'two')[]][] = [
      ['both cookies of one session', ({ one }) => one.cookie, ['one']],
      ['only the access cookie', ({ one }) => `__Host-access=${one.access}`, ['one']],
      ['only the refresh cookie', ({ one }) => `__Host-refresh=${one.refresh}`, ['one']],
      [
        'cookies of two sessions',
        ({ one, two }) => `__Host-access=${one.access}; __Host-refresh=${two.refresh}`,
        ['one', 'two']
      ],
      [
        "a cookie twice: the attacker's and the victim's",
        ({ one, two }) => `__Host-refresh=${one.refresh}; __Host-refresh=${two.refresh}`,
        ['one', 'two']
      ],
      [
        'an access cookie that has expired',
        ({ one }) => {
          server.clock.advance(3600)
          return `__Host-access=${one.access}`
        },
        ['one']
      ],
      ['no cookies', () => 'other=1', []],
      ['forged cookies', () => forged.cookie, []],
      ['a refresh cookie with a bad mac', ({ one }) => `__Host-refresh=${one.refresh.slice(0, -4)}AAAA`, []],
      ['an access cookie with a bad signature', ({ one }) => `__Host-access=${one.access.slice(0, -4)}AAAA`, []]
    ]
    for (const [name, cookieOf, ends] of rows) {
      const sessions: Sessions = {
        one: await server.signIn('cookie', { sub: 'mallory' }),
        two: await server.signIn('cookie', { sub: 'alice' })
      }
      const cookie = cookieOf(sessions)
      const response = await app.inject({
        method: 'POST',
        url: '/login',
        headers: { cookie },
        payload: { sub: 'alice', transport: 'cookie' }
      })
      t.equal(response.statusCode, 200, name)
      for (const [which, session] of Object.entries(sessions)) {
        t.equal(
          await revokedAt(session),
          (ends as string[]).includes(which) ? server.clock() : null,
          `${name}: ${which}`
        )
      }
      t.strictSame(
        server.events().map(({ type }) => type),
        [...ends.map(() => 'session-revoked'), 'session-started']
      )
      for (const end of ends) {
        t.not((await app.inject({ url: '/me', headers: bearer(sessions[end].access) })).statusCode, 200)
      }
      t.equal((await app.inject({ url: '/me', headers: { cookie: cookieHeader(response) } })).json().sub, 'alice')
    }

    const { cookie, sessionId } = await server.signIn('cookie')
    await app.inject({
      method: 'POST',
      url: '/login',
      headers: { cookie },
      payload: { sub: 'alice', transport: 'bearer' }
    })
    await app.inject({ method: 'POST', url: '/login', headers: { cookie }, payload: { sub: '', transport: 'cookie' } })
    t.equal((await store.find(sessionId)).row?.revokedAt, null, 'by bearer, and when it fails, nothing ends')
  }
)

t.test("signIn({ authenticatedAt }) is refused if all the subject's sessions were ended since", async (t) => {
  const server = await createApp()
  const { app, store } = server
  const before = await server.signIn('cookie', { sub: 'carol' })
  server.clock.advance(100)
  await app.sessions.revokeAll('alice')
  server.events()
  const login = (payload: object, headers = {}) =>
    app.inject({ method: 'POST', url: '/login', headers, payload: { sub: 'alice', transport: 'cookie', ...payload } })
  for (const authenticatedAt of [epoch + 99_999, epoch, 0, -1]) {
    const refused = await login({ authenticatedAt }, { cookie: before.cookie })
    t.strictSame(
      summaryOf(refused),
      { status: 401, code: 'AUTH_REVOKED_TOKEN', challenge: challenges.revoked, cookies: [], cacheControl: null },
      String(authenticatedAt)
    )
  }
  t.strictSame([await app.sessions.list('alice'), server.events()], [[], []])
  t.equal((await store.find(before.sessionId)).row?.revokedAt, null, 'and ends no other session')
  for (const payload of [
    { authenticatedAt: epoch + 100_001 },
    { authenticatedAt: epoch + 200_000 },
    {},
    { sub: 'bob', authenticatedAt: server.clock() - dayMs }
  ]) {
    t.equal((await login(payload)).statusCode, 200, JSON.stringify(payload))
  }
  t.equal(
    summaryOf(await login({ sub: 'bob', authenticatedAt: server.clock() - dayMs - 1 })).code,
    'AUTH_REVOKED_TOKEN',
    'longer ago than anybody remembers'
  )
})

t.test("app.sessions lists and ends a subject's sessions", async (t) => {
  const server = await createApp({ plugin: { refreshToken: { idleSeconds: 1000 } } })
  const { app, store } = server
  const phone = await server.signIn('bearer', { device: 'phone' })
  server.clock.advance(60)
  const laptop = await server.signIn('cookie', { device: 'laptop' })
  const nameless = await server.signIn('bearer')
  const bobs = await server.signIn('bearer', { sub: 'bob', device: 'x'.repeat(200) })
  server.clock.advance(60)
  const refreshed = (
    await app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: phone.refresh } })
  ).json()
  server.clock.advance(60)
  await app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: phone.refresh } })
  const at = (seconds: number) => new Date(epoch + seconds * 1000)
  t.strictSame(
    await app.sessions.list('alice'),
    [
      { id: phone.sessionId, device: 'phone', createdAt: at(0), lastUsedAt: at(0), expiresAt: at(1180) },
      { id: laptop.sessionId, device: 'laptop', createdAt: at(60), lastUsedAt: at(60), expiresAt: at(1060) },
      { id: nameless.sessionId, device: null, createdAt: at(60), lastUsedAt: at(60), expiresAt: at(1060) }
    ],
    'oldest first, no salt, no token; the last use is told to the hour'
  )
  t.strictSame(await app.sessions.list('nobody'), [])

  const me = async (token: string) => (await app.inject({ url: '/me', headers: bearer(token) })).json().code ?? 'passed'
  t.equal(await app.sessions.revoke(phone.sessionId, { sub: 'bob' }), false, "not bob's")
  t.equal(await app.sessions.revoke('unknown'), false)
  t.strictSame([await me(phone.access), await me(refreshed.access_token)], ['passed', 'passed'])
  server.events()
  t.equal(await app.sessions.revoke(phone.sessionId, { sub: 'alice' }), true)
  t.strictSame(server.events(), [{ type: 'session-revoked', sessionId: phone.sessionId, reason: null, here: true }])
  t.strictSame(
    [await me(phone.access), await me(refreshed.access_token)],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN'],
    'all its access tokens'
  )
  t.equal(
    (await app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refreshed.refresh_token } })).json()
      .code,
    'AUTH_REFRESH_INVALID',
    'sign-out closes every window'
  )
  t.equal(await app.sessions.revoke(laptop.sessionId), true, "without sub, whoever's it is")
  t.strictSame(
    (await app.sessions.list('alice')).map(({ id }) => id),
    [nameless.sessionId]
  )

  const other = await server.signIn('bearer')
  const third = await server.signIn('bearer')
  server.events()
  t.equal(await app.sessions.revokeAll('alice', { except: other.sessionId }), 2)
  t.strictSame(
    [await me(nameless.access), await me(third.access), await me(other.access), await me(bobs.access)],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', 'passed', 'passed']
  )
  t.strictSame(server.events().filter(({ type }) => type === 'session-revoked').length, 2)
  t.equal(await app.sessions.revokeAll('alice'), 1)
  t.equal(await app.sessions.revokeAll('alice'), 0)
  t.equal(await me(other.access), 'AUTH_REVOKED_TOKEN')
  t.equal((await store.find(bobs.sessionId)).row?.revokedAt, null)
})

t.test(
  'what one process revokes, another with the same store refuses after its next poll of the revocation log',
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.teardown(() => mock.timers.reset())
    const server = await createApp()
    const session = await server.signIn('cookie')
    const late = await createApp({ plugin: { store: server.store, clock: server.clock } })
    const me = async ({ app }: typeof server) =>
      (await app.inject({ url: '/me', headers: { cookie: session.cookie } })).statusCode
    t.strictSame([await me(server), await me(late)], [200, 200])
    await server.app.sessions.revoke(session.sessionId)
    t.strictSame([await me(server), await me(late)], [401, 200], 'at once here, and not yet there')
    mock.timers.tick(1000)
    await setImmediate()
    t.equal(await me(late), 401, 'a second later')
    const started = await createApp({ plugin: { store: server.store, clock: server.clock } })
    t.equal(await me(started), 401, 'a process that starts loads what is revoked before its first request')
    t.equal(setCookies(await started.app.inject({ url: '/me', headers: { cookie: session.cookie } })).length, 2)
  }
)

t.test("a browser's cookie jar signs in, calls, refreshes, signs out and is refused", async (t) => {
  const server = await createApp({
    after: (app) =>
      app.post('/again', async (_request, reply) => {
        reply.header('set-cookie', 'host=1')
        reply.header('cache-control', 'public, max-age=60')
        await reply.signOut()
        return await reply.signIn({ sub: 'alice', transport: 'cookie' })
      })
  })
  const jar = new Map<string, string>()
  async function visit(method: 'GET' | 'POST', url: string, payload?: object) {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ')
    const response = await server.app.inject({
      method,
      url,
      headers: { cookie, origin: 'http://localhost' },
      ...(payload && { payload })
    })
    for (const { name, value, maxAge } of response.cookies) maxAge === 0 ? jar.delete(name) : jar.set(name, value)
    return response
  }
  t.equal((await visit('POST', '/login', { sub: 'alice', transport: 'cookie' })).statusCode, 200)
  t.equal((await visit('POST', '/me')).statusCode, 200)
  server.clock.advance(700)
  t.equal(summaryOf(await visit('GET', '/me')).code, 'AUTH_EXPIRED_TOKEN')
  const old = jar.get('__Host-access')
  t.equal((await visit('POST', '/refresh')).statusCode, 200)
  t.not(jar.get('__Host-access'), old)
  t.equal((await visit('GET', '/me')).statusCode, 200)
  const stolen = jar.get('__Host-access')!
  const again = await visit('POST', '/again')
  t.strictSame(
    again.cookies.map(({ name, maxAge }) => [name, maxAge === 0]),
    [
      ['host', false],
      ['__Host-access', false],
      ['__Host-refresh', false]
    ],
    "the last value of a name wins, once; the host's stays"
  )
  t.equal(again.headers['cache-control'], 'no-store')
  t.equal(summaryOf(await server.app.inject({ url: '/me', headers: bearer(stolen) })).code, 'AUTH_REVOKED_TOKEN')
  t.equal((await visit('GET', '/me')).statusCode, 200)
  const kept = jar.get('__Host-access')!
  t.equal((await visit('POST', '/logout')).statusCode, 204)
  t.strictSame([...jar.keys()], ['host'])
  t.strictSame(summaryOf(await server.app.inject({ url: '/me', headers: { cookie: `__Host-access=${kept}` } })), {
    status: 401,
    code: 'AUTH_REVOKED_TOKEN',
    challenge: challenges.revoked,
    cookies: [cleared[0]],
    cacheControl: null
  })
  t.strictSame(summaryOf(await visit('GET', '/me')), {
    status: 401,
    code: 'AUTH_NO_CREDENTIALS',
    challenge: challenges.bare,
    cookies: [],
    cacheControl: null
  })
})

t.test(
  'a request that was sent before a sign-in by cookie does not sign the user out when it arrives later',
  async (t) => {
    const late = { ...revoked, cookies: [] }
    const rows: [what: string, retrySeconds: number, afterSeconds: number, isKept: boolean][] = [
      ['immediately', 10, 0, true],
      ['at the end of retrySeconds', 10, 9, true],
      ['after retrySeconds', 10, 10, false],
      ['without retrySeconds', 0, 0, false]
    ]
    for (const [what, retrySeconds, afterSeconds, isKept] of rows) {
      for (const renew of [false, true]) {
        const server = await createApp({ plugin: { cookies: { renew }, refreshToken: { retrySeconds } } })
        const { cookie } = await server.signIn('cookie')
        const again = await server.app.inject({
          method: 'POST',
          url: '/login',
          headers: { cookie },
          payload: { sub: 'alice', transport: 'cookie' }
        })
        t.equal(again.statusCode, 200)
        server.clock.advance(afterSeconds)
        const me = summaryOf(await server.app.inject({ url: '/me', headers: { cookie } }))
        t.strictSame(me, { ...late, cookies: isKept ? [] : cleared }, `${what}, with the replaced access cookie`)
        const refresh = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
        t.strictSame(
          [summaryOf(refresh).code, setCookies(refresh)],
          ['AUTH_REFRESH_INVALID', isKept ? [] : cleared],
          `${what}, with the replaced refresh cookie`
        )
        const byRefresh = { url: '/me', headers: { cookie: cookie.split('; ')[1]! } }
        t.strictSame(
          setCookies(await server.app.inject(byRefresh)),
          renew && !isKept ? cleared : [],
          `${what}, with the replaced refresh cookie alone, and renew ${renew}`
        )
      }
    }
  }
)
