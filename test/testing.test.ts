import { generateKeyPairSync } from 'node:crypto'
import fastify from 'fastify'
import t from 'tap'
import authenticate, { type AuthEvent, type SessionStore } from '../plugin/index.ts'
import { memoryStore } from '../plugin/stores/memory.ts'
import { createTestAuth } from '../plugin/testing.ts'
import { api, bearer, caller, createApp, login, start } from './fixtures/tested-app.ts'

t.test('as() resolves to headers by which the plugin itself authenticates', async (t) => {
  const { auth, get } = await start(t)
  const headers = await auth.as('alice', { scope: 'notes:read', claims: { plan: 'free' }, roles: ['admin'] })
  t.strictSame(Object.keys(headers), ['authorization'])
  t.strictSame(await get('/notes', headers), ['buy milk'])
  t.equal(await get('/admin', headers), 'welcome')
  const now = auth.clock.now() / 1000
  const { jti, sid, ...claims } = await get('/me', headers)
  t.match({ jti, sid }, { jti: /^[\w-]{22}$/, sid: /^[\w-]{22}$/ })
  t.strictSame(claims, {
    plan: 'free',
    roles: ['admin'],
    iss: api,
    aud: api,
    sub: 'alice',
    exp: now + 600,
    iat: now,
    scope: 'notes:read',
    auth_time: now
  })
})

t.test('as() grants nothing by itself: what is not asked for is missing', async (t) => {
  const { auth, get } = await start(t)
  t.strictSame(await get('/notes', await auth.as('alice')), [403, 'AUTH_INSUFFICIENT_SCOPE'])
  t.strictSame(await get('/admin', await auth.as('alice')), [403, 'AUTH_INSUFFICIENT_ROLE'])
  t.strictSame(await get('/payments', await auth.as('alice')), [401, 'AUTH_STALE_AUTHENTICATION'])
  t.strictSame(await get('/payments', await auth.as('alice', { acr: 'mfa' })), [])
  const authTime = auth.clock.now() / 1000 - 301
  const stale = await auth.as('alice', { acr: 'mfa', authTime })
  t.strictSame(await get('/payments', stale), [401, 'AUTH_STALE_AUTHENTICATION'])
  t.match(await get('/me', await auth.as('alice', { amr: ['pwd', 'otp'] })), { amr: ['pwd', 'otp'] })
})

t.test('as() with transport "cookie" is a browser on a page of the application, or of another site', async (t) => {
  const { auth, get, post } = await start(t, { trustedOrigins: ['https://partner.example.com'] })
  const headers = await auth.as('alice', { transport: 'cookie' })
  t.match(headers, { cookie: /^__Host-access=[\w.-]+; __Host-refresh=[\w.-]+$/, 'sec-fetch-site': 'same-origin' })
  t.match(await get('/me', headers), { sub: 'alice' })
  t.strictSame(await post('/notes', headers), {})

  const attack = await auth.as('alice', { transport: 'cookie', crossSite: true })
  t.match(attack, { origin: 'https://another-site.example', 'sec-fetch-site': 'cross-site' })
  t.strictSame(await post('/notes', attack), [403, 'AUTH_CROSS_SITE'])
  const refused = auth.events.filter(({ type }) => type === 'cross-site-refused')
  t.match(refused, [{ type: 'cross-site-refused', origin: 'https://another-site.example' }])
  t.match(await get('/me', attack), { sub: 'alice' }, 'a request that changes nothing')

  const partner = { transport: 'cookie', crossSite: 'https://partner.example.com' } as const
  t.strictSame(await post('/notes', await auth.as('alice', partner)), {})
  t.strictSame(await post('/notes', await auth.as('alice', { crossSite: true })), {}, 'browsers do not add a token')
  t.strictSame(await post('/login', await auth.as('alice', { crossSite: true })), [403, 'AUTH_CROSS_SITE'])
})

