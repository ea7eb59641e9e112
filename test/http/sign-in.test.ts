import t from 'tap'
import { createApp, summaryOf, issuer, epoch, type TestOptions, clearing, setCookies } from '../fixtures/app.ts'
import type { SignIn } from '../../plugin/index.ts'
import { AuthError } from '../../plugin/errors.ts'

const day = 86_400

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

t.test(
  'reply.signIn() by bearer resolves to the body of RFC 6749 §5.1, sets no cookie and ends no session',
  async (t) => {
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
    t.strictSame(summaryOf(response), {
      status: 200,
      code: null,
      challenge: null,
      cookies: [],
      cacheControl: 'no-store'
    })
    const { jti, sid, ...claims } = claimsOf(access)
    t.strictSame(claims, {
      roles: ['admin'],
      deep: { list: [1, null] },
      iss: issuer,
      aud: issuer,
      sub: 'alice',
      iat: epoch / 1000,
      exp: epoch / 1000 + 600,
      scope: 'a b',
      auth_time: epoch / 1000
    })
    t.match(jti, /^[\w-]{22}$/)
    t.match(refresh, new RegExp(`^rt1\\.${sid}\\.0\\.[\\w-]{43}$`))
    t.strictSame(server.events(), [{ type: 'session-started', sub: 'alice', sessionId: sid, transport: 'bearer' }])
    t.notOk('scope' in (await login({})).json(), 'no scope without a scope')
    t.notOk('scope' in claimsOf((await login({ scope: '' })).json().access_token), 'nor a claim')
    t.equal((await server.store.find(before.sessionId)).row?.revokedAt, null)
  }
)

t.test('reply.signIn() by cookie sets both cookies, without a token in the body', async (t) => {
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
      `${name}: cleared with the same attributes, and in every other scope that the browser may have`
    )
  }
})

t.test('reply.signIn() refuses a token that is too large before it writes, and names the large claims', async (t) => {
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
    /^its cookie would be \d{4} bytes.* 4096\. The largest claims: large \(4002 .*, other \(22 .*, small \(1 bytes\)$/
  )
  t.strictSame(await server.app.sessions.list('alice'), [])
  t.strictSame(server.events(), [])
  t.equal((await login('bearer', 4000)).statusCode, 200, 'it fits into a header')
  t.equal(summaryOf(await login('bearer', 8000)).code, 'AUTH_TOKEN_TOO_LARGE')
  t.match(errors.splice(0)[0]!.detail, /^the token would exceed 8192 bytes\. The largest claims: large \(8002 bytes\)/)

  // 3 more bytes are 4 more characters: the last that fits is a little below the limit.
  let fits = 2500
  while ((await login('cookie', fits + 1)).statusCode === 200) fits++
  const longest = lineOf(await login('cookie', fits))
  t.ok(longest <= 4096 && longest > 4080, `${longest} bytes are the last that fit`)
})

t.test('reply.signIn() names a member that is unknown or wrong, and starts nothing', async (t) => {
  const server = await createApp({
    after: (app) =>
      app.post<{ Params: { name: string } }>('/undefined/:name', (request, reply) =>
        reply.signIn({ sub: 'alice', transport: 'cookie', [request.params.name]: undefined })
      )
  })
  const members =
    'sub, claims, scope, transport, device, authenticatedAt, authTime, acr, amr, revokeOthers, idleSeconds, ' +
    'absoluteSeconds, persistent or crossSite'
  const rows: [object, string][] = [
    [{ transport: undefined }, '"transport" must be "bearer" or "cookie"'],
    [{ transport: 'header' }, '"transport" must be "bearer" or "cookie"'],
    [{ revokeOther: true }, `unknown member "revokeOther": expected ${members}`],
    [{ roles: ['admin'] }, `unknown member "roles": expected ${members}`],
    [{ crossSite: 'false' }, '"crossSite" must be true or false'],
    [{ sub: undefined }, '"sub" must be a string of 1 to 1000 bytes, well-formed and without U+0000'],
    [{ sub: '' }, '"sub" must be a string of 1 to 1000 bytes, well-formed and without U+0000'],
    [{ sub: 7 }, '"sub" must be a string of 1 to 1000 bytes, well-formed and without U+0000'],
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
    [{ authenticatedAt: 'now' }, '"authenticatedAt" must be a time in milliseconds since the epoch'],
    [{ persistent: 'on' }, '"persistent" must be true or false'],
    [
      { transport: 'bearer', persistent: false },
      '"persistent" requires transport "cookie": a bearer client decides by itself how long it keeps its tokens, and ' +
        '"idleSeconds" limits how long they are valid'
    ],
    [{ idleSeconds: 1209601 }, '"idleSeconds" must be <= "refreshToken.idleSeconds" (1209600): received 1209601'],
    [
      { absoluteSeconds: 2592001 },
      '"absoluteSeconds" must be <= "refreshToken.absoluteSeconds" (2592000): received 2592001'
    ]
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
  for (const name of ['authenticatedAt', 'revokeOthers', 'persistent', 'idleSeconds', 'absoluteSeconds']) {
    const response = await server.app.inject({ method: 'POST', url: `/undefined/${name}` })
    const message = `"${name}" is undefined: give it a value, or leave it out`
    t.strictSame([response.statusCode, response.json().message, setCookies(response)], [500, message, []])
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

t.test('reply.signIn() by cookie over plain http warns once, unless the host is a loopback address', async (t) => {
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
