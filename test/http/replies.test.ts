import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { AuthError, refusal, refusals, type RefusalCode } from '../../plugin/errors.ts'
import type { AuthEvent, SessionStore, SignIn } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createRefreshTokens } from '../../plugin/tokens/refresh-token.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import {
  challenges,
  clearing,
  createApp,
  createClock,
  issuer,
  secret,
  summaryOf,
  setCookies,
  epoch,
  type SignedIn,
  type TestApp,
  type TestOptions
} from '../fixtures/app.ts'

const day = 86_400
const cleared = [clearing('__Host-access'), clearing('__Host-refresh')]
const unavailable = { status: 503, code: 'AUTH_STORE_UNAVAILABLE', challenge: null, cookies: [], cacheControl: null }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

t.test('every refusal is in the catalogue, with its status, its message and its challenge', async (t) => {
  t.strictSame(
    Object.fromEntries(
      Object.entries(refusals).map(([code, { status, message, ...rest }]) => [
        code,
        [status, 'challenge' in rest ? rest.challenge : 'none', message]
      ])
    ),
    {
      AUTH_NO_CREDENTIALS: [401, null, 'Authentication is required'],
      AUTH_MALFORMED_CREDENTIALS: [400, 'invalid_request', 'The credentials are malformed'],
      AUTH_INVALID_TOKEN: [401, 'invalid_token', 'The access token is invalid'],
      AUTH_EXPIRED_TOKEN: [401, 'invalid_token', 'The access token has expired'],
      AUTH_REVOKED_TOKEN: [401, 'invalid_token', 'The access token has been revoked'],
      AUTH_INSUFFICIENT_SCOPE: [403, 'insufficient_scope', 'The access token lacks a scope that is needed here'],
      AUTH_INSUFFICIENT_ROLE: [403, 'insufficient_scope', 'A role that is needed here is missing'],
      AUTH_CROSS_SITE: [403, 'none', 'The request came from another site'],
      AUTH_REFRESH_INVALID: [401, 'invalid_token', 'The refresh token is invalid'],
      AUTH_REFRESH_REUSED: [401, 'invalid_token', 'The refresh token was used before: the session has been ended'],
      AUTH_REFRESH_SUPERSEDED: [
        401,
        'invalid_token',
        'The refresh token was replaced: read your stored token again and do not resend this one'
      ],
      AUTH_STORE_UNAVAILABLE: [503, 'none', 'Sessions are unavailable at the moment'],
      AUTH_KEYS_UNAVAILABLE: [503, 'none', 'Keys are unavailable at the moment'],
      AUTH_TOKEN_TOO_LARGE: [500, 'none', 'The access token is too large']
    }
  )
})

t.test('refusal() is an answer: no stack, a detail that nothing serializes, headers of its own', async (t) => {
  const limit = Error.stackTraceLimit
  for (const code of Object.keys(refusals) as RefusalCode[]) {
    const cause = new Error('the cause')
    const error = refusal(code, 'the precise reason', { cause })
    const { status, message } = refusals[code]
    t.type(error, AuthError)
    t.match(error, { name: 'AuthError', code, statusCode: status, message, detail: 'the precise reason', cause })
    t.match(error.stack, new RegExp(`^\\w+: ${message}$`), 'no frames')
    t.strictSame(Object.keys(error).sort(), ['code', 'headers', 'name', 'statusCode'], 'nothing more is enumerable')
    t.notMatch(JSON.stringify(error), /precise|cause/)
    t.notMatch(JSON.stringify({ ...error }), /precise|cause/)
    t.strictSame(error.headers, status === 503 ? { 'retry-after': '2' } : {})
    t.not(refusal(code).headers, error.headers, 'headers are not shared')
    t.equal(refusal(code).detail, message)
    t.equal(Object.isFrozen(error), false)
  }
  t.equal(Error.stackTraceLimit, limit, 'the limit is restored')
  t.match(new Error('x').stack, /replies\.test/)
  t.throws(() => refusal('NONE' as never), TypeError)
  t.equal(Error.stackTraceLimit, limit, 'also after a fault')
})