t.test('as() uses the cookie names, the audience and the lifetime of the application', async (t) => {
  const { auth, get } = await start(t, {
    audience: ['https://a.example', 'https://b.example'],
    accessToken: { lifetimeSeconds: 60, type: 'JWT' },
    cookies: { secure: false, access: 'a', refresh: 'r' }
  })
  const headers = await auth.as('alice', { transport: 'cookie' })
  t.match(headers.cookie, /^a=[\w.-]+; r=[\w.-]+$/)
  t.match(await get('/me', headers), { aud: ['https://a.example', 'https://b.example'] })
  auth.clock.advance(59)
  t.match(await get('/me', headers), { sub: 'alice' })
  auth.clock.advance(1)
  t.strictSame(await get('/me', headers), [401, 'AUTH_EXPIRED_TOKEN'])
})

t.test('as() rejects wrong terms, and what the application itself could not sign', async (t) => {
  const { auth } = await start(t)
  const rows: [terms: object | null, message: string][] = [
    [null, 'expected an object with app, issuer, roles, claims, scope, device, authTime, acr, amr, idleSeconds'],
    [{ scopes: ['x'] }, 'unknown member "scopes": expected app, issuer, roles,'],
    [{ persistent: false }, 'unknown member "persistent"'],
    [{ transport: 'header' }, '"transport" must be "bearer" or "cookie"'],
    [{ crossSite: 'partner.example.com' }, '"crossSite" must be true, false or an origin such as'],
    [{ crossSite: 'https://partner.example.com/' }, '"crossSite" must be true, false or an origin such as'],
    [{ roles: ['a'], claims: { roles: ['b'] } }, '"roles" must not be given twice: "claims" has it too'],
    [{ roles: 'admin' }, '"roles" must be a list of strings, such as ["admin"]: received'],
    [{ claims: { exp: 1 } }, 'exp'],
    [{ scope: 'a"b' }, '"scope" must be'],
    [{ authTime: undefined }, '"authTime" is undefined'],
    [{ authTime: Date.now() }, '"authTime" must not be in the future'],
    [{ idleSeconds: undefined }, '"idleSeconds" is undefined']
  ]
  for (const [terms, message] of rows) {
    const rejects = auth.as('alice', terms as never)
    await t.rejects(rejects, { name: 'TypeError', message: new RegExp(message.replace(/[.()[\]]/g, '\\$&')) }, message)
  }
  await t.rejects(auth.as(''), { message: /^"sub" must be a string/ })
  await t.rejects(auth.as('alice', { claims: { text: 'x'.repeat(9000) } }), { code: 'AUTH_TOKEN_TOO_LARGE' })
  const large = { transport: 'cookie', claims: { text: 'x'.repeat(3500) } } as const
  await t.rejects(auth.as('alice', large), { code: 'AUTH_TOKEN_TOO_LARGE' }, 'a cookie that browsers drop')
  t.strictSame(auth.events, [], 'no session was started')

  const withoutCookies = await start(t, { cookies: false })
  const rejects = withoutCookies.auth.as('alice', { transport: 'cookie' })
  await t.rejects(rejects, new TypeError('The application uses no cookies: its option "cookies" is false'))
})

t.test('signIn() starts a session that refreshes, is listed, and ends as any other', async (t) => {
  const { app, auth, get, post } = await start(t)
  const session = await auth.signIn('alice', { device: 'laptop', scope: 'notes:read' })
  const other = await auth.signIn('alice')
  t.strictSame(session.headers, bearer(session.accessToken))
  t.match(await get('/devices', session.headers), [
    { id: session.sessionId, device: 'laptop' },
    { id: other.sessionId }
  ])

  auth.clock.advance(601)
  t.strictSame(await get('/notes', session.headers), [401, 'AUTH_EXPIRED_TOKEN'])
  const refreshed = await post('/refresh', {}, { token: session.refreshToken })
  t.match(refreshed, { token_type: 'Bearer', expires_in: 600, scope: 'notes:read' })
  t.strictSame(await get('/notes', bearer(refreshed.access_token)), ['buy milk'])

  t.equal(await post('/logout', bearer(refreshed.access_token)), '')
  t.strictSame(await get('/notes', bearer(refreshed.access_token)), [401, 'AUTH_REVOKED_TOKEN'])
  t.equal(await app.sessions.revokeAll('alice'), 1, 'the other session')
  t.strictSame(await post('/refresh', {}, { token: other.refreshToken }), [401, 'AUTH_REFRESH_INVALID'])

  const browser = await auth.as('bob', { transport: 'cookie' })
  t.match(await post('/refresh', browser), { expires_in: 600 }, 'both cookies are sent')
  t.equal(await post('/logout', browser), '')
  t.strictSame(await get('/me', browser), [401, 'AUTH_REVOKED_TOKEN'])
})

