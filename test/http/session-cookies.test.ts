import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { scopesSentTo } from '../../plugin/http/cookie-scopes.ts'
import type { AuthenticateOptions, KeyOption } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { challenges, createApp, createClock, summaryOf, setCookies, type TestApp } from '../fixtures/app.ts'
import { createCookieJar } from '../fixtures/cookie-jar.ts'
import { forge, localSigner } from '../fixtures/tokens.ts'

const site = 'https://api.example.com'
const names = { access: 'a', refresh: 'r' } as const
const invalid = { status: 401, code: 'AUTH_INVALID_TOKEN', challenge: challenges.invalid }

type Cookies = NonNullable<Exclude<AuthenticateOptions['cookies'], false>>

/** An application with its routes also below /api, and a browser. */
async function createSite(cookies: Cookies = names, plugin: Partial<AuthenticateOptions> = {}) {
  const server = await createApp({
    plugin: { cookies, ...plugin },
    after(app) {
      const handler = async ({ user }: { user: { sub: string } | null }) => user?.sub ?? 'nobody'
      app.get('/api/me', { config: { auth: true } }, handler)
      app.get('/api/v1/maybe', { config: { auth: { optional: true } } }, handler)
      app.post('/api/refresh', (_request, reply) => reply.refresh())
      app.post('/api/login', (request, reply) => reply.signIn(request.body as never))
    }
  })
  const jar = createCookieJar(server.clock)
  const signIn = async (sub = 'alice', url = `${site}/login`) => {
    const response = await jar.visit(server.app, url, { method: 'POST', payload: { sub, transport: 'cookie' } })
    if (response.statusCode !== 200) throw new Error(`signed in with ${response.statusCode}: ${response.body}`)
    return response
  }
  const me = (path = '/api/me') => jar.visit(server.app, `${site}${path}`)
  return {
    server,
    jar,
    signIn,
    me,
    refresh: (path = '/api/refresh') => jar.visit(server.app, `${site}${path}`, { method: 'POST' })
  }
}

/** Tokens of a session of another browser. */
async function sessionOf(server: TestApp, sub: string) {
  const { access_token: access, refresh_token: refresh } = (
    await server.app.inject({ method: 'POST', url: '/login', payload: { sub, transport: 'bearer' } })
  ).json()
  return { access: access as string, refresh: refresh as string }
}

/**
 * Where a cookie of our name is left by an earlier configuration, other software, or an attacker on a neighbouring
 * host.
 */
const leftovers: [string, string][] = [
  ['a second Domain', 'Domain=example.com; Path=/'],
  ['the host itself as Domain', 'Domain=api.example.com; Path=/'],
  ['a Path', 'Path=/api'],
  ['a Path and a Domain', 'Path=/api; Domain=example.com'],
  ['a Path and the host itself as Domain', 'Path=/api; Domain=api.example.com'],
  ['no Path, from /api/login', '']
]

