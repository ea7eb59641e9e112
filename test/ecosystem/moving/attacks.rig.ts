// What attackers and broken clients send to the applications that docs/moving prints.
import { generateKeyPairSync } from 'node:crypto'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import jsonwebtoken from 'jsonwebtoken'
import t, { type Test } from 'tap'
import { importFiles } from '../printed-code.ts'
import { defineUsers } from './users.ts'

interface App {
  createApp(server: object): Promise<FastifyInstance>
}
interface OldApp {
  createApp(): FastifyInstance
}

const express = await importFiles<{ app: App }>('docs/moving/express.md', ['file app.ts'])
const fastifyJwt = await importFiles<{ app: App; users: { addUser(...values: string[]): void } }>(
  'docs/moving/fastify-jwt.md',
  ['file app.ts', 'file users.ts']
)
const refresh = await importFiles<{ app: App; before: OldApp }>('docs/moving/refresh.md', [
  'file app.ts',
  'file before.ts'
])

defineUsers()
const oldSecret = 'the secret that the old library signed with'
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
Object.assign(process.env, {
  JWT_SECRET: oldSecret,
  AUTH_SECRET: 'the new secret, of 32 bytes or more',
  AUTH_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  EXPRESS_URL: 'http://127.0.0.1:9',
  OLD_TOKENS_END: new Date(Date.now() + 86_400_000).toISOString()
})
fastifyJwt.users.addUser('alice', 'wonderland', 'admin')
const now = () => Math.floor(Date.now() / 1000)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const codeOf = (response: LightMyRequestResponse) => [response.statusCode, response.json<{ code?: string }>().code]

async function start(t: Test, { createApp }: App): Promise<FastifyInstance> {
  const app = await createApp({})
  t.teardown(() => app.close())
  return app
}

for (const [page, { app: module }, urls] of [
  ['express', express, ['/login', '/refresh', '/logout', '/exchange']],
  ['fastify-jwt', fastifyJwt, ['/login', '/refresh', '/logout', '/exchange']],
  ['refresh', refresh, ['/login', '/refresh', '/logout']]
] as const) {
  t.test(`docs/moving/${page}.md: a body that is not an object is an error of the client`, async (t) => {
    const app = await start(t, module)
    const json = { 'content-type': 'application/json' }
    for (const url of urls) {
      for (const body of [{}, ...['null', '[]', '"a"', '1', '{}'].map((payload) => ({ payload, headers: json }))]) {
        const { statusCode } = await app.inject({ method: 'POST', url, ...body })
        t.ok(statusCode < 500, `POST ${url} ${JSON.stringify(body)}: ${statusCode}`)
      }
    }
  })
}

const ofFuture = () => [now() + 60, now() * 1000, 2 ** 52]

t.test('docs/moving/express.md: an old token of the future is refused', async (t) => {
  const app = await start(t, express.app)
  for (const iat of ofFuture()) {
    const headers = bearer(jsonwebtoken.sign({ userId: 'alice', roles: [], iat, exp: iat + 86_400 }, oldSecret))
    t.strictSame(codeOf(await app.inject({ method: 'POST', url: '/exchange', headers })), [401, 'AUTH_INVALID_TOKEN'])
  }
})

t.test('docs/moving/fastify-jwt.md: an old token of the future is refused', async (t) => {
  const app = await start(t, fastifyJwt.app)
  for (const iat of ofFuture()) {
    const headers = bearer(
      jsonwebtoken.sign({ id: 1, username: 'alice', role: 'admin', iat, exp: iat + 604_800 }, oldSecret)
    )
    t.strictSame(codeOf(await app.inject({ method: 'POST', url: '/exchange', headers })), [401, 'AUTH_INVALID_TOKEN'])
    t.strictSame(codeOf(await app.inject({ url: '/me', headers })), [401, 'AUTH_INVALID_TOKEN'])
  }
})

t.test('docs/moving/refresh.md: a sign-out during an exchange leaves no session', async (t) => {
  const old = refresh.before.createApp()
  t.teardown(() => old.close())
  const app = await start(t, refresh.app)
  const payload = { username: 'alice', password: 'wonderland' }
  const { refreshToken } = (await old.inject({ method: 'POST', url: '/login', payload })).json()
  // A thief sends the token. While the bridge looks up the user, the owner signs out with it.
  const given = globalThis as unknown as { findUser: (sub: string) => Promise<unknown> }
  const { findUser } = given
  t.teardown(() => (given.findUser = findUser))
  given.findUser = async (sub) => {
    const { statusCode } = await app.inject({ method: 'POST', url: '/logout', payload: { refreshToken } })
    t.equal(statusCode, 204)
    return await findUser(sub)
  }
  const exchanged = await app.inject({ method: 'POST', url: '/refresh', payload: { refreshToken } })
  t.equal(exchanged.statusCode, 401)
  t.strictSame(await app.sessions.list('alice'), [])
})