t.test('reply.signIn() by bearer answers RFC 6749 §5.1, and sets and ends nothing', async (t) => {
  const server = await createApp()
  const before = await server.signIn('cookie')
  server.events()
  const login = (payload: object) =>
    server.app.inject({
      method: 'POST',
      url: '/login',
      headers: { cookie: before.cookie },
      payload: { sub: 'alice', transport: 'bearer', ...payload }
    })
  const response = await login({
    scope: 'a b',
    claims: { roles: ['admin'], deep: { list: [1, null] } },
    device: 'phone'
  })
  const { access_token: access, refresh_token: refresh } = response.json()
  t.strictSame(response.json(), {
    access_token: access,
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: refresh,
    scope: 'a b'
  })
  t.strictSame(summaryOf(response), { status: 200, code: null, challenge: null, cookies: [], cacheControl: 'no-store' })
  const { jti, sid, ...claims } = claimsOf(access)
  t.strictSame(claims, {
    roles: ['admin'],
    deep: { list: [1, null] },
    iss: issuer,
    aud: issuer,
    sub: 'alice',
    iat: epoch / 1000,
    exp: epoch / 1000 + 600,
    scope: 'a b'
  })
  t.match(jti, /^[\w-]{22}$/)
  t.match(refresh, new RegExp(`^rt1\\.${sid}\\.0\\.[\\w-]{43}$`))
  t.strictSame(server.events(), [{ type: 'session-started', sub: 'alice', sessionId: sid, transport: 'bearer' }])
  t.notOk('scope' in (await login({})).json(), 'no scope, no member')
  t.notOk('scope' in claimsOf((await login({ scope: '' })).json().access_token), 'nor a claim')
  t.equal((await server.store.find(before.sessionId)).row?.revokedAt, null)
})