for (const [name, attributes] of leftovers) {
  t.test(`a leftover with ${name} does not lock a browser out`, async (t) => {
    await t.test('when it is not ours, beside a good cookie', async (t) => {
      const { jar, signIn, me } = await createSite()
      await signIn()
      jar.set(`${site}/api/login`, `a=left-over; ${attributes}; Secure`)
      t.equal(jar.header(`${site}/api/me`).match(/\ba=/g)?.length, 2)
      t.strictSame(
        { ...summaryOf(await me()), body: (await me()).body },
        { status: 200, code: null, challenge: null, cookies: [], cacheControl: null, body: 'alice' }
      )
    })

    await t.test('when it is not ours, and alone', async (t) => {
      const { jar, signIn, me } = await createSite()
      jar.set(`${site}/api/login`, `a=left-over; ${attributes}; Secure`)
      t.match(summaryOf(await me()), invalid)
      t.strictSame(jar.scopes(), [], 'it is cleared where it is kept')
      t.equal(summaryOf(await me()).code, 'AUTH_NO_CREDENTIALS')
      await signIn()
      t.equal((await me()).body, 'alice')
    })

    await t.test('when it is of another session: 401, and the next sign-in counts', async (t) => {
      const { server, jar, signIn, me } = await createSite()
      const other = await sessionOf(server, 'mallory')
      await signIn()
      jar.set(`${site}/api/login`, `a=${other.access}; ${attributes}; Secure`)
      t.match(summaryOf(await me()), invalid)
      t.ok(setCookies(await me()).length <= 8)
      t.strictSame(jar.values('a'), [], 'all are cleared')
      await signIn()
      t.equal((await me()).body, 'alice')
    })

    await t.test('when it is the same value', async (t) => {
      const { jar, signIn, me } = await createSite()
      await signIn()
      jar.set(`${site}/api/login`, `a=${jar.values('a')[0]}; ${attributes}; Secure`)
      t.equal((await me()).body, 'alice')
    })

    await t.test("when it is the same session's, expired", async (t) => {
      const { server, jar, signIn, me, refresh } = await createSite()
      await signIn()
      jar.set(`${site}/api/login`, `a=${jar.values('a')[0]}; ${attributes}; Secure`)
      server.clock.advance(700)
      t.equal(summaryOf(await me()).code, 'AUTH_EXPIRED_TOKEN')
      t.equal((await refresh()).statusCode, 200)
      t.equal((await me()).body, 'alice')
    })

    await t.test('when it is of a session that has ended', async (t) => {
      const { server, jar, signIn, me } = await createSite()
      const other = await sessionOf(server, 'mallory')
      await server.app.sessions.revokeAll('mallory')
      await signIn()
      jar.set(`${site}/api/login`, `a=${other.access}; ${attributes}; Secure`)
      t.equal((await me()).body, 'alice')
    })

    await t.test('when it is a refresh cookie', async (t) => {
      const { server, jar, signIn, refresh } = await createSite()
      await signIn()
      const [first] = jar.values('r')
      for (const left of ['left-over', first!]) {
        jar.set(`${site}/api/login`, `r=${left}; ${attributes}; Secure`)
        server.clock.advance(60)
        t.equal(
          (await refresh()).statusCode,
          200,
          `a good one beside ${left === first ? 'an older generation' : 'one that is not ours'}`
        )
        t.strictSame(jar.scopes(), ['a api.example.com /', 'r api.example.com /'], 'and afterwards it stands alone')
      }
      jar.set(`${site}/api/login`, `r=${(await sessionOf(server, 'mallory')).refresh}; ${attributes}; Secure`)
      t.equal(summaryOf(await refresh()).code, 'AUTH_REFRESH_INVALID', "another session's")
      t.strictSame(jar.values('r'), [])
      await signIn()
      server.clock.advance(60)
      t.equal((await refresh()).statusCode, 200)
    })
  })
}

t.test('changing the option "domain" does not lock a browser out', async (t) => {
  const settings: Cookies[] = [{ ...names, domain: 'example.com' }, { ...names, domain: 'api.example.com' }, names]
  for (const before of settings) {
    for (const after of settings) {
      const name = `from ${before.domain} to ${after.domain}`
      const old = await createSite(before)
      const now = await createSite(after, { store: old.server.store, clock: old.server.clock })
      const visit = (path: string, payload?: object) =>
        old.jar.visit(now.server.app, `${site}${path}`, payload === undefined ? {} : { method: 'POST', payload })
      const login = () => visit('/login', { sub: 'bob', transport: 'cookie' })
      await old.signIn()
      t.equal((await visit('/api/me')).body, 'alice', `${name}: the session goes on`)
      old.server.clock.advance(700)
      t.equal((await visit('/api/refresh', {})).statusCode, 200, `${name}: and is refreshed`)
      t.equal((await visit('/api/me')).body, 'alice')
      old.server.clock.advance(700)
      t.equal((await visit('/api/refresh', {})).statusCode, 200, `${name}: again`)
      t.equal((await visit('/api/me')).body, 'alice')
      t.equal((await login()).statusCode, 200)
      t.equal((await visit('/api/me')).body, 'bob', `${name}: who signs in next is signed in`)
      t.equal((await visit('/logout', {})).statusCode, 204)
      t.strictSame(old.jar.scopes(), [], `${name}: and out`)
    }
  }
})

