import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { importFiles } from '../printed-code.ts'
import { createAddress, createLog } from './servers.ts'
import { defineUsers } from './users.ts'

interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string
}
interface Database {
  prepare(sql: string): { run(...values: unknown[]): unknown; get(...values: unknown[]): unknown }
}

const { before, app, database } = await importFiles<{
  before: { createApp(): FastifyInstance }
  app: { createApp(server: object): Promise<FastifyInstance> }
  database: { database: Database; hashOf(token: string): string }
}>('docs/moving/refresh.md', ['file before.ts', 'file app.ts', 'file database.ts', 'file bridge.ts'])

const users = defineUsers()
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
Object.assign(process.env, {
  JWT_SECRET: 'the secret that jsonwebtoken signed with',
  AUTH_SECRET: 'the new secret, of 32 bytes or more',
  OLD_TOKENS_END: inDays(30)
})
const password = { username: 'alice', password: 'wonderland' }

/** The client of the application before. It is never changed. */
function createClient(url: () => string) {
  let tokens: Tokens
  const post = (path: string, body: object) =>
    fetch(url() + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body)
    })
  async function keep(response: Response): Promise<boolean> {
    if (response.ok) tokens = (await response.json()) as Tokens
    return response.ok
  }
  const me = () => fetch(`${url()}/me`, { headers: { authorization: `Bearer ${tokens.accessToken}` } })
  return {
    signIn: async () => keep(await post('/login', password)),
    async me(): Promise<string | number> {
      let response = await me()
      if (response.status === 401 && (await keep(await post('/refresh', { refreshToken: tokens.refreshToken })))) {
        response = await me()
      }
      return response.ok ? ((await response.json()) as { id: string }).id : response.status
    },
    signOut: async () => (await post('/logout', { refreshToken: tokens.refreshToken })).status
  }
}

/** A refresh token as the application before hands it to its clients. */
async function oldToken(t: Test): Promise<string> {
  const old = before.createApp()
  t.teardown(() => old.close())
  return (await old.inject({ method: 'POST', url: '/login', payload: password })).json<Tokens>().refreshToken
}

async function start(t: Test) {
  const after = await app.createApp({})
  t.teardown(() => after.close())
  const post = (url: string, refreshToken: unknown) => after.inject({ method: 'POST', url, payload: { refreshToken } })
  const me = async ({ accessToken }: Tokens) =>
    (await after.inject({ url: '/me', headers: { authorization: `Bearer ${accessToken}` } })).statusCode
  return { after, post, me, refresh: (token: unknown) => post('/refresh', token) }
}
const codeOf = (response: LightMyRequestResponse) => [response.statusCode, response.json<{ code?: string }>().code]

t.test('the same client stays signed in before, between and after, and signs out', async (t) => {
  const address = createAddress(t)
  const { lines, logger } = createLog()
  await address.deploy(before.createApp())
  const [client, other] = [createClient(address.url), createClient(address.url)]
  t.equal(await client.signIn(), true)
  t.equal(await other.signIn(), true)
  t.equal(await client.me(), 'alice')

  const between = await address.deploy(await app.createApp({ logger }))
  t.equal(await client.me(), 'alice', 'the 401 of its old access token makes it refresh')
  t.equal(await client.me(), 'alice')
  t.equal((await between.sessions.list('alice')).length, 1)
  t.equal(await other.signOut(), 204, 'with an old token')
  t.equal(await other.me(), 401)
  t.strictSame(
    lines.filter(({ oldToken }) => oldToken !== undefined).map(({ oldToken, sub }) => [oldToken, sub]),
    [['exchange', 'alice']]
  )

  t.equal(await client.signOut(), 204)
  t.equal(await client.me(), 401)
  t.equal(await client.signIn(), true)
  t.equal(await client.me(), 'alice')
})

t.test('an old refresh token that comes twice ends the session that it started', async (t) => {
  const { refresh, me } = await start(t)
  const token = await oldToken(t)
  const first = (await refresh(token)).json<Tokens>()
  t.equal(await me(first), 200)
  t.strictSame(codeOf(await refresh(token)), [401, 'AUTH_REFRESH_REUSED'])
  t.equal(await me(first), 401)
  t.strictSame(codeOf(await refresh(first.refreshToken)), [401, 'AUTH_REFRESH_INVALID'])

  const other = await oldToken(t)
  const responses = await Promise.all([refresh(other), refresh(other)])
  t.strictSame(responses.map(({ statusCode }) => statusCode).sort(), [200, 401], 'at the same time')
  t.equal(await me(responses.find(({ statusCode }) => statusCode === 200)!.json()), 401)
})

t.test('old refresh tokens that are forged, expired, deleted, or of a deleted user are refused', async (t) => {
  const { refresh, post } = await start(t)
  const refused = [401, 'AUTH_REFRESH_INVALID']
  t.strictSame(codeOf(await refresh('0'.repeat(64))), refused, 'forged')
  t.strictSame(codeOf(await refresh({ $ne: null })), refused, 'an object')

  const token = await oldToken(t)
  const row = database.hashOf(token)
  database.database.prepare('UPDATE tokens SET expiresAt = ? WHERE hash = ?').run(Date.now(), row)
  t.strictSame(codeOf(await refresh(token)), refused, 'expired')

  const deleted = await oldToken(t)
  users.remove('alice')
  t.strictSame(codeOf(await refresh(deleted)), refused, 'of a deleted user')
  users.restore()

  const signedOut = await oldToken(t)
  t.equal((await post('/logout', signedOut)).statusCode, 204)
  t.strictSame(codeOf(await refresh(signedOut)), refused, 'signed out')
})

t.test('sign-out with an old token also ends the session that a thief started with it', async (t) => {
  const { refresh, post, me } = await start(t)
  const token = await oldToken(t)
  const thief = (await refresh(token)).json<Tokens>()
  t.equal((await post('/logout', token)).statusCode, 204)
  t.equal(await me(thief), 401)
})

t.test('the bridge ends on its date, and does not start without one', async (t) => {
  const token = await oldToken(t)
  t.teardown(() => (process.env.OLD_TOKENS_END = inDays(30)))
  process.env.OLD_TOKENS_END = inDays(-1)
  const { refresh } = await start(t)
  t.strictSame(codeOf(await refresh(token)), [401, 'AUTH_REFRESH_INVALID'])
  process.env.OLD_TOKENS_END = ''
  await t.rejects(app.createApp({}), { message: 'OLD_TOKENS_END must be a date' })
})