t.test('reply.signIn() by cookie sets both cookies, and has no token in the body', async (t) => {
  const rows: [string, TestOptions['plugin'], string[], string, Partial<SignIn>?][] = [
    ['by default', {}, ['__Host-access', '__Host-refresh'], 'Max-Age=1209600; Path=/; HttpOnly; Secure; SameSite=Lax'],
    [
      'strict, with names',
      { cookies: { sameSite: 'strict', access: '__Host-a', refresh: '__Secure-r' } },
      ['__Host-a', '__Secure-r'],
      'Max-Age=1209600; Path=/; HttpOnly; Secure; SameSite=Strict'
    ],
    [
      'none',
      { cookies: { sameSite: 'none' } },
      ['__Host-access', '__Host-refresh'],
      'Max-Age=1209600; Path=/; HttpOnly; Secure; SameSite=None'
    ],
    [
      'a domain',
      { cookies: { domain: 'example.com' } },
      ['__Secure-access', '__Secure-refresh'],
      'Max-Age=1209600; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax'
    ],
    [
      'not secure',
      { cookies: { secure: false } },
      ['access', 'refresh'],
      'Max-Age=1209600; Path=/; HttpOnly; SameSite=Lax'
    ],
    [
      "the session's idle expiry",
      { refreshToken: { idleSeconds: 1000 } },
      ['__Host-access', '__Host-refresh'],
      'Max-Age=1000; Path=/; HttpOnly; Secure; SameSite=Lax'
    ],
    [
      'at most 400 days',
      { refreshToken: { idleSeconds: 500 * day, absoluteSeconds: 600 * day } },
      ['__Host-access', '__Host-refresh'],
      `Max-Age=${400 * day}; Path=/; HttpOnly; Secure; SameSite=Lax`
    ]
  ]
  for (const [name, plugin, names, attributes] of rows) {
    const server = await createApp({ plugin: plugin! })
    const response = await server.app.inject({
      method: 'POST',
      url: '/login',
      payload: { sub: 'alice', transport: 'cookie', scope: 'a' }
    })
    const [access, refresh] = response.cookies.map(({ value }) => value) as [string, string]
    t.strictSame(response.json(), { session_id: claimsOf(access).sid, expires_in: 600 })
    t.strictSame(
      summaryOf(response),
      {
        status: 200,
        code: null,
        challenge: null,
        cookies: [`${names[0]}=${access}; ${attributes}`, `${names[1]}=${refresh}; ${attributes}`],
        cacheControl: 'no-store'
      },
      name
    )
    t.match(refresh, /^rt1\./)
    t.match(server.events(), [{ type: 'session-started', transport: 'cookie', sessionId: claimsOf(access).sid }])
    const signOut = await server.app.inject({
      method: 'POST',
      url: '/logout',
      headers: { cookie: `${names[0]}=${access}` }
    })
    const domain = plugin!.cookies && plugin!.cookies.domain
    const flags = attributes.replace(/^Max-Age=\d+; (Domain=[^;]+; )?Path=\/; /, '')
    const clearings = (name: string) => [clearing(name, flags), ...(domain ? [clearing(name, flags, domain)] : [])]
    const elsewhere = (name: string) => (name.startsWith('__Host-') ? [] : [clearing(name, flags, '', '/logout')])
    t.strictSame(
      setCookies(signOut),
      names.flatMap((name) => [...clearings(name), ...elsewhere(name)]),
      `${name}: cleared as they were set, and wherever else the browser may have had them from`
    )
  }
})

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
  'reply.signIn() refuses what cannot be delivered before anything is written, and says which claims are large',
  async (t) => {
    const errors: AuthError[] = []
    const server = await createApp({
      before: (app) =>
        app.setErrorHandler((error, _request, reply) => {
          errors.push(error as AuthError)
          reply.send(error)
        })
    })
    const login = (transport: string, length: number) =>
      server.app.inject({
        method: 'POST',
        url: '/login',
        payload: { sub: 'alice', transport, claims: { small: 1, large: 'x'.repeat(length), other: 'y'.repeat(20) } }
      })
    const lineOf = (response: Awaited<ReturnType<typeof login>>) => setCookies(response)[0]!.length

    const refused = await login('cookie', 4000)
    t.strictSame(summaryOf(refused), {
      status: 500,
      code: 'AUTH_TOKEN_TOO_LARGE',
      challenge: null,
      cookies: [],
      cacheControl: null
    })
    t.match(
      errors.splice(0)[0]!.detail,
      /^its cookie would be \d{4} bytes, and browsers drop more than 4096\. The largest claims: large \(4002 bytes\), other \(22 bytes\), small \(1 bytes\)$/
    )
    t.strictSame(await server.app.sessions.list('alice'), [])
    t.strictSame(server.events(), [])
    t.equal((await login('bearer', 4000)).statusCode, 200, 'a header holds it')
    t.equal(summaryOf(await login('bearer', 8000)).code, 'AUTH_TOKEN_TOO_LARGE')
    t.match(
      errors.splice(0)[0]!.detail,
      /^the token would exceed 8192 bytes\. The largest claims: large \(8002 bytes\)/
    )

    // The length grows by 4 characters with 3 bytes: somewhere in here is the last that fits.
    let fits = 2500
    while ((await login('cookie', fits + 1)).statusCode === 200) fits++
    const longest = lineOf(await login('cookie', fits))
    t.ok(longest <= 4096 && longest > 4080, `${longest} bytes are the last that fit`)
  }
)