const partitioned: Cookies = { sameSite: 'none', partitioned: true }

t.test('with cookies.partitioned, Set-Cookie and its clearing carry Partitioned', async (t) => {
  const { server, jar, signIn, me } = await createSite(partitioned)
  const attributes = 'HttpOnly; Secure; Partitioned; SameSite=None'
  const signedIn = setCookies(await signIn()).map((text) => text.replace(/=[^;]+/, '='))
  t.strictSame(
    signedIn,
    ['__Host-access=', '__Host-refresh='].map((name) => `${name}; Max-Age=1209600; Path=/; ${attributes}`)
  )
  t.equal((await me()).body, 'alice')
  server.clock.advance(700)
  t.equal((await jar.visit(server.app, `${site}/refresh`, { method: 'POST' })).statusCode, 200)
  t.equal((await me()).body, 'alice')

  const gone = 'Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure'
  const cleared = setCookies(await jar.visit(server.app, `${site}/logout`, { method: 'POST' }))
  t.strictSame(
    cleared,
    ['__Host-access=', '__Host-refresh='].flatMap((name) => [
      `${name}; ${gone}; Partitioned; SameSite=None`,
      `${name}; ${gone}; SameSite=None`
    ]),
    'also for a cookie that was set before the option was'
  )
  t.strictSame(jar.scopes(), [])
})

t.test('turning cookies.partitioned on does not lock a browser out', async (t) => {
  for (const [more, ignoresPartitioned] of [
    [{}, false],
    [{}, true],
    [{ domain: 'example.com' }, false],
    [{ domain: 'example.com' }, true],
    [names, false],
    [names, true]
  ] as [Cookies, boolean][]) {
    const name = `${JSON.stringify(more)}${ignoresPartitioned ? ', in a browser that ignores Partitioned' : ''}`
    const old = await createSite({ ...more, sameSite: 'none' })
    const now = await createSite({ ...more, ...partitioned }, { store: old.server.store, clock: old.server.clock })
    const jar = createCookieJar(old.server.clock, { ignoresPartitioned })
    const visit = (server: TestApp, path: string, payload?: object) =>
      jar.visit(server.app, `${site}${path}`, payload === undefined ? {} : { method: 'POST', payload })
    const login = (server: TestApp, sub: string) => visit(server, '/login', { sub, transport: 'cookie' })

    await login(old.server, 'alice')
    t.equal((await visit(now.server, '/api/me')).body, 'alice', `${name}: the session goes on`)
    for (let times = 0; times < 3; times++) {
      old.server.clock.advance(700)
      t.equal((await visit(now.server, '/api/refresh', {})).statusCode, 200, `${name}: and is refreshed`)
      t.equal((await visit(now.server, '/api/me')).body, 'alice')
    }
    t.equal((await login(now.server, 'bob')).statusCode, 200)
    t.equal((await visit(now.server, '/api/me')).body, 'bob', `${name}: who signs in next is signed in`)
    t.equal((await visit(now.server, '/logout', {})).statusCode, 204)
    t.strictSame(jar.scopes(), [], `${name}: and out`)

    await login(old.server, 'alice')
    await login(now.server, 'bob')
    t.equal((await visit(now.server, '/api/me')).body, 'bob', `${name}: the last sign-in counts`)
  }
})

