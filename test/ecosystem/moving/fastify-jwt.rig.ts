import { generateKeyPairSync } from 'node:crypto'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import jsonwebtoken from 'jsonwebtoken'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions, type BearerResponse } from '../../../plugin/index.ts'
import type { Client } from './client.ts'
import { importFiles } from '../printed-code.ts'
import { createAddress, createLog, createStorage } from './servers.ts'

interface Database {
  prepare(sql: string): { run(...values: unknown[]): unknown; get(): unknown }
}

const { before, app, both, client, users } = await importFiles<{
  before: { createApp(server: object): FastifyInstance }
  app: { createApp(server: object): Promise<FastifyInstance> }
  both: { createApp(options: Partial<AuthenticateOptions>): Promise<FastifyInstance> }
  client: { createClient(baseUrl: string, storage: object): Client }
  users: { addUser(username: string, password: string, role: string): void; database: Database }
}>('docs/moving/fastify-jwt.md', [
  'file before.ts',
  'file app.ts',
  'file both.ts',
  'file bridge.ts',
  'file client.ts',
  'file users.ts'
])

const oldSecret = 'the secret that @fastify/jwt signed with'
Object.assign(process.env, {
  JWT_SECRET: oldSecret,
  AUTH_SECRET: 'the new secret, of 32 bytes or more',
  OLD_TOKENS_END: new Date(Date.now() + 7 * 86_400_000).toISOString()
})
users.addUser('alice', 'wonderland', 'admin')
users.addUser('bob', 'builder', 'user')
const alice = { id: 1, username: 'alice', role: 'admin' }
const bob = { id: 2, username: 'bob', role: 'user' }
const now = () => Math.floor(Date.now() / 1000)

/** A token as the sign-in of the application before signs it, each time another one. */
let iat = now() - 3600
const oldToken = (claims: object = bob, options: jsonwebtoken.SignOptions = {}, secret = oldSecret) =>
  jsonwebtoken.sign({ iat: iat--, ...claims }, secret, { expiresIn: '7d', ...options })

async function start(t: Test, server: object = {}) {
  const after = await app.createApp(server)
  t.teardown(() => after.close())
  const get = (url: string, token: string) => after.inject({ url, headers: { authorization: `Bearer ${token}` } })
  const exchange = (token: string, headers: object = {}) =>
    after.inject({ method: 'POST', url: '/exchange', headers: { authorization: `Bearer ${token}`, ...headers } })
  const signOut = (token: string) =>
    after.inject({ method: 'POST', url: '/logout', headers: { authorization: `Bearer ${token}` } })
  return { after, get, exchange, signOut }
}
const tokensOf = (response: LightMyRequestResponse) => response.json<BearerResponse>()
const codeOf = (response: LightMyRequestResponse) => [response.statusCode, response.json<{ code?: string }>().code]
const invalid = [401, 'AUTH_INVALID_TOKEN']

t.test('one client signs in before, is still signed in between and after, and signs out', async (t) => {
  const address = createAddress(t)
  const storage = createStorage()
  const log = createLog()
  const load = () => {
    const loaded = client.createClient(address.url(), storage)
    t.teardown(() => loaded.close())
    return loaded
  }
  const me = async (of: Client) => {
    const response = await of.fetch('/me')
    return [response.status, response.ok ? ((await response.json()) as { username: string }).username : null]
  }

  await address.deploy(before.createApp({}))
  const page = load()
  t.equal(await page.signIn('alice', 'looking-glass'), false)
  t.equal(await page.signIn('alice', 'wonderland'), true)
  const token = storage.getItem('token')!
  t.strictSame(await me(page), [200, 'alice'])
  t.strictSame(await me(load()), [200, 'alice'], 'the old server does not know /exchange')

  const between = await address.deploy(await app.createApp({ logger: log.logger }))
  t.strictSame(await me(page), [200, 'alice'], 'a page that is open since before: by its old token')
  t.equal((await page.fetch('/users/2')).status, 200, 'with the role of the database')
  const [first, second] = [load(), load()]
  t.strictSame(
    [await me(first), await me(second)],
    [
      [200, 'alice'],
      [200, 'alice']
    ]
  )
  t.equal(storage.getItem('token'), null)
  t.strictSame(await me(page), [401, null], 'the old token is used up')
  t.strictSame(
    log.lines.filter(({ oldToken }) => oldToken !== undefined).map(({ oldToken, sub }) => [oldToken, sub]),
    [
      ['header', '1'],
      ['header', '1'],
      ['exchange', '1']
    ],
    'the log shows who still needs the bridge'
  )
  const sessions = await between.sessions.list('1')
  t.equal(sessions.length, 1)

  process.env.OLD_TOKENS_END = new Date(Date.now() - 1).toISOString()
  t.teardown(() => (process.env.OLD_TOKENS_END = new Date(Date.now() + 7 * 86_400_000).toISOString()))
  const ended = await start(t)
  t.strictSame(codeOf(await ended.get('/me', oldToken(alice))), invalid, 'after the end, no old token counts')

  await first.signOut()
  t.strictSame(await me(load()), [401, null])
  t.equal(await load().signIn('alice', 'wonderland'), true)
  t.strictSame(await me(load()), [200, 'alice'])
  t.equal((await between.sessions.list('1')).length, 1)
  t.notOk(token === storage.getItem('token'))
})