t.test('reply.signIn() names what is no sign-in, and starts nothing', async (t) => {
  const server = await createApp()
  const rows: [object, string][] = [
    [{ transport: undefined }, '"transport" must be "bearer" or "cookie"'],
    [{ transport: 'header' }, '"transport" must be "bearer" or "cookie"'],
    [
      { revokeOther: true },
      'unknown member "revokeOther": expected sub, claims, scope, transport, device, authenticatedAt, revokeOthers or crossSite'
    ],
    [
      { roles: ['admin'] },
      'unknown member "roles": expected sub, claims, scope, transport, device, authenticatedAt, revokeOthers or crossSite'
    ],
    [{ crossSite: 'false' }, '"crossSite" must be true or false'],
    [{ sub: undefined }, '"sub" must be a non-empty, well-formed string of at most 1000 bytes'],
    [{ sub: '' }, '"sub" must be a non-empty, well-formed string of at most 1000 bytes'],
    [{ sub: 7 }, '"sub" must be a non-empty, well-formed string of at most 1000 bytes'],
    [{ claims: [] }, '"claims" must be an object'],
    [{ claims: null }, '"claims" must be an object'],
    [{ claims: 'admin' }, '"claims" must be an object'],
    ...['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'sid', 'scope'].map((name): [object, string] => [
      { claims: { [name]: 'x' } },
      `"claims" must not contain "${name}": the plugin sets it`
    ]),
    [{ scope: ['a'] }, '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)'],
    [{ scope: 'a  b' }, '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)'],
    [{ scope: ' a' }, '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)'],
    [{ scope: 'a"b' }, '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)'],
    [{ device: 'x'.repeat(201) }, '"device" must be a string of at most 200 characters'],
    [{ device: 7 }, '"device" must be a string of at most 200 characters'],
    [{ authenticatedAt: 'now' }, '"authenticatedAt" must be a time in milliseconds']
  ]
  for (const [input, message] of rows) {
    const response = await server.app.inject({
      method: 'POST',
      url: '/login',
      payload: { sub: 'alice', transport: 'cookie', ...input }
    })
    t.strictSame(
      [response.statusCode, response.json().message, setCookies(response)],
      [500, message, []],
      JSON.stringify(input)
    )
  }
  t.strictSame(await server.app.sessions.list('alice'), [])
  t.equal((await server.signIn('cookie', { device: 'x'.repeat(200) })).response.statusCode, 200)

  const without = await createApp({ plugin: { cookies: false } })
  const response = await without.app.inject({
    method: 'POST',
    url: '/login',
    payload: { sub: 'alice', transport: 'cookie' }
  })
  t.strictSame(
    [response.statusCode, response.json().message],
    [500, 'signIn() with transport "cookie" requires the option "cookies"']
  )
})

t.test('reply.signIn() by cookie over plain http warns once, unless the host is a loopback one', async (t) => {
  const warning = /plain http.*"trustProxy".*"cookies\.secure"/
  const rows: [string, boolean, TestOptions?][] = [
    ['localhost:3000', false],
    ['app.localhost', false],
    ['127.0.0.1:3000', false],
    ['127.1.2.3', false],
    ['[::1]:3000', false],
    ['api.example.com', true],
    ['localhost.example.com', true],
    ['192.168.0.1', true],
    ['127.0.0.1.example.com', true],
    ['api.example.com', false, { plugin: { cookies: { secure: false } } }],
    ['api.example.com', true, { server: { trustProxy: true } }]
  ]
  for (const [host, warned, options] of rows) {
    const server = await createApp(options)
    for (let time = 0; time < 2; time++) await server.signIn('cookie', {}, { host })
    const warnings = server.warnings()
    t.equal(warnings.length, warned ? 1 : 0, host)
    if (warned) t.match(warnings[0], warning)
  }
  const proxied = await createApp({ server: { trustProxy: true } })
  await proxied.signIn('cookie', {}, { host: 'api.example.com', 'x-forwarded-proto': 'https' })
  await proxied.signIn('bearer', {}, { host: 'api.example.com' })
  t.strictSame(proxied.warnings(), [])
})

