import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express, type RequestHandler } from 'express'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import jsonwebtoken from 'jsonwebtoken'
import t, { type Test } from 'tap'
import type { BearerResponse } from '../../../plugin/index.ts'
import type { Client } from './client.ts'
import { releaseGarbage } from '../../fixtures/heap.ts'
import { importFiles } from '../printed-code.ts'
import { createAddress, createLog, createStorage, type Listening } from './servers.ts'
import { defineUsers } from './users.ts'

const files = ['file before.ts', 'file between.ts', 'file app.ts', 'file bridge.ts', 'file passport-jwt.ts']
const pages = await importFiles<{
  before: { createApp(): Express }
  between: { createApp(): Express; createAuthenticate(): RequestHandler }
  app: { createApp(server: object): Promise<FastifyInstance> }
  'passport-jwt': { createAuthenticate(): RequestHandler }
}>('docs/moving/express.md', files)
const { client } = await importFiles<{ client: { createClient(baseUrl: string, storage: object): Client } }>(
  'docs/moving/fastify-jwt.md',
  ['file client.ts']
)

const users = defineUsers()
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const oldSecret = 'the secret that jsonwebtoken signed with'
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
Object.assign(process.env, {
  JWT_SECRET: oldSecret,
  AUTH_SECRET: 'the new secret, of 32 bytes or more',
  AUTH_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  OLD_TOKENS_END: inDays(1)
})
const now = () => Math.floor(Date.now() / 1000)

/** An Express application as something that listens. */
function listening(app: Express): Listening {
  const server = createServer(app)
  return {
    server,
    listen: ({ port, host }) => new Promise<void>((resolve) => server.listen(port, host, resolve)),
    close: () => new Promise((resolve) => server.close(resolve))
  }
}

async function listen(t: Test, app: Express): Promise<string> {
  const { server, listen, close } = listening(app)
  await listen({ port: 0, host: '127.0.0.1' })
  t.teardown(close)
  return `http://127.0.0.1:${((server as Server).address() as AddressInfo).port}`
}

/** The Fastify application at an address, so that Express can read its keys. */
async function startFastify(t: Test, server: object = {}) {
  process.env.EXPRESS_URL ??= 'http://127.0.0.1:1'
  const app = await pages.app.createApp(server)
  t.teardown(() => app.close())
  process.env.JWKS_URI = `${await app.listen({ port: 0, host: '127.0.0.1' })}/.well-known/jwks.json`
  const exchange = (token: string) =>
    app.inject({ method: 'POST', url: '/exchange', headers: { authorization: `Bearer ${token}` } })
  const get = (url: string, token: string) => app.inject({ url, headers: { authorization: `Bearer ${token}` } })
  const signOut = (token: string) =>
    app.inject({ method: 'POST', url: '/logout', headers: { authorization: `Bearer ${token}` } })
  return { app, exchange, get, signOut }
}

/** A token as the sign-in of the application before signs it, each time another one. */
let iat = now() - 60
const oldToken = (claims: object = {}, options: jsonwebtoken.SignOptions = {}, secret: string = oldSecret) =>
  jsonwebtoken.sign({ userId: 'alice', roles: [], iat: iat--, ...claims }, secret, { expiresIn: '1d', ...options })
const codeOf = (response: LightMyRequestResponse) => [response.statusCode, response.json<{ code?: string }>().code]
const invalid = [401, 'AUTH_INVALID_TOKEN']

t.test('one client stays signed in while routes move from Express to Fastify', async (t) => {
  const address = createAddress(t)
  const storage = createStorage()
  const { lines, logger } = createLog()
  const load = () => {
    const loaded = client.createClient(address.url(), storage)
    t.teardown(() => loaded.close())
    return loaded
  }
  async function read(page: Client) {
    const paths = ['/me', '/reports']
    const responses = await Promise.all(paths.map((path) => page.fetch(path)))
    return Promise.all(responses.map(async (response) => (response.ok ? response.json() : response.status)))
  }
  const all = [{ id: 'alice' }, { for: 'alice' }]

  await address.deploy(listening(pages.before.createApp()))
  const page = load()
  t.equal(await page.signIn('alice', 'wonderland'), true)
  t.strictSame(await read(page), all)

  process.env.JWKS_URI = `${address.url()}/.well-known/jwks.json`
  process.env.EXPRESS_URL = await listen(t, pages.between.createApp())
  await address.deploy(await pages.app.createApp({ logger }))
  t.strictSame(await read(page), [401, { for: 'alice' }], 'a page that is open since before')
  t.strictSame(await read(load()), all, 'loaded again')
  t.equal(storage.getItem('token'), null)
  t.strictSame(
    lines.filter(({ oldToken }) => oldToken !== undefined).map(({ oldToken, sub }) => [oldToken, sub]),
    [['exchange', 'alice']]
  )
  const last = load()
  await last.signOut()
  t.strictSame(await read(last), [401, 401])
  t.equal(await last.signIn('alice', 'wonderland'), true)
  t.strictSame(await read(load()), all)
})