t.test('a client that was not replaced works by its old token until that expires', async (t) => {
  const { get } = await start(t)
  const token = oldToken(bob)
  t.strictSame((await get('/me', token)).json(), { id: 2, username: 'bob' })
  t.strictSame((await get('/me', token)).json(), { id: 2, username: 'bob' })
  t.strictSame(codeOf(await get('/users/1', token)), [403, 'AUTH_INSUFFICIENT_ROLE'])
  t.equal((await get('/users/1', oldToken(alice))).statusCode, 200)
})

t.test('an old token decides nothing but who the user is: the role is that of the database', async (t) => {
  const { get, exchange } = await start(t)
  t.strictSame(codeOf(await get('/users/1', oldToken({ ...bob, role: 'admin' }))), [403, 'AUTH_INSUFFICIENT_ROLE'])
  const tokens = tokensOf(await exchange(oldToken({ ...bob, role: 'admin' })))
  t.strictSame(codeOf(await get('/users/1', tokens.access_token)), [403, 'AUTH_INSUFFICIENT_ROLE'])
})

t.test('tokens that the old library did not sign, or that ended, are refused in both places', async (t) => {
  const { get, exchange, after } = await start(t)
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const [header, payload, signature] = oldToken().split('.') as [string, string, string]
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const wrong: Record<string, string> = {
    'of another secret': oldToken(bob, {}, 'another secret that is as long as it is'),
    'of the new secret': oldToken(bob, {}, process.env.AUTH_SECRET),
    'of a public key as the secret': oldToken(bob, {}, pem as string),
    'of another algorithm': oldToken(bob, { algorithm: 'HS384' }),
    'without a signature': `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
    'with another header': `${encode({ alg: 'none' })}.${payload}.${signature}`,
    'of another user': `${header}.${encode({ ...alice, iat: now() })}.${signature}`,
    expired: oldToken({ ...bob, iat: now() - 8 * 86_400 }),
    'without iat': jsonwebtoken.sign({ ...bob, exp: now() + 3600 }, oldSecret, { noTimestamp: true }),
    'without exp': jsonwebtoken.sign({ ...bob, iat: now() - 60 }, oldSecret),
    'of a user who was deleted': oldToken({ ...bob, id: 99 }),
    'with an id that is not a number': oldToken({ ...bob, id: '2' }),
    'with an issuer': oldToken({ ...bob, iss: 'https://api.example.com' }),
    'of this plugin': await after.accessTokens.sign({ sub: '2', claims: { username: 'bob', roles: [] }, audience: 'x' })
  }
  for (const [name, token] of Object.entries(wrong)) {
    t.strictSame(codeOf(await get('/me', token)), invalid, name)
    t.strictSame(codeOf(await exchange(token)), invalid, `${name}: exchange`)
  }
  t.strictSame(await after.sessions.list('99'), [])
})

t.test('an access token of the plugin cannot be exchanged for a session', async (t) => {
  const { exchange } = await start(t)
  const tokens = tokensOf(await exchange(oldToken()))
  t.strictSame(codeOf(await exchange(tokens.access_token)), invalid)
  t.strictSame(codeOf(await exchange(tokens.refresh_token)), invalid)
})

t.test('an old token is exchanged once: the second time ends the session of the first', async (t) => {
  const { get, exchange, after } = await start(t)
  const token = oldToken()
  const tokens = tokensOf(await exchange(token))
  t.equal((await get('/me', tokens.access_token)).statusCode, 200)
  t.strictSame(codeOf(await get('/me', token)), invalid, 'used up: the header does not count either')
  t.strictSame(codeOf(await exchange(token)), invalid)
  t.strictSame(codeOf(await get('/me', tokens.access_token)), [401, 'AUTH_REVOKED_TOKEN'])

  const live = (await after.sessions.list('2')).length
  const other = oldToken()
  const [header, payload, signature] = other.split('.') as [string, string, string]
  const responses = await Promise.all([
    exchange(other),
    exchange(other),
    exchange(`${header}.${payload}.${signature}=`)
  ])
  t.strictSame(responses.map(({ statusCode }) => statusCode).sort(), [200, 401, 401], 'at the same time')
  t.equal((await after.sessions.list('2')).length, live, 'nobody keeps a session')
})

t.test('an old token from before a password change or a sign-out everywhere is refused', async (t) => {
  const { get, exchange } = await start(t)
  const stolen = oldToken()
  users.database.prepare('UPDATE users SET tokensValidAfter = ? WHERE id = 2').run(Date.now() - 60_000)
  t.teardown(() => users.database.prepare('UPDATE users SET tokensValidAfter = 0 WHERE id = 2').run())
  t.strictSame(codeOf(await get('/me', stolen)), invalid)
  t.strictSame(codeOf(await exchange(stolen)), invalid)
  t.equal((await exchange(oldToken({ ...bob, iat: now() }))).statusCode, 200, 'signed in since')
})

t.test('what the old secret signed for something else never becomes a session', async (t) => {
  const { get, exchange, after } = await start(t)
  const live = (await after.sessions.list('2')).length
  const links: Record<string, string> = {
    'a link that resets the password: the same claims, for 15 minutes': oldToken(
      { ...bob, iat: now() - 60 },
      { expiresIn: '15m' }
    ),
    'a link with a purpose, for as long as a sign-in': oldToken({ ...bob, purpose: 'unsubscribe' }),
    'a link with the id alone': oldToken({ id: 2 }),
    'a token for a machine, which never expires': jsonwebtoken.sign({ ...bob, iat: now() - 60 }, oldSecret)
  }
  for (const [name, token] of Object.entries(links)) {
    t.strictSame(codeOf(await get('/me', token)), invalid, name)
    t.strictSame(codeOf(await exchange(token)), invalid, `${name}: exchange`)
  }
  t.equal((await after.sessions.list('2')).length, live)
})

t.test('sign-out with an old token ends it, and the session that a thief started with it', async (t) => {
  const { get, exchange, signOut, after } = await start(t)
  const token = oldToken()
  t.equal((await get('/me', token)).statusCode, 200)
  t.equal((await signOut(token)).statusCode, 204)
  t.strictSame(codeOf(await get('/me', token)), invalid)
  t.strictSame(codeOf(await exchange(token)), invalid)
  t.equal((await signOut(token)).statusCode, 204, 'once more')

  const stolen = oldToken()
  const thief = tokensOf(await exchange(stolen))
  t.equal((await signOut(stolen)).statusCode, 204)
  t.strictSame(codeOf(await get('/me', thief.access_token)), [401, 'AUTH_REVOKED_TOKEN'])

  const live = (await after.sessions.list('2')).length
  const racing = oldToken()
  await Promise.all([exchange(racing), signOut(racing), exchange(racing)])
  t.equal((await after.sessions.list('2')).length, live, 'at the same time as an exchange')
  t.strictSame(
    codeOf(await signOut(oldToken({ ...bob, iat: now() - 60 }, { expiresIn: '15m' }))),
    invalid,
    'not a token of a sign-in'
  )
})

t.test('a page that is open since before the switch signs out with its old token', async (t) => {
  const address = createAddress(t)
  const storage = createStorage()
  await address.deploy(before.createApp({}))
  const page = client.createClient(address.url(), storage)
  t.teardown(() => page.close())
  t.equal(await page.signIn('bob', 'builder'), true)
  const token = storage.getItem('token')!
  await address.deploy(await app.createApp({}))
  t.equal((await page.fetch('/me')).status, 200)
  await page.signOut()
  t.equal((await page.fetch('/me')).status, 401)
  const copy = await fetch(`${address.url()}/me`, { headers: { authorization: `Bearer ${token}` } })
  t.equal(copy.status, 401, 'a copy of the token')
})

t.test('the client takes a server that keeps the member token for other clients for the new one', async (t) => {
  const address = createAddress(t)
  const storage = createStorage()
  const server = Fastify()
  await server.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET })
  server.post('/login', async (_request, reply) => {
    const tokens = await reply.signIn({ sub: '2', transport: 'bearer' })
    return { ...tokens, token: tokens.access_token }
  })
  await address.deploy(server)
  const page = client.createClient(address.url(), storage)
  t.teardown(() => page.close())
  t.equal(await page.signIn('bob', 'builder'), true)
  t.equal(storage.getItem('token'), null)
  t.ok(storage.length > 0, 'the tokens of the plugin')
})

t.test('after its end, the bridge accepts no old token', async (t) => {
  const end = process.env.OLD_TOKENS_END
  t.teardown(() => (process.env.OLD_TOKENS_END = end))
  process.env.OLD_TOKENS_END = '2020-01-01T00:00:00Z'
  const { get, exchange } = await start(t)
  const token = oldToken()
  t.strictSame(codeOf(await get('/me', token)), invalid)
  t.strictSame(codeOf(await exchange(token)), invalid)
})

t.test('cookies are never exchanged, whatever page sends them', async (t) => {
  const { after } = await start(t)
  const cookie = ['token', '__Host-access', '__Host-refresh'].map((name) => `${name}=${oldToken()}`).join('; ')
  for (const site of ['same-origin', 'cross-site']) {
    const headers = { cookie, 'sec-fetch-site': site }
    t.equal((await after.inject({ method: 'POST', url: '/exchange', headers })).statusCode, 401, site)
    t.equal((await after.inject({ url: '/me', headers })).statusCode, 401, site)
  }
})

t.test('routes without oldTokens refuse an old token', async (t) => {
  const after = await app.createApp({})
  t.teardown(() => after.close())
  after.get('/password', { config: { auth: true } }, async () => 'open')
  const response = await after.inject({ url: '/password', headers: { authorization: `Bearer ${oldToken()}` } })
  t.strictSame(codeOf(response), invalid)
  t.match(response.headers['www-authenticate'], 'error="invalid_token"')
})

t.test('one sign-in route gives cookies to browsers, and tokens to other clients', async (t) => {
  let ahead = 0
  const server = await both.createApp({ clock: () => Date.now() + ahead })
  t.teardown(() => server.close())
  const payload = { username: 'bob', password: 'builder' }
  const post = (url: string, headers: object, payload: object = {}) =>
    server.inject({ method: 'POST', url, headers: { ...headers }, payload })
  const browser = { origin: 'http://localhost:80', 'sec-fetch-site': 'same-origin' }

  const phone = tokensOf(await post('/login', {}, payload))
  const refreshed = tokensOf(await post('/refresh', {}, { refresh_token: phone.refresh_token }))
  const authorization = `Bearer ${refreshed.access_token}`
  t.strictSame((await server.inject({ url: '/me', headers: { authorization } })).json(), { id: 2, username: 'bob' })
  t.equal((await post('/login', {}, { ...payload, password: 'looking-glass' })).statusCode, 401)
  t.strictSame(codeOf(await post('/refresh', {})), [401, 'AUTH_REFRESH_INVALID'], 'without a token')

  const page = await post('/login', browser, payload)
  t.notOk('access_token' in page.json(), 'no page reads a token')
  t.match(page.headers['set-cookie'], ['token=; Path=/; Max-Age=0', /^__Host-access=/, /^__Host-refresh=/])
  const cookie = page.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  t.equal((await post('/refresh', { ...browser, cookie })).statusCode, 200)
  ahead = 3_600_000
  t.equal((await server.inject({ url: '/me', headers: { ...browser, cookie } })).statusCode, 200, 'an hour later')
  const attack = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  t.strictSame(codeOf(await post('/login', attack, payload)), [403, 'AUTH_CROSS_SITE'])
  t.equal((await post('/logout', { ...browser, cookie })).statusCode, 204)
  t.equal((await server.inject({ url: '/me', headers: { ...browser, cookie } })).statusCode, 401)
})

t.test('without OLD_TOKENS_END there is no bridge: in development and in tests', async (t) => {
  const { JWT_SECRET, OLD_TOKENS_END } = process.env
  t.teardown(() => Object.assign(process.env, { JWT_SECRET, OLD_TOKENS_END }))
  delete process.env.JWT_SECRET
  delete process.env.OLD_TOKENS_END
  const { get, exchange, signOut } = await start(t)
  t.strictSame(codeOf(await get('/me', oldToken())), invalid)
  t.equal((await exchange(oldToken())).statusCode, 404)
  t.strictSame(codeOf(await signOut(oldToken())), invalid)
})

t.test('the bridge does not start without a secret, with a weak or the new one, or without a date', async (t) => {
  const wrong: [string, NodeJS.ProcessEnv][] = [
    ['JWT_SECRET is missing', { JWT_SECRET: '' }],
    ['JWT_SECRET can be guessed: do not accept its tokens', { JWT_SECRET: 'supersecret' }],
    ['AUTH_SECRET must be new', { JWT_SECRET: process.env.AUTH_SECRET }],
    ['OLD_TOKENS_END must be a date', { OLD_TOKENS_END: 'in March' }]
  ]
  for (const [message, environment] of wrong) {
    const usual = { ...process.env }
    Object.assign(process.env, environment)
    await t.rejects(app.createApp({}), { message })
    process.env = usual
  }
})