t.test('a browser that ignores Partitioned keeps the new cookie of a response that clears leftovers', async (t) => {
  const { server, signIn } = await createSite({ ...names, ...partitioned })
  const jar = createCookieJar(server.clock, { ignoresPartitioned: true })
  for (const text of setCookies(await signIn())) jar.set(`${site}/login`, text)
  jar.set(`${site}/api/login`, `a=${jar.values('a')[0]}; Path=/api; Secure`)
  server.clock.advance(700)
  const refreshed = await jar.visit(server.app, `${site}/api/refresh`, { method: 'POST' })
  t.equal(refreshed.statusCode, 200)
  t.ok(setCookies(refreshed).some((text) => text.startsWith('a=; Max-Age=0; Path=/; ')))
  t.strictSame(jar.scopes(), ['a api.example.com /', 'r api.example.com /'])
  t.equal((await jar.visit(server.app, `${site}/api/me`)).body, 'alice')
})

t.test('a browser with more leftovers than one response can clear recovers within a few requests', async (t) => {
  const { server, jar, signIn, me } = await createSite()
  const paths = ['/', '/api', '/api/', '/api/v1', '/api/v1/', '/api/v1/maybe']
  const domains = ['', '; Domain=api.example.com', '; Domain=example.com']
  for (const path of paths) {
    for (const domain of domains) {
      jar.set(`${site}/api/login`, `a=${(await sessionOf(server, 'mallory')).access}; Path=${path}${domain}; Secure`)
    }
  }
  let requests = 0
  while (jar.values('a').length > 0 && requests < 10) {
    const response = await me('/api/v1/maybe')
    t.match(summaryOf(response), invalid)
    t.ok(setCookies(response).length <= 8)
    requests++
  }
  t.ok(requests > 1 && requests <= 7, `${requests} requests`)
  await signIn()
  t.equal((await me('/api/v1/maybe')).body, 'alice')
})

t.test(
  'scopesSentTo() returns every scope from which a browser sends a cookie, without unsafe characters',
  async (t) => {
    const scopes = (hostname: string, originalUrl: string) =>
      scopesSentTo({ hostname, originalUrl }).map(({ domain, path }) => `${domain ?? '-'} ${path}`)
    t.strictSame(
      scopes('api.example.com', '/a/b?c=/d'),
      ['/', '/a', '/a/b', '/a/'].flatMap((path) => [`- ${path}`, `api.example.com ${path}`, `example.com ${path}`])
    )
    t.strictSame(scopes('localhost', '/a/'), ['- /', '- /a', '- /a/'])
    t.strictSame(scopes('localhost', '/'), ['- /'])
    for (const host of [
      '127.0.0.1',
      '[::1]',
      '',
      'a..b',
      '-a.example',
      'a.example;x',
      'a.example\r\nx',
      `${'a'.repeat(250)}.example`
    ]) {
      t.strictSame(scopes(host, '/'), ['- /'], host)
    }
    for (const url of ['/a;Domain=evil.example', '/a b', '/ä', '/a"b', '*', 'http://example.com/x', '/\r\nx']) {
      t.strictSame(scopes('localhost', url), ['- /'], url)
    }
    t.strictSame(scopes('localhost', '/a//b/'), ['- /', '- /a', '- /a//b', '- /a/', '- /a//b/'])
    t.strictSame(scopes('localhost', `/${'a'.repeat(256)}`), ['- /'], 'nor a long path')
    t.strictSame(scopes('a.b.c.d.e.example.com', '/'), [
      '- /',
      'a.b.c.d.e.example.com /',
      'c.d.e.example.com /',
      'd.e.example.com /',
      'e.example.com /',
      'example.com /'
    ])
    t.equal(scopes(`${'a.'.repeat(120)}example`, `/${'a/'.repeat(120)}`).length, 6 * 17, 'nor many')
    t.strictSame(scopes('localhost', '/a%3Bb/%0d'), ['- /', '- /a%3Bb', '- /a%3Bb/%0d', '- /a%3Bb/'])
  }
)

