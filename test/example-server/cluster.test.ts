import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { readConfig } from '../../example-server/config/config.ts'
import { openDatabase } from '../../example-server/database/database.ts'
import { createInjected, startCluster } from '../fixtures/example-server.ts'
import { skip as skipWithoutPostgres, startPostgres } from '../fixtures/postgres-server.ts'
import { skipWithoutRedis, startRedis } from '../fixtures/redis-server.ts'

// Processes that start from TypeScript take their time on a busy machine.
t.setTimeout(120_000)

const password = 'correct horse battery staple'
const user = { username: 'bob', password }

interface Tokens {
  access_token: string
  refresh_token: string
}

const bearer = ({ access_token: token }: Tokens) => ({ authorization: `Bearer ${token}` })

/** Each: what it is called in the environment, a private server, and which routes go on without it. */
const backends = {
  async redis() {
    const server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
    return {
      env: { REDIS_URL: `unix://${server.path}` },
      start: server.start,
      stopForNow: server.kill,
      stop: server.stop,
      notesWithoutIt: 200
    }
  },
  async postgres() {
    const {
      connection: { host, user, database },
      start,
      crash,
      stop
    } = await startPostgres()
    const env = { DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}` }
    return { env, start, stopForNow: crash, stop, notesWithoutIt: 503 }
  }
}
const skips = { redis: skipWithoutRedis, postgres: { skip: skipWithoutPostgres } }
const names = ['redis', 'postgres'] as const

async function post(url: string, body: object, headers: Record<string, string> = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body)
  })
  return { status: answer.status, body: answer.status === 204 ? null : ((await answer.json()) as any) }
}

async function get(url: string, tokens: Tokens) {
  const answer = await fetch(url, { headers: bearer(tokens) })
  return { status: answer.status, body: (await answer.json()) as any }
}

/** Asks again and again until the answer has this status. */
async function until<Answer extends { status: number }>(status: number, ask: () => Promise<Answer>): Promise<Answer> {
  for (const deadline = Date.now() + 15_000; ;) {
    const answer = await ask()
    if (answer.status === status) return answer
    if (Date.now() > deadline) throw new Error(`still ${answer.status}, not ${status}`)
    await setTimeout(5)
  }
}

async function inject(
  app: FastifyInstance,
  method: 'GET' | 'POST',
  url: string,
  { payload, headers = {} }: { payload?: object; headers?: Record<string, string> } = {}
) {
  const answer = await app.inject({ method, url, headers, ...(payload && { payload }) })
  return {
    status: answer.statusCode,
    code: answer.json().code,
    retryAfter: answer.headers['retry-after'],
    cookies: answer.cookies,
    body: answer.json()
  }
}

for (const name of names) {
  t.test(
    `three nodes over ${name} are one server: signed out on one is refused on all, and a restart keeps everything`,
    skips[name],
    async (t) => {
      const backend = await backends[name]()
      t.teardown(backend.stop)
      const env = { ...backend.env, DATA_DIR: t.testdir(), DEMO_PASSWORD: password }
      const { a, b, c, output, stop } = await startCluster(env)
      let running = true
      t.teardown(async () => {
        if (running) await stop()
      })

      const login = async (url: string) =>
        (await post(`${url}/auth/login`, { username: 'alice', password })).body as Tokens
      const [leaving, staying] = [await login(a), await login(b)]
      t.equal((await post(`${a}/notes`, { text: 'remember' }, bearer(leaving))).status, 201)
      t.match((await get(`${b}/notes`, leaving)).body, [{ text: 'remember' }])
      t.equal((await get(`${c}/auth/sessions`, leaving)).body.length, 2)
      const refreshed = await post(`${b}/auth/refresh`, { refresh_token: leaving.refresh_token })
      t.equal(refreshed.status, 200)
      t.equal((await get(`${c}/me`, refreshed.body)).status, 200)

      t.equal((await post(`${a}/auth/logout`, { refresh_token: refreshed.body.refresh_token })).status, 204)
      t.equal((await get(`${a}/me`, leaving)).body.code, 'AUTH_REVOKED_TOKEN', 'where it was signed out: at once')
      for (const node of [b, c]) {
        t.match((await until(401, () => get(`${node}/me`, leaving))).body, { code: 'AUTH_REVOKED_TOKEN' })
      }
      t.match((await post(`${c}/auth/refresh`, { refresh_token: refreshed.body.refresh_token })).body, {
        code: 'AUTH_REFRESH_INVALID'
      })
      running = false
      t.equal(await stop(), 0)
      t.equal(output.text.match(/Sign in as alice/g)?.length, 1, 'how to sign in is said once')
      t.notMatch(output.text, /"level":[456]0/)

      const { app } = await createInjected(t, env)
      t.match(await inject(app, 'GET', '/me', { headers: bearer(staying) }), { status: 200, body: { name: 'alice' } })
      t.match(await inject(app, 'GET', '/me', { headers: bearer(leaving) }), {
        status: 401,
        code: 'AUTH_REVOKED_TOKEN'
      })
      t.match(await inject(app, 'GET', '/notes', { headers: bearer(staying) }), { body: [{ text: 'remember' }] })
      t.match(await inject(app, 'POST', '/auth/refresh', { payload: { refresh_token: staying.refresh_token } }), {
        status: 200
      })
      t.match(await inject(app, 'POST', '/auth/login', { payload: { username: 'ALICE', password } }), { status: 200 })
    }
  )

  t.test(
    `while ${name} is away, what needs it is 503 with Retry-After, tokens go on working, and nobody is signed out`,
    skips[name],
    async (t) => {
      const backend = await backends[name]()
      t.teardown(backend.stop)
      const { app } = await createInjected(t, backend.env)
      t.match(await inject(app, 'POST', '/auth/register', { payload: user }), { status: 201 })
      const signedIn = await inject(app, 'POST', '/auth/login', { payload: { ...user, transport: 'cookie' } })
      t.equal(signedIn.status, 200)
      const cookie = { cookie: signedIn.cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }
      t.equal((await inject(app, 'GET', '/health/ready')).status, 200)

      await backend.stopForNow()
      const startedAt = Date.now()
      const [me, ready, live, notes, ...refused] = await Promise.all([
        inject(app, 'GET', '/me', { headers: cookie }),
        inject(app, 'GET', '/health/ready'),
        inject(app, 'GET', '/health/live'),
        inject(app, 'GET', '/notes', { headers: cookie }),
        inject(app, 'POST', '/auth/login', { payload: user }),
        inject(app, 'POST', '/auth/register', { payload: { ...user, username: 'carol' } }),
        inject(app, 'POST', '/auth/refresh', { headers: cookie }),
        inject(app, 'GET', '/auth/sessions', { headers: cookie })
      ])
      t.ok(Date.now() - startedAt < 4000, 'and says so soon')
      t.match([me, live], [{ status: 200 }, { status: 200 }])
      t.match(ready, { status: 503, code: 'NOT_READY' })
      t.match(notes, { status: backend.notesWithoutIt })
      for (const answer of refused) {
        t.match(answer, { status: 503, code: /^(DATABASE|AUTH_STORE)_UNAVAILABLE$/, retryAfter: '2' })
        t.notMatch(JSON.stringify(answer.body), /sock|connect|redis|postgres/i, 'nothing of what the database said')
        t.strictSame(answer.cookies, [], 'cookies are kept')
      }

      await backend.start()
      const refreshed = await until(200, () => inject(app, 'POST', '/auth/refresh', { headers: cookie }))
      t.strictSame(refreshed.cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
      await until(200, () => inject(app, 'GET', '/health/ready'))
      t.equal((await until(200, () => inject(app, 'POST', '/auth/login', { payload: user }))).status, 200)
      t.equal((await inject(app, 'GET', '/notes', { headers: cookie })).status, 200)
    }
  )

  t.test(`a server that starts while ${name} is away is ready when that is`, skips[name], async (t) => {
    const backend = await backends[name]()
    t.teardown(backend.stop)
    await backend.stopForNow()
    const { app } = await createInjected(t, backend.env)
    t.equal((await inject(app, 'POST', '/auth/login', { payload: user })).status, 503)
    await backend.start()
    await until(201, () => inject(app, 'POST', '/auth/register', { payload: user }))
    await until(200, () => inject(app, 'GET', '/health/ready'))
    t.match(await inject(app, 'POST', '/auth/login', { payload: user }), { status: 200 })
  })
}

t.test(
  'openDatabase() stops the start where PostgreSQL or Redis refuses what the URL names, and does not show it',
  { ...skipWithoutRedis, ...(skipWithoutPostgres && { skip: skipWithoutPostgres }) },
  async (t) => {
    const [redis, postgres] = await Promise.all([startRedis('--requirepass', 'right'), startPostgres()])
    t.teardown(async () => {
      await Promise.all([redis.stop(), postgres.stop()])
    })
    const host = encodeURIComponent(postgres.connection.host)
    const wrong: [Record<string, string>, string][] = [
      [
        { DATABASE_URL: `postgres://nobody:hush@${host}/postgres` },
        'PostgreSQL rejects the user, the password or the database of DATABASE_URL (28000)'
      ],
      [
        { DATABASE_URL: `postgres://postgres:hush@${host}/hush` },
        'PostgreSQL rejects the user, the password or the database of DATABASE_URL (3D000)'
      ],
      [
        { REDIS_URL: `unix://${redis.path}` },
        'Redis rejects the user, the password or the database of REDIS_URL (NOAUTH)'
      ]
    ]
    for (const [env, message] of wrong) {
      await t.rejects(openDatabase(readConfig({ ...env, DATA_DIR: t.testdir() })), { message })
    }
  }
)
