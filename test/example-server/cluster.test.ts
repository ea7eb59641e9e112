import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { bearer, login, password, type Tokens } from '../fixtures/example-client.ts'
import { databases, skips } from '../fixtures/example-databases.ts'
import { createInjected, startCluster } from '../fixtures/example-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

async function post(url: string, { body, headers = {} }: { body: object; headers?: Record<string, string> }) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body)
  })
  return { status: response.status, body: response.status === 204 ? null : ((await response.json()) as any) }
}

async function get(url: string, tokens: Tokens) {
  const response = await fetch(url, { headers: bearer(tokens) })
  return { status: response.status, body: (await response.json()) as any }
}

t.test(
  'three nodes over PostgreSQL and Redis act as one server: a sign-out on one is refused on all',
  skips.postgres.skip ? skips.postgres : skips.redis,
  async (t) => {
    const [postgres, redis] = await Promise.all([databases.postgres(), databases.redis()])
    t.teardown(() => Promise.all([postgres.stop(), redis.stop()]))
    const env = { ...postgres.env, ...redis.env, DATA_DIR: t.testdir(), DEMO_PASSWORD: password }
    const { a, b, c, output, stop } = await startCluster(env)
    let running = true
    t.teardown(async () => {
      if (running) await stop()
    })

    const signIn = async (url: string) =>
      (await post(`${url}/auth/login`, { body: { username: 'alice', password } })).body as Tokens
    const [leaving, staying] = [await signIn(a), await signIn(b)]
    t.equal((await post(`${a}/notes`, { body: { text: 'remember' }, headers: bearer(leaving) })).status, 201)
    t.match((await get(`${b}/notes`, leaving)).body, [{ text: 'remember' }])
    t.equal((await get(`${c}/auth/sessions`, leaving)).body.length, 2)
    const refreshed = await post(`${b}/auth/refresh`, { body: { refresh_token: leaving.refresh_token } })
    t.equal(refreshed.status, 200)
    t.equal((await get(`${c}/me`, refreshed.body)).status, 200)

    const { refresh_token: refreshToken } = refreshed.body as Tokens
    t.equal((await post(`${a}/auth/logout`, { body: { refresh_token: refreshToken } })).status, 204)
    t.equal((await get(`${a}/me`, leaving)).body.code, 'AUTH_REVOKED_TOKEN', 'immediately on the node of the sign-out')
    for (const node of [b, c]) {
      let response = await get(`${node}/me`, leaving)
      while (response.status === 200) {
        await setTimeout(5)
        response = await get(`${node}/me`, leaving)
      }
      t.match(response, { status: 401, body: { code: 'AUTH_REVOKED_TOKEN' } })
    }
    t.match((await post(`${c}/auth/refresh`, { body: { refresh_token: refreshToken } })).body, {
      code: 'AUTH_REFRESH_INVALID'
    })
    running = false
    t.equal(await stop(), 0)
    t.equal(output.text.match(/Sign in as alice/g)?.length, 1, 'the demo users are printed once')
    // A slow machine may exceed a database's time limit at the start, which the server survives.
    const withoutDatabase = output.text.replace(/^.*the database is (un)?available.*$/gm, '')
    t.notMatch(withoutDatabase, /"level":[456]0/)

    const { app } = await createInjected(t, { env })
    t.match((await app.inject({ url: '/me', headers: bearer(staying) })).json(), { name: 'alice' })
    const refused = await app.inject({ url: '/me', headers: bearer(leaving) })
    t.match(refused.json(), { statusCode: 401, code: 'AUTH_REVOKED_TOKEN' })
    t.match((await app.inject({ url: '/notes', headers: bearer(staying) })).json(), [{ text: 'remember' }])
    const payload = { refresh_token: staying.refresh_token }
    t.equal((await app.inject({ method: 'POST', url: '/auth/refresh', payload })).statusCode, 200)
    t.equal((await login(app, { username: 'ALICE' })).statusCode, 200)
  }
)