t.test('the bridge refuses what the old application did not sign, or has ended', async (t) => {
  const { app, exchange } = await startFastify(t)
  const [jwk] = app.keys.jwks().keys
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' })
  const tokens = (await exchange(oldToken())).json<BearerResponse>()
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const wrong: Record<string, string> = {
    'of another secret': oldToken({}, {}, 'another secret, as long as the real one'),
    'of the published key as a secret': oldToken({}, {}, JSON.stringify(jwk)),
    'of a public key as a secret': oldToken({}, {}, pem as string),
    'of another algorithm': oldToken({}, { algorithm: 'HS512' }),
    'without a signature': `${encode({ alg: 'none' })}.${encode({ userId: 'alice', iat: now() })}.`,
    expired: oldToken({ iat: now() - 2 * 86_400 }),
    'without exp': jsonwebtoken.sign({ userId: 'alice', roles: [], iat: now() - 60 }, oldSecret),
    'a link that resets the password': oldToken({}, { expiresIn: '15m' }),
    'a link with a purpose': oldToken({ purpose: 'unsubscribe' }),
    'with an issuer': oldToken({ iss: 'https://api.example.com' }),
    'of a user who was deleted': oldToken({ userId: 'carol' }),
    'of this plugin': tokens.access_token,
    'a refresh token': tokens.refresh_token
  }
  for (const [name, token] of Object.entries(wrong)) t.strictSame(codeOf(await exchange(token)), invalid, name)

  users.change('alice', { tokensValidAfter: Date.now() - 1000 })
  t.strictSame(codeOf(await exchange(oldToken())), invalid, 'from before a password change')
  users.restore()
  process.env.OLD_TOKENS_END = inDays(-1)
  const ended = await startFastify(t)
  t.strictSame(codeOf(await ended.exchange(oldToken())), invalid, 'after the end')
  process.env.OLD_TOKENS_END = inDays(1)
})

t.test('an old token that is exchanged twice ends the session that it started', async (t) => {
  const { app, exchange } = await startFastify(t)
  const token = oldToken()
  const { statusCode } = await exchange(token)
  t.equal(statusCode, 200)
  t.equal((await app.sessions.list('alice')).length, 1)
  t.strictSame(codeOf(await exchange(token)), invalid)
  t.strictSame(await app.sessions.list('alice'), [])
})

t.test('sign-out with an old token ends it, and the session that a thief started with it', async (t) => {
  const { exchange, get, signOut } = await startFastify(t)
  const token = oldToken()
  t.equal((await signOut(token)).statusCode, 204)
  t.strictSame(codeOf(await exchange(token)), invalid)

  const stolen = oldToken()
  const thief = (await exchange(stolen)).json<BearerResponse>()
  t.equal((await get('/me', thief.access_token)).statusCode, 200)
  t.equal((await signOut(stolen)).statusCode, 204)
  t.strictSame(codeOf(await get('/me', thief.access_token)), [401, 'AUTH_REVOKED_TOKEN'])
  t.strictSame(codeOf(await signOut(oldToken({}, { expiresIn: '15m' }))), invalid, 'not a token of a sign-in')
})

t.test('the bridge keeps its database, also when memory is freed', async (t) => {
  const { exchange } = await startFastify(t)
  await releaseGarbage()
  t.equal((await exchange(oldToken())).statusCode, 200)
})

for (const [name, { createAuthenticate }] of Object.entries({
  'express-jwt': pages.between,
  'passport-jwt': pages['passport-jwt']
})) {
  t.test(`${name} accepts old and new tokens, and confuses neither key nor algorithm`, async (t) => {
    const { app } = await startFastify(t)
    const server = express()
    server.get('/', createAuthenticate(), (request, response) => {
      const { auth, user } = request as unknown as { auth?: { userId: string }; user?: { id: string } }
      response.json(auth?.userId ?? user?.id)
    })
    server.use((error: { status?: number }, _request: unknown, response: express.Response, next: () => void) => {
      if (error.status === undefined) next()
      else response.sendStatus(error.status)
    })
    const url = await listen(t, server)
    const get = async (token: string) => {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
      return response.ok ? response.json() : response.status
    }
    const sign = (options: object = {}) => app.accessTokens.sign({ sub: 'alice', claims: { roles: [] }, ...options })

    t.equal(await get(oldToken()), 'alice')
    t.equal(await get(await sign()), 'alice')
    const iss = 'https://api.example.com'
    const [jwk] = app.keys.jwks().keys as { kid: string }[]
    const header = { alg: 'HS256', kid: jwk!.kid }
    const wrong = {
      'the old secret, with the issuer': oldToken({ iss, aud: iss, sub: 'alice' }, { header }),
      'the published key as a secret': oldToken({ iss, aud: iss, sub: 'alice' }, { header }, JSON.stringify(jwk)),
      'another issuer': oldToken({ iss: 'https://other.example', aud: iss }),
      'another purpose': await sign({ audience: 'password-reset' }),
      'the old secret as an ES256 key': oldToken({ sub: 'alice' }, {}, 'another secret, as long as the real one'),
      nothing: ''
    }
    for (const [reason, token] of Object.entries(wrong)) t.equal(await get(token), 401, reason)
  })
}