t.test('reply.signOut() ends the session that is named, and succeeds where there is none', async (t) => {
  const server = await createApp()
  const { app, store } = server
  const logout = (headers: Record<string, string>, payload?: object) =>
    app.inject({ method: 'POST', url: '/logout', headers, ...(payload && { payload }) })
  const foreign = await (await createApp({ plugin: { issuer: 'https://other.example' } })).signIn('cookie')
  const forged = await (
    await createApp({ plugin: { secret: 'some other secret, of 32 bytes at least' } })
  ).signIn('cookie')
  const mint = async (id: string, generation: number, sessionKey?: string) =>
    createRefreshTokens({ issuer, secrets: readSecrets(secret) }).issue({
      sessionId: id,
      generation,
      sessionKey: sessionKey ?? (await store.find(id)).row!.sessionKey
    })

  type Named = (
    one: SignedIn,
    two: SignedIn
  ) =>
    { headers?: Record<string, string>; body?: unknown } | Promise<{ headers?: Record<string, string>; body?: unknown }>
  const rows: [string, Named, ('one' | 'two')[], boolean][] = [
    ['by body', (one) => ({ body: one.refresh }), ['one'], false],
    [
      'by body, an older generation',
      async (one) => {
        await store.rotate(one.sessionId, { from: 0, to: 7, minAgeMs: 0, idleMs: 1e9, accessLifetimeSeconds: 600 })
        return { body: one.refresh }
      },
      ['one'],
      false
    ],
    ['by body, a newer generation', async (one) => ({ body: await mint(one.sessionId, 99) }), ['one'], false],
    [
      'by body, before header and cookies',
      (one, two) => ({ body: one.refresh, headers: { ...bearer(two.access), cookie: two.cookie } }),
      ['one'],
      false
    ],
    [
      'by header, before cookies',
      (one, two) => ({ headers: { ...bearer(one.access), cookie: two.cookie } }),
      ['one'],
      false
    ],
    [
      'by header, expired',
      (one) => {
        server.clock.advance(3600)
        return { headers: bearer(one.access) }
      },
      ['one'],
      false
    ],
    ['by cookies', (one) => ({ headers: { cookie: one.cookie } }), ['one'], true],
    [
      'by cookies beside Basic',
      (one) => ({ headers: { cookie: one.cookie, authorization: 'Basic eDp5' } }),
      ['one'],
      true
    ],
    [
      'by the access cookie, expired',
      (one) => {
        server.clock.advance(3600)
        return { headers: { cookie: `__Host-access=${one.access}` } }
      },
      ['one'],
      true
    ],
    ['by the refresh cookie', (one) => ({ headers: { cookie: `__Host-refresh=${one.refresh}` } }), ['one'], true],
    [
      'by cookies that name two',
      (one, two) => ({ headers: { cookie: `__Host-access=${one.access}; __Host-refresh=${two.refresh}` } }),
      ['one', 'two'],
      true
    ],
    [
      'by cookies, one of them twice',
      (one, two) => ({ headers: { cookie: `__Host-access=${one.access}; __Host-access=${two.access}` } }),
      ['one', 'two'],
      true
    ],
    ['nothing', () => ({}), [], false],
    ['by other cookies', (one) => ({ headers: { cookie: `access=${one.access}` } }), [], false],
    ['by forged cookies', () => ({ headers: { cookie: forged.cookie } }), [], true],
    ["by another issuer's cookies", () => ({ headers: { cookie: foreign.cookie } }), [], false],
    ['by malformed cookies', () => ({ headers: { cookie: '__Host-access=x; __Host-refresh=y' } }), [], true],
    ['by a malformed body', () => ({ body: 'x' }), [], false],
    ['by an empty body', () => ({ body: '' }), [], false],
    ['by a body with a bad mac', (one) => ({ body: `${one.refresh.slice(0, -4)}AAAA` }), [], false],
    [
      'by a body with the secret but no session key',
      async (one) => ({ body: await mint(one.sessionId, 0, 'no session key of ours') }),
      [],
      false
    ],
    ['by an unknown session', async () => ({ body: await mint('A'.repeat(22), 0, 'sessionKey') }), [], false],
    ['by a malformed body, a cookie beside it', (one) => ({ body: 'x', headers: { cookie: one.cookie } }), [], false]
  ]
  for (const [name, named, ends, clears] of rows) {
    const sessions = { one: await server.signIn('cookie'), two: await server.signIn('cookie', { sub: 'bob' }) }
    const { headers = {}, body } = await named(sessions.one, sessions.two)
    const response = await logout(headers, body === undefined ? undefined : { refresh_token: body })
    t.strictSame(
      summaryOf(response),
      { status: 204, code: null, challenge: null, cookies: clears ? cleared : [], cacheControl: null },
      name
    )
    for (const [which, { sessionId, access }] of Object.entries(sessions)) {
      const ended = (ends as string[]).includes(which)
      t.equal((await store.find(sessionId)).row?.revokedAt, ended ? server.clock() : null, `${name}: ${which}`)
      if (!name.includes('expired')) {
        t.equal((await app.inject({ url: '/me', headers: bearer(access) })).statusCode, ended ? 401 : 200)
      }
    }
    // What the store has lost may live on in access tokens: the first half of the mac suffices to end it.
    t.equal(
      server.events().filter(({ type }) => type === 'session-revoked').length,
      name === 'by an unknown session' ? 1 : ends.length,
      name
    )
  }

  const { cookie, sessionId, refresh } = await server.signIn('cookie')
  for (const body of [null, 1, [], {}, false, [refresh]]) {
    t.strictSame(
      summaryOf(await logout({ cookie }, { refresh_token: body })),
      {
        status: 400,
        code: 'AUTH_MALFORMED_CREDENTIALS',
        challenge: challenges.malformed,
        cookies: [],
        cacheControl: null
      },
      JSON.stringify(body)
    )
  }
  t.equal((await store.find(sessionId)).row?.revokedAt, null)
  for (let time = 0; time < 3; time++) t.equal((await logout({ cookie })).statusCode, 204, 'again and again')
  const { revokedAt } = (await store.find(sessionId)).row!
  server.clock.advance(5)
  await logout({ cookie })
  t.equal((await store.find(sessionId)).row?.revokedAt, revokedAt)
  t.strictSame(server.warnings(), [])
})

