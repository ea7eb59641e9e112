import { generateKeyPairSync } from 'node:crypto'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import jsonwebtoken from 'jsonwebtoken'
import t, { type Test } from 'tap'
import type { BearerResponse } from '../../../plugin/index.ts'
import type { Client } from './client.ts'
import { importFiles } from './page.ts'
import { createAddress, createLog, createStorage } from './servers.ts'

interface Database {
  prepare(sql: string): { run(...values: unknown[]): unknown; get(): unknown }
}

const { before, app, bridge, client, users } = await importFiles<{
  before: { createApp(server: object): FastifyInstance }
  app: { createApp(server: object): Promise<FastifyInstance> }
  bridge: { bridge: Parameters<FastifyInstance['register']>[0] }
  client: { createClient(baseUrl: string, storage: object): Client }
  users: { addUser(username: string, password: string, role: string): void; database: Database }
}>('docs/moving/fastify-jwt.md', ['file before.ts', 'file app.ts', 'file bridge.ts', 'file client.ts', 'file users.ts'])

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

/** A token as the application before signs it, each time another one. */
let count = 0
const oldToken = (claims: object = bob, options: jsonwebtoken.SignOptions = { expiresIn: '7d' }, secret = oldSecret) =>
  jsonwebtoken.sign({ iat: now() - 3600, count: count++, ...claims }, secret, options)

async function start(t: Test, server: object = {}) {
  const after = await app.createApp(server)
  t.teardown(() => after.close())
  const get = (url: string, token: string) => after.inject({ url, headers: { authorization: `Bearer ${token}` } })
  const exchange = (token: string, headers: object = {}) =>
    after.inject({ method: 'POST', url: '/exchange', headers: { authorization: `Bearer ${token}`, ...headers } })
  return { after, get, exchange }
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
  const tokens = tokensOf(await exchange(oldToken({ ...bob, role: 'admin', roles: ['admin'] })))
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
    expired: oldToken({ ...bob, iat: now() - 7200, exp: now() - 3600 }, {}),
    'without iat': jsonwebtoken.sign(bob, oldSecret, { noTimestamp: true }),
    'of a user who was deleted': oldToken({ id: 99 }),
    'with an id that is not a number': oldToken({ id: '2' }),
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

t.test('a token without exp ends with the bridge', async (t) => {
  const forever = jsonwebtoken.sign({ ...bob, iat: now() - 1_000_000 }, oldSecret)
  t.equal((await (await start(t)).get('/me', forever)).statusCode, 200)
  const end = process.env.OLD_TOKENS_END
  t.teardown(() => (process.env.OLD_TOKENS_END = end))
  process.env.OLD_TOKENS_END = '2020-01-01T00:00:00Z'
  const { get, exchange } = await start(t)
  t.strictSame(codeOf(await get('/me', forever)), invalid)
  t.strictSame(codeOf(await exchange(forever)), invalid)
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

t.test(
  'the bridge does not start with a secret that can be guessed, or that is the new one, or without an end',
  async (t) => {
    const wrong: [NodeJS.ProcessEnv, string][] = [
      [{ JWT_SECRET: 'supersecret' }, 'JWT_SECRET can be guessed: do not accept its tokens'],
      [{ JWT_SECRET: process.env.AUTH_SECRET }, 'AUTH_SECRET must be new'],
      [{ OLD_TOKENS_END: '' }, 'OLD_TOKENS_END must be a date']
    ]
    for (const [environment, message] of wrong) {
      const usual = { ...process.env }
      Object.assign(process.env, environment)
      await t.rejects(app.createApp({}), { message })
      process.env = usual
    }
    t.type(bridge.bridge, 'function')
  }
)