/** Two applications on one host with the same cookie names: cookies do not distinguish ports (RFC 6265 §8.5). */
async function createNeighbours(cookies: Cookies = names) {
  const one = await createSite(cookies, { issuer: 'http://localhost:3000' })
  const { clock } = one.server
  const secret = 'the secret of the application next door, of 32 bytes'
  const two = await createSite(cookies, {
    issuer: 'http://localhost:4000',
    secret,
    clock,
    store: memoryStore({ clock })
  })
  const { jar } = one
  const visit = ({ server }: typeof one, path: string, payload?: object) =>
    jar.visit(server.app, `https://localhost${path}`, payload === undefined ? {} : { method: 'POST', payload })
  return { one, two, jar, visit }
}

for (const cookies of [names, { access: '__Host-a', refresh: '__Host-r', renew: true }]) {
  t.test(
    `two applications on one host leave each other's cookies alone${cookies === names ? '' : ', with renew'}`,
    async (t) => {
      const { one, two, jar, visit } = await createNeighbours(cookies)
      await visit(two, '/login', { sub: 'bob', transport: 'cookie' })
      const before = jar.header('https://localhost/')
      const nobody = { status: 200, code: null, challenge: null, cookies: [], cacheControl: null }
      const noCredentials = {
        status: 401,
        code: 'AUTH_NO_CREDENTIALS',
        challenge: 'Bearer realm="http://localhost:3000"',
        cookies: [],
        cacheControl: null
      }
      for (const seconds of [0, 700]) {
        one.server.clock.advance(seconds)
        const optional = await visit(one, '/api/v1/maybe')
        t.strictSame(
          { ...summaryOf(optional), body: optional.body },
          { ...nobody, body: 'nobody' },
          'an optional route has no user'
        )
        t.strictSame(summaryOf(await visit(one, '/api/me')), noCredentials)
        t.strictSame(summaryOf(await visit(one, '/api/refresh', {})), noCredentials)
        t.strictSame(summaryOf(await visit(one, '/logout', {})), { ...nobody, status: 204 })
        t.equal(jar.header('https://localhost/'), before)
      }
      t.equal((await visit(two, '/api/refresh', {})).statusCode, 200, 'the session of the neighbour is live')
      t.equal((await visit(two, '/api/me')).body, 'bob')
      await visit(one, '/login', { sub: 'alice', transport: 'cookie' })
      t.equal((await visit(one, '/api/me')).body, 'alice', 'a sign-in here replaces the cookies')
      t.equal((await two.server.app.sessions.list('bob')).length, 1, 'and ends no session of the neighbour')
    }
  )
}

t.test("our refresh cookie is cleared beside a neighbour's access cookie, which is left alone", async (t) => {
  for (const [path, status] of [
    ['/refresh', 401],
    ['/logout', 204]
  ] as const) {
    const { one, two, jar, visit } = await createNeighbours()
    await visit(one, '/login', { sub: 'alice', transport: 'cookie' })
    const [ours] = jar.values('r')
    await one.server.app.sessions.revokeAll('alice')
    await visit(two, '/login', { sub: 'bob', transport: 'cookie' })
    jar.set('https://localhost/', `r=${ours}; Path=/; Secure`)
    t.equal((await visit(one, path, {})).statusCode, status, path)
    t.strictSame(jar.scopes(), ['a localhost /'], path)
    t.equal((await visit(two, '/api/me')).body, 'bob', path)
  }
})