t.test('reply.signOut() ends a session that the store has lost too, here and everywhere', async (t) => {
  const lost = memoryStore({ clock: createClock() })
  const store = memoryStore({ clock: createClock() })
  const before = await createApp({ plugin: { store: lost } })
  const [here, elsewhere] = [await createApp({ plugin: { store } }), await createApp({ plugin: { store } })]
  const { access, cookie } = await before.signIn('cookie')
  const headers = bearer(access)
  t.equal(
    (await here.app.inject({ url: '/me', headers })).statusCode,
    200,
    'same secret, no rows: an access token needs none'
  )
  t.equal((await here.app.inject({ method: 'POST', url: '/logout', headers: { cookie } })).statusCode, 204)
  t.equal(summaryOf(await here.app.inject({ url: '/me', headers })).code, 'AUTH_REVOKED_TOKEN')
  t.match(
    await store.readRevocations(null, 10),
    { entries: [{ kind: 'session', until: epoch + 86_460_000 }] },
    'others hear of it'
  )
  t.equal((await elsewhere.app.inject({ method: 'POST', url: '/logout', headers })).statusCode, 204, 'again and again')
  t.equal((await store.readRevocations(null, 10)).entries.length, 1)
})

t.test(
  'reply.signOut() when the store fails is 503: cookies cleared, refused here at once, the revoke retried',
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.teardown(() => mock.timers.reset())
    const clock = createClock()
    const memory = memoryStore({ clock })
    let down = false
    const failing =
      <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
      async (...args: A) => {
        if (down) throw new Error('down')
        return await method(...args)
      }
    const store: SessionStore = {
      ...memory,
      find: failing(memory.find),
      revoke: failing(memory.revoke),
      readRevocations: failing(memory.readRevocations),
      insert: failing(memory.insert),
      list: failing(memory.list),
      revokeAll: failing(memory.revokeAll),
      appendRevocations: failing(memory.appendRevocations)
    }
    const server = await createApp({ plugin: { store, clock } })
    t.teardown(() => server.app.close())
    const ways: [string, (session: SignedIn) => object, readonly string[]][] = [
      ['by cookies', ({ cookie }) => ({ headers: { cookie } }), cleared],
      ['by the refresh cookie', ({ refresh }) => ({ headers: { cookie: `__Host-refresh=${refresh}` } }), cleared],
      ['by header', ({ access }) => ({ headers: bearer(access) }), []],
      ['by body', ({ refresh }) => ({ payload: { refresh_token: refresh } }), []]
    ]
    for (const [name, named, cookies] of ways) {
      const session = await server.signIn('cookie')
      down = true
      const response = await server.app.inject({ method: 'POST', url: '/logout', ...named(session) })
      t.strictSame(summaryOf(response), { ...unavailable, cookies }, name)
      t.equal(response.headers['retry-after'], '2')
      t.equal(
        summaryOf(await server.app.inject({ url: '/me', headers: bearer(session.access) })).code,
        'AUTH_REVOKED_TOKEN',
        'refused at once'
      )
      mock.timers.tick(1000)
      await setImmediate()
      t.equal((await memory.find(session.sessionId)).row?.revokedAt, null, 'the store cannot be told yet')
      down = false
      const refreshed = await server.app.inject({
        method: 'POST',
        url: '/refresh',
        payload: { refresh_token: session.refresh }
      })
      t.equal(summaryOf(refreshed).code, 'AUTH_REFRESH_INVALID', 'its row lives still, and is of no use here')
      mock.timers.tick(1000)
      await setImmediate()
      t.equal((await memory.find(session.sessionId)).row?.revokedAt, clock(), 'and is told when it can')
    }
    const session = await server.signIn('cookie')
    down = true
    t.strictSame(
      summaryOf(
        await server.app.inject({ method: 'POST', url: '/login', payload: { sub: 'alice', transport: 'cookie' } })
      ),
      unavailable,
      'signIn()'
    )
    t.strictSame(
      summaryOf(
        await server.app.inject({ method: 'POST', url: '/login', payload: { sub: 'alice', transport: 'bearer' } })
      ),
      unavailable,
      'signIn() by bearer'
    )
    const calls: (() => Promise<unknown>)[] = [
      () => server.app.sessions.list('alice'),
      () => server.app.sessions.revoke(session.sessionId),
      () => server.app.sessions.revokeAll('alice')
    ]
    for (const call of calls) {
      await t.rejects(call(), { code: 'AUTH_STORE_UNAVAILABLE', statusCode: 503 })
    }
    t.equal(
      (await server.app.inject({ url: '/me', headers: bearer(session.access) })).statusCode,
      200,
      'authenticate() needs no store'
    )
    t.strictSame(
      await server.app
        .inject({ method: 'POST', url: '/logout', headers: { cookie: '__Host-access=x' } })
        .then(({ statusCode }) => statusCode),
      204,
      'nor does a sign-out with nothing to end'
    )
    down = false
  }
)

