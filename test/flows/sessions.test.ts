import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { challenges, cookieHeader, createApp, seen, setCookies, start, type SignedIn } from '../fixtures/app.ts'

const dayMs = 86_400_000
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test("a cookie sign-in ends the session that the cookies named, whoever's it was (session fixation)", async (t) => {
  const it = await createApp()
  const { app, store } = it
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
        it.clock.advance(3600)
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
      one: await it.signIn('cookie', { sub: 'mallory' }),
      two: await it.signIn('cookie', { sub: 'alice' })
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
      t.equal(await revokedAt(session), (ends as string[]).includes(which) ? it.clock() : null, `${name}: ${which}`)
    }
    t.strictSame(
      it.events().map(({ type }) => type),
      [...ends.map(() => 'session-revoked'), 'session-started']
    )
    for (const end of ends) {
      t.not((await app.inject({ url: '/me', headers: bearer(sessions[end].access) })).statusCode, 200)
    }
    t.equal((await app.inject({ url: '/me', headers: { cookie: cookieHeader(response) } })).json().sub, 'alice')
  }

  const { cookie, sessionId } = await it.signIn('cookie')
  await app.inject({
    method: 'POST',
    url: '/login',
    headers: { cookie },
    payload: { sub: 'alice', transport: 'bearer' }
  })
  await app.inject({ method: 'POST', url: '/login', headers: { cookie }, payload: { sub: '', transport: 'cookie' } })
  t.equal((await store.find(sessionId)).row?.revokedAt, null, 'by bearer, and when it fails, nothing ends')
})

t.test("signIn({ authenticatedAt }) is refused if all the subject's sessions were ended since", async (t) => {
  const it = await createApp()
  const { app, store } = it
  const before = await it.signIn('cookie', { sub: 'carol' })
  it.clock.advance(100)
  await app.sessions.revokeAll('alice')
  it.events()
  const login = (payload: object, headers = {}) =>
    app.inject({ method: 'POST', url: '/login', headers, payload: { sub: 'alice', transport: 'cookie', ...payload } })
  for (const authenticatedAt of [start + 99_999, start, 0, -1]) {
    const refused = await login({ authenticatedAt }, { cookie: before.cookie })
    t.strictSame(
      seen(refused),
      { status: 401, code: 'AUTH_REVOKED_TOKEN', challenge: challenges.revoked, cookies: [], cacheControl: null },
      String(authenticatedAt)
    )
  }
  t.strictSame([await app.sessions.list('alice'), it.events()], [[], []])
  t.equal((await store.find(before.sessionId)).row?.revokedAt, null, 'and ends no other session')
  for (const payload of [
    { authenticatedAt: start + 100_001 },
    { authenticatedAt: start + 200_000 },
    {},
    { sub: 'bob', authenticatedAt: it.clock() - dayMs }
  ]) {
    t.equal((await login(payload)).statusCode, 200, JSON.stringify(payload))
  }
  t.equal(
    seen(await login({ sub: 'bob', authenticatedAt: it.clock() - dayMs - 1 })).code,
    'AUTH_REVOKED_TOKEN',
    'longer ago than anybody remembers'
  )
})

t.test("app.sessions lists and ends a subject's logins", async (t) => {
  const it = await createApp({ plugin: { refreshToken: { idleSeconds: 1000 } } })
  const { app, store } = it
  const phone = await it.signIn('bearer', { device: 'phone' })
  it.clock.advance(60)
  const laptop = await it.signIn('cookie', { device: 'laptop' })
  const nameless = await it.signIn('bearer')
  const bobs = await it.signIn('bearer', { sub: 'bob', device: 'x'.repeat(200) })
  it.clock.advance(60)
  const refreshed = (
    await app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: phone.refresh } })
  ).json()
  it.clock.advance(60)
  await app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: phone.refresh } })
  const at = (seconds: number) => new Date(start + seconds * 1000)
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
  it.events()
  t.equal(await app.sessions.revoke(phone.sessionId, { sub: 'alice' }), true)
  t.strictSame(it.events(), [{ type: 'session-revoked', sessionId: phone.sessionId, reason: null }])
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

  const other = await it.signIn('bearer')
  const third = await it.signIn('bearer')
  it.events()
  t.equal(await app.sessions.revokeAll('alice', { except: other.sessionId }), 2)
  t.strictSame(
    [await me(nameless.access), await me(third.access), await me(other.access), await me(bobs.access)],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', 'passed', 'passed']
  )
  t.strictSame(it.events().filter(({ type }) => type === 'session-revoked').length, 2)
  t.equal(await app.sessions.revokeAll('alice'), 1)
  t.equal(await app.sessions.revokeAll('alice'), 0)
  t.equal(await me(other.access), 'AUTH_REVOKED_TOKEN')
  t.equal((await store.find(bobs.sessionId)).row?.revokedAt, null)
})

t.test('what one process revokes, another over the same store refuses after its next look at the feed', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const it = await createApp()
  const session = await it.signIn('cookie')
  const late = await createApp({ plugin: { store: it.store, clock: it.clock } })
  const me = async ({ app }: typeof it) =>
    (await app.inject({ url: '/me', headers: { cookie: session.cookie } })).statusCode
  t.strictSame([await me(it), await me(late)], [200, 200])
  await it.app.sessions.revoke(session.sessionId)
  t.strictSame([await me(it), await me(late)], [401, 200], 'at once here, and not yet there')
  mock.timers.tick(1000)
  await setImmediate()
  t.equal(await me(late), 401, 'a second later')
  const started = await createApp({ plugin: { store: it.store, clock: it.clock } })
  t.equal(await me(started), 401, 'a process that starts loads what is revoked before its first request')
  t.equal(setCookies(await started.app.inject({ url: '/me', headers: { cookie: session.cookie } })).length, 2)
})