t.test("a cookie of a parent domain's application does not count as ours, and is not cleared with ours", async (t) => {
  const { server, jar, signIn, me, refresh } = await createSite()
  const sso = await createApp({ plugin: { issuer: 'https://sso.example.com', cookies: names, clock: server.clock } })
  const theirs = await sessionOf(sso, 'bob')
  const leave = () => {
    jar.set(`${site}/api/login`, `a=${theirs.access}; Domain=example.com; Path=/; Secure`)
    jar.set(`${site}/api/login`, `r=${theirs.refresh}; Domain=example.com; Path=/; Secure`)
  }
  leave()
  const kept = ['a .example.com /', 'r .example.com /']
  await signIn()
  t.equal((await me()).body, 'alice', 'our own cookie counts')
  server.clock.advance(700)
  t.equal(summaryOf(await me()).code, 'AUTH_EXPIRED_TOKEN')
  t.equal((await refresh()).statusCode, 200)
  t.equal((await me()).body, 'alice')
  jar.set(`${site}/`, 'a=forged; Path=/; Secure')
  t.match(summaryOf(await me()), invalid)
  t.strictSame(jar.scopes(), [...kept, 'r api.example.com /'].sort(), 'only our bad cookie is cleared')
  await signIn()
  t.equal((await jar.visit(server.app, `${site}/logout`, { method: 'POST' })).statusCode, 204)
  t.strictSame(jar.scopes(), kept, 'and so is a good one, at sign-out')
})

t.test("a token of a trusted issuer in the cookie is not another application's", async (t) => {
  const trustedIssuers = [
    {
      issuer: 'https://idp.example.com',
      audience: 'api',
      algorithms: ['RS256'],
      jwksUri: 'https://idp.example.com/keys'
    }
  ]
  const { server, jar, me } = await createSite(names, { trustedIssuers })
  const idp = await createApp({ plugin: { issuer: 'https://idp.example.com', clock: server.clock } })
  jar.set(`${site}/api/login`, `a=${(await sessionOf(idp, 'bob')).access}; Path=/; Secure`)
  t.match(summaryOf(await me()), invalid)
  t.strictSame(jar.scopes(), [], 'a route that does not accept it clears it')
})

t.test('of several refresh cookies of one session the latest counts, and an old one does not end it', async (t) => {
  const { server, jar, signIn, refresh } = await createSite()
  await signIn()
  const old = jar.values('r')[0]!
  for (let generation = 1; generation <= 3; generation++) {
    server.clock.advance(60)
    t.equal(setCookies(await refresh()).length, 2, 'nothing is cleared while each cookie has one value')
  }
  const [current] = jar.values('r')
  for (const values of [
    [old, current],
    [current, old]
  ]) {
    const cookie = values.map((value) => `r=${value}`).join('; ')
    const response = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
    t.equal(response.statusCode, 200)
  }
  t.equal((await server.app.sessions.list('alice')).length, 1)
})

t.test('the refresh cookie of an ended session does not count beside that of a live one', async (t) => {
  const { server, jar, signIn, refresh } = await createSite()
  const other = await sessionOf(server, 'mallory')
  await server.app.sessions.revokeAll('mallory')
  await signIn()
  jar.set(`${site}/`, `r=${other.refresh}; Path=/api; Secure`)
  server.clock.advance(60)
  t.equal((await refresh()).statusCode, 200)
  t.strictSame(jar.scopes(), ['a api.example.com /', 'r api.example.com /'])
})

for (const visit of ['me', 'refresh'] as const) {
  t.test(
    `with whenStale: 'ask', a leftover that ended elsewhere during a pause does not count: ${visit}`,
    async (t) => {
      const clock = createClock()
      const store = memoryStore({ clock })
      const elsewhere = await createApp({ plugin: { store, clock } })
      t.teardown(() => elsewhere.app.close())
      const revocation = { whenStale: 'ask', pollSeconds: 3600, maxStalenessSeconds: 30 } as const
      const browser = await createSite(names, { store, clock, revocation })
      t.teardown(() => browser.server.app.close())
      const other = await sessionOf(browser.server, 'mallory')
      await browser.signIn()
      browser.jar.set(`${site}/`, `a=${other.access}; Path=/api; Secure`)
      browser.jar.set(`${site}/`, `r=${other.refresh}; Path=/api; Secure`)
      await elsewhere.app.sessions.revokeAll('mallory')
      clock.advance(31)
      t.equal((await browser[visit]()).statusCode, 200)
    }
  )
}