t.test("with whenStale: 'refuse', a silent feed is 503 for every request that presents a token", async (t) => {
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
})

t.test('app.accessTokens signs, checks and revokes tokens without a session', async (t) => {
  const server = await createApp()
  const { app, clock, store } = server
  const { accessTokens } = app
  const now = epoch / 1000
  const token = await accessTokens.sign({ sub: 'robot', scope: 'a', claims: { roles: ['bot'] }, lifetimeSeconds: 3600 })
  const claims = await accessTokens.verify(token)
  t.strictSame(
    { ...claims, jti: typeof claims.jti },
    { roles: ['bot'], iss: issuer, aud: issuer, sub: 'robot', scope: 'a', iat: now, exp: now + 3600, jti: 'string' }
  )
  t.ok(Object.isFrozen(claims) && Object.isFrozen(claims.roles), 'deep-frozen')
  t.strictSame((await app.inject({ url: '/me', headers: bearer(token) })).json(), {
    sub: 'robot',
    source: 'header',
    sessionId: null
  })
  t.equal((await accessTokens.verify(await accessTokens.sign({ sub: 'robot' }))).exp, now + 600)
  t.equal(
    (await app.inject({ method: 'POST', url: '/logout', headers: bearer(token) })).statusCode,
    204,
    'it has no session to end'
  )
  t.equal((await app.inject({ url: '/me', headers: bearer(token) })).statusCode, 200)

  const wrong: [object, { name: string; message: string } | { code: string }][] = [
    [{}, { name: 'TypeError', message: '"sub" must be a non-empty string' }],
    [{ sub: '' }, { name: 'TypeError', message: '"sub" must be a non-empty string' }],
    [
      { sub: 'x', claims: { sid: 'y' } },
      { name: 'TypeError', message: '"claims" must not contain "sid": the plugin sets it' }
    ],
    [
      { sub: 'x', scope: 'a  b' },
      { name: 'TypeError', message: '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)' }
    ],
    ...[0, 0.5, 86_401, NaN, '60', null].map((lifetimeSeconds): [object, { name: string; message: string }] => [
      { sub: 'x', lifetimeSeconds },
      { name: 'RangeError', message: '"lifetimeSeconds" must be a whole number between 1 and 86400' }
    ]),
    [{ sub: 'x', claims: { large: 'x'.repeat(9000) } }, { code: 'AUTH_TOKEN_TOO_LARGE' }]
  ]
  for (const [input, error] of wrong) {
    await t.rejects(accessTokens.sign(input as never), error, JSON.stringify(input).slice(0, 60))
  }
  for (const text of [undefined, null, 1, {}, '', 'x', 'x'.repeat(10_000), `${token}x`]) {
    await t.rejects(accessTokens.verify(text as never), { code: 'AUTH_INVALID_TOKEN' }, String(text).slice(0, 30))
  }

  for (const exp of [now + 86_401, 1.5, NaN, '1', undefined, Infinity]) {
    await t.rejects(accessTokens.revoke('j', exp as never), {
      name: 'RangeError',
      message: '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
    })
  }
  for (const jti of ['', undefined, 1]) {
    await t.rejects(accessTokens.revoke(jti as never, now + 1), {
      name: 'TypeError',
      message: '"jti" must be a string of 1 to 256 characters'
    })
  }
  await accessTokens.revoke(claims.jti!, claims.exp)
  await t.rejects(accessTokens.verify(token), { code: 'AUTH_REVOKED_TOKEN' })
  t.strictSame(summaryOf(await app.inject({ url: '/me', headers: bearer(token) })), {
    status: 401,
    code: 'AUTH_REVOKED_TOKEN',
    challenge: challenges.revoked,
    cookies: [],
    cacheControl: null
  })
  t.match((await store.readRevocations(null, 10)).entries, [
    { kind: 'token', id: `${issuer} ${claims.jti}`, until: (now + 3600) * 1000 }
  ])
  clock.advance(3600)
  await t.rejects(accessTokens.verify(token), { code: 'AUTH_EXPIRED_TOKEN' })
})