t.test('signOut() ends all sessions of a user immediately, in every application of the kit', async (t) => {
  const one = await start(t)
  const two = await start(t, { auth: one.auth })
  const { auth } = one
  const headers = [await auth.as('alice'), await auth.as('alice', { transport: 'cookie', app: one.app })] as const
  const bob = await auth.as('bob')
  for (const { get } of [one, two]) t.match(await get('/me', headers[0]), { sub: 'alice' })
  t.equal(await auth.signOut('alice'), 2)
  for (const { get } of [one, two]) {
    for (const each of headers) t.strictSame(await get('/me', each), [401, 'AUTH_REVOKED_TOKEN'])
    t.match(await get('/me', bob), { sub: 'bob' })
  }
  t.equal(await auth.signOut('alice'), 0)
  for (const sub of ['', undefined]) await t.rejects(auth.signOut(sub as never), { message: /^"sub" must be/ })
  t.match(await two.get('/me', await auth.as('alice')), { sub: 'alice' }, 'and she can sign in again')
})

t.test('clock stands still until advance(), and starts at a whole second', async (t) => {
  const before = Date.now()
  const { clock, options } = createTestAuth()
  const startedAt = clock.now()
  t.ok(startedAt % 1000 === 0 && startedAt > before - 1000 && startedAt <= Date.now())
  t.equal(options.clock, clock.now)
  const { now, advance } = clock
  advance(1.5)
  t.equal(now(), startedAt + 1500)
  for (const seconds of [0, -1, NaN, Infinity, '1', undefined]) {
    t.throws(() => advance(seconds as never), { name: 'RangeError', message: /^"seconds" must be a number above 0/ })
  }
  let time = 5000
  const following = createTestAuth({ clock: () => time }).clock
  following.advance(10)
  t.equal(following.now(), 15_000)
  time = 6000
  t.equal(following.now(), 16_000)
  t.throws(() => createTestAuth({ clock: 5 as never }), { message: /^"clock" must be a function/ })
  t.throws(() => createTestAuth({ now: 5 } as never), { message: 'unknown member "now": expected clock' })
})

t.test('clock.advance() is a pause: sessions expire, and nothing else is noticed', async (t) => {
  for (const whenStale of ['accept', 'refuse', 'ask'] as const) {
    const { auth, get, post } = await start(t, { revocation: { whenStale } })
    const { refreshToken } = await auth.signIn('alice')
    auth.clock.advance(6 * 24 * 3600)
    t.match(await post('/refresh', {}, { token: refreshToken }), { token_type: 'Bearer' }, whenStale)
    t.match(await get('/me', await auth.as('alice')), { sub: 'alice' }, whenStale)
    auth.clock.advance(400 * 24 * 3600)
    t.strictSame(await post('/refresh', {}, { token: refreshToken }), [401, 'AUTH_REFRESH_INVALID'], whenStale)
    const types = auth.events.map(({ type }) => type)
    t.strictSame(types, ['session-started', 'session-refreshed', 'session-started', 'token-refused'], whenStale)
  }
})

t.test('events has what happened in the applications of this kit, and onEvent is called too', async (t) => {
  const heard: AuthEvent[] = []
  const { auth, get } = await start(t, { onEvent: (event) => heard.push(event) })
  const stranger = await start(t)
  await stranger.auth.as('mallory')
  const { sessionId, headers } = await auth.signIn('alice', { transport: 'cookie' })
  await get('/notes', headers)
  await auth.signOut('alice')
  const detail = 'the scopes notes:read are required'
  t.strictSame(auth.events, [
    { type: 'session-started', sub: 'alice', sessionId, transport: 'cookie' },
    { type: 'token-refused', code: 'AUTH_INSUFFICIENT_SCOPE', detail, source: 'cookie' },
    { type: 'session-revoked', sessionId, reason: null, here: true }
  ])
  t.strictSame(heard, auth.events)
  auth.events.length = 0
  await get('/me', {})
  t.match(auth.events, [{ type: 'token-refused', code: 'AUTH_NO_CREDENTIALS' }])
  t.match(stranger.auth.events, [{ type: 'session-started', sub: 'mallory' }])
})