t.test('only refresh cookies of two sessions wait for a stale revocation log', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  let reads = 0
  const store: typeof memory = {
    ...memory,
    async readRevocations(...given) {
      reads++
      return await memory.readRevocations(...given)
    }
  }
  const revocation = { whenStale: 'ask', pollSeconds: 3600, maxStalenessSeconds: 30 } as const
  const server = await createApp({ plugin: { store, clock, revocation } })
  t.teardown(() => server.app.close())
  const alice = await server.signIn('bearer')
  const mallory = await server.signIn('bearer', { sub: 'mallory' })
  const cookie = (...values: string[]) => values.map((value) => `__Host-refresh=${value}`).join('; ')
  const many = Array.from({ length: 8 }, (_, index) => `${index}`)
  const rows: [string, string, number, number][] = [
    ['more than eight values, of two sessions', cookie(...many, alice.refresh, mallory.refresh), 401, 0],
    ['two sessions', cookie(alice.refresh, mallory.refresh), 401, 1],
    ['one session', cookie(alice.refresh), 200, 0]
  ]
  for (const [what, value, status, expected] of rows) {
    clock.advance(31)
    reads = 0
    const response = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie: value } })
    t.strictSame([response.statusCode, reads], [status, expected], what)
  }
})

t.test('with several access cookies, only a token of our own issuer loads an unknown key', async (t) => {
  const [old, young] = ['old', 'young'].map((kid) => ({ key: generateKeyPairSync('ed25519').privateKey, kid })) as [
    KeyOption,
    KeyOption
  ]
  const moved: KeyOption[] = [
    { ...old, state: 'previous' },
    { ...young, state: 'active' }
  ]
  let loads = 0
  let list: readonly KeyOption[] = [old]
  const load = async () => {
    loads++
    return list
  }
  const idp = {
    issuer: 'https://idp.example.com',
    audience: 'api',
    algorithms: ['RS256'],
    jwksUri: 'https://idp.example.com/keys'
  }
  const { server, jar, me } = await createSite(names, { keys: load, trustedIssuers: [idp] })
  const ahead = await createApp({ plugin: { keys: moved, clock: server.clock } })
  list = moved
  jar.set(
    `${site}/`,
    `a=${forge({ ...localSigner, kid: 'theirs' }, { claims: { iss: idp.issuer } })}; Path=/api; Secure`
  )
  jar.set(`${site}/`, 'a=left-over; Domain=example.com; Path=/; Secure')
  t.match(summaryOf(await me()), invalid)
  t.equal(loads, 1, "no load for a provider's token")
  jar.set(`${site}/`, 'a=left-over; Path=/api; Secure')
  jar.set(`${site}/`, `a=${(await sessionOf(ahead, 'alice')).access}; Path=/; Secure`)
  t.equal((await me()).body, 'alice')
  t.equal(loads, 2)
})

t.test("a session that is planted beside the victim's never counts", async (t) => {
  const { server, jar, signIn, me, refresh } = await createSite()
  const mallory = await sessionOf(server, 'mallory')
  const plant = () => {
    jar.set(`${site}/api/login`, `a=${mallory.access}; Domain=example.com; Path=/api; Secure`)
    jar.set(`${site}/api/login`, `r=${mallory.refresh}; Domain=example.com; Path=/api; Secure`)
  }
  await signIn()
  plant()
  t.match(summaryOf(await me()), invalid)
  await signIn()
  plant()
  t.equal(summaryOf(await refresh()).code, 'AUTH_REFRESH_INVALID')
  t.equal((await server.app.sessions.list('mallory')).length, 1)
  // The browser sends both to the sign-in too, which ends what they name.
  plant()
  await signIn('alice', `${site}/api/login`)
  t.equal((await me()).body, 'alice')
  t.equal((await server.app.sessions.list('mallory')).length, 0)
})