t.test('nothing that onEvent does can fail a request', async (t) => {
  for (const onEvent of [
    () => {
      throw new Error('thrown')
    },
    async () => {
      throw new Error('rejected')
    }
  ]) {
    const server = await createApp({ plugin: { onEvent } })
    t.equal((await server.app.inject('/me')).statusCode, 401)
    await server.signIn('bearer')
    await setImmediate()
    t.strictSame([...new Set(server.warnings())], ['onEvent failed'])
  }
})

t.test('no event, log line or answer has a token or a secret in it', async (t) => {
  const events: AuthEvent[] = []
  const lines: string[] = []
  const logger = {
    level: 'trace',
    stream: {
      write: (line: string) => {
        lines.push(line)
      }
    }
  }
  const server = await createApp({ server: { logger } as never, plugin: { onEvent: (event) => events.push(event) } })
  const { access, refresh, cookie } = await server.signIn('cookie')
  const post = (app: FastifyInstance, url: string, headers: object, payload?: object) =>
    app.inject({ method: 'POST', url, headers: { ...headers }, ...(payload && { payload }) })
  const answers = [
    await post(server.app, '/me', { cookie, origin: 'https://evil.example' }),
    await server.app.inject({ url: '/me', headers: bearer(`${access}x`) }),
    await post(server.app, '/refresh', {}, { refresh_token: `${refresh}x` }),
    await post(server.app, '/logout', { cookie }),
    await server.app.inject({ url: '/me', headers: { cookie } }),
    await post(server.app, '/refresh', { cookie })
  ]
  const said = [
    ...events.map((event) => JSON.stringify(event)),
    ...lines,
    ...answers.map(({ body, headers }) => body + JSON.stringify(headers))
  ].join('\n')
  t.ok(events.length > 5 && lines.length > 5)
  for (const part of [...access.split('.').slice(1), refresh.split('.')[3]!, secret]) {
    t.notOk(said.includes(part), part.slice(0, 8))
  }
})