t.test('storageState() has the cookies as Playwright takes them', async (t) => {
  const { auth, get } = await start(t)
  const { cookies, origins } = await auth.storageState('alice', { url: 'http://localhost:3000/x', scope: 'notes:read' })
  t.strictSame(origins, [])
  const attributes = { domain: 'localhost', path: '/', httpOnly: true, secure: true, sameSite: 'Lax' }
  t.match(cookies, [
    { name: '__Host-access', ...attributes },
    { name: '__Host-refresh', ...attributes }
  ])
  const inSeconds = cookies.map(({ expires }) => expires - Date.now() / 1000)
  t.ok(inSeconds.every((seconds) => Math.abs(seconds - 14 * 24 * 3600) < 60))
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  t.strictSame(await get('/notes', { cookie }), ['buy milk'])

  const shared = await start(t, { cookies: { domain: 'example.com', sameSite: 'none' } })
  const terms = { url: 'https://app.example.com', persistent: false }
  t.match((await shared.auth.storageState('alice', terms)).cookies[0], {
    name: '__Secure-access',
    domain: '.example.com',
    sameSite: 'None',
    expires: -1
  })
  await t.rejects(auth.storageState('alice', { ...terms, crossSite: true } as never), { message: /"crossSite"/ })
  const { auth: none } = await start(t, { cookies: false })
  await t.rejects(none.storageState('alice', terms), { message: /uses no cookies/ })
})

t.test('options leaves keys, trusted issuers and their mapping to the application', async (t) => {
  const privateKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  let calls = 0
  const keys = async () => [{ key: privateKey, kid: `call-${++calls}` }]
  const auth = createTestAuth()
  const entry = { audience: api, map: () => ({ scope: 'notes:read' }) }
  const { app, get } = await start(t, { auth, keys, trustedIssuers: [auth.issuer(login).trust(entry)] })
  t.strictSame(Object.keys(auth.options), ['clock', 'secret', 'store'])
  t.match(auth.options.secret, /^[\w-]{43}$/, '32 random bytes')
  t.not(auth.options.secret, createTestAuth().options.secret)
  t.match(await app.keys.jwks(), { keys: [{ kid: 'call-1' }] }, 'an async function is called')
  const [header] = (await auth.signIn('alice')).accessToken.split('.')
  t.match(JSON.parse(Buffer.from(header!, 'base64url').toString()), { alg: 'EdDSA', kid: 'call-1' })
  t.match(await get('/me', await auth.as('alice')), { sub: 'alice' })
  t.match(await get('/partners', bearer(await auth.issuer(login).token())), { issuer: login, scopes: ['notes:read'] })
})

t.test('an application is found if it is open and has registered the options', async (t) => {
  const auth = createTestAuth()
  const none =
    /^No application that is open has registered fastify-authenticate with the options of this createTestAuth\(\)\. /
  await t.rejects(auth.as('alice'), { name: 'Error', message: none })
  t.equal(await auth.signOut('alice'), 0)

  const app = createApp(auth.options)
  await t.rejects(auth.as('alice'), { message: none }, 'register() was not awaited')
  const call = caller(app)
  t.match(await call.get('/me', await auth.as('alice', { app })), { sub: 'alice' }, 'app is made ready')
  t.match(await call.get('/me', await auth.as('alice')), { sub: 'alice' })

  const again = createApp(auth.options)
  await again.ready()
  const headers = await auth.as('alice')
  for (const each of [call, caller(again)]) t.match(await each.get('/me', headers), { sub: 'alice' })
  await app.close()
  await t.rejects(auth.as('alice', { app }), { message: /^Not this application, or it is closed: it has registered/ })
  t.match(await caller(again).get('/me', await auth.as('alice')), { sub: 'alice' })
  await again.close()
  await t.rejects(auth.as('alice'), { message: none })

  const last = await start(t, { auth })
  t.match(await last.get('/me', headers), { sub: 'alice' }, 'the sessions survive: the store is the kit’s')
  await start(t)
  await t.rejects(auth.as('alice', { issuer: 'https://other.example' }), {
    message: /has registered fastify-authenticate with "issuer" "https:\/\/other\.example" with the options/
  })
})

t.test('as() needs no ready(), so that routes can still be added', async (t) => {
  const auth = createTestAuth()
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(authenticate, { issuer: api, ...auth.options })
  const headers = await auth.as('alice')
  app.get('/late', { config: { auth: true } }, async ({ user }) => user.sub)
  t.equal((await app.inject({ url: '/late', headers })).body, 'alice')
})

t.test('"app" and "issuer" choose one of several registrations', async (t) => {
  const auth = createTestAuth()
  const app = fastify()
  t.teardown(() => app.close())
  const scopes: (typeof app)[] = []
  for (const name of ['users', 'admin']) {
    app.register(async (scope) => {
      scopes.push(scope as never)
      const cookies = { access: `${name}-access`, refresh: `${name}-refresh` }
      await scope.register(authenticate, { issuer: `https://${name}.example.com`, cookies, ...auth.options })
      scope.get(`/${name}`, { config: { auth: true } }, async ({ user }) => user.iss)
    })
  }
  const message =
    'Several registrations use these options: issuer "https://users.example.com" with audience ' +
    'https://users.example.com and the cookies users-access and users-refresh, and issuer ' +
    '"https://admin.example.com" with audience https://admin.example.com and the cookies admin-access and ' +
    'admin-refresh. Name one by the member "app" or "issuer"'
  await t.rejects(auth.as('alice', { app }), { message })
  await t.rejects(auth.as('alice'), { message })
  for (const [index, name] of ['users', 'admin'].entries()) {
    const issuer = `https://${name}.example.com`
    const headers = [
      await auth.as('alice', { issuer }),
      await auth.as('alice', { app: scopes[index]! }),
      await auth.as('alice', { app, issuer, transport: 'cookie' })
    ]
    for (const each of headers) t.equal((await app.inject({ url: `/${name}`, headers: each })).body, issuer)
  }
  t.equal(await auth.signOut('alice'), 6)
})

t.test(
  'createTestAuth({ store }) keeps the sessions in a store of the application, with the clock of the kit',
  async (t) => {
    /** An instance of a class, whose methods need their `this`. */
    class AppStore {
      readonly #insert: SessionStore['insert']
      readonly subjects: string[] = []
      constructor({ insert, ...memory }: SessionStore) {
        Object.assign(this, memory)
        this.#insert = insert
      }

      insert(...[row, input]: Parameters<SessionStore['insert']>) {
        this.subjects.push(row.sub)
        return this.#insert(row, input)
      }
    }
    const stores: AppStore[] = []
    function store(settings: { readonly clock: () => number }) {
      stores.push(new AppStore(memoryStore(settings)))
      return stores[0] as AppStore & SessionStore
    }
    const { auth, app } = await start(t, { auth: createTestAuth({ store }) })
    const headers = await auth.as('alice')
    t.strictSame(
      stores.map(({ subjects }) => subjects),
      [['alice']]
    )
    t.equal((await app.inject({ url: '/me', headers })).statusCode, 200)
    auth.clock.advance(601)
    t.equal((await app.inject({ url: '/me', headers })).json().code, 'AUTH_EXPIRED_TOKEN')
    for (const wrong of [memoryStore(), () => undefined, async () => memoryStore()]) {
      t.throws(() => createTestAuth({ store: wrong as never }), {
        name: 'TypeError',
        message: '"store" must be a function that returns a SessionStore'
      })
    }
  }
)

t.test('createTestAuth() throws in production, and so does a registration with its options', async (t) => {
  const before = process.env.NODE_ENV
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })
  const { options } = createTestAuth()
  process.env.NODE_ENV = 'production'
  const message = 'createTestAuth() must not be called when NODE_ENV is "production"'
  const store = () => t.fail('the database of production was opened') as never
  for (const given of [{}, { store }]) t.throws(() => createTestAuth(given), { name: 'Error', message })
  for (const store of [options.store!, { ...options.store! }]) {
    await t.rejects(start(t, { ...options, auth: { options: { store } } as never }), {
      name: 'TypeError',
      message:
        'Cannot register fastify-authenticate: "store" must not be the store of createTestAuth() when NODE_ENV is ' +
        '"production"'
    })
  }
})
