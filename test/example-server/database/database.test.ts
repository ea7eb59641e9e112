import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { Client } from 'pg'
import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { bearer, password, register, tokensOf } from '../../fixtures/example-client.ts'
import { databaseNames, databases, skips } from '../../fixtures/example-databases.ts'
import { createInjected } from '../../fixtures/example-server.ts'
import { skip as skipWithoutPostgres, startPostgres } from '../../fixtures/postgres-server.ts'
import { skipWithoutRedis, startRedis } from '../../fixtures/redis-server.ts'

// Databases start slowly on a busy machine.
t.setTimeout(600_000)

const user = { username: 'bob', password }

interface Sent {
  readonly method?: 'GET' | 'POST'
  readonly url: string
  readonly payload?: object
  readonly headers?: Record<string, string>
}

async function send(app: FastifyInstance, request: Sent) {
  const response = await app.inject(request)
  return {
    status: response.statusCode,
    code: response.json().code,
    retryAfter: response.headers['retry-after'],
    cookies: response.cookies,
    body: response.json()
  }
}

/** Repeats a request until its response has this status. */
async function sendUntil(status: number, { app, ...request }: Sent & { app: FastifyInstance }) {
  for (;;) {
    const response = await send(app, request)
    if (response.status === status) return response
    await setTimeout(5)
  }
}

for (const name of databaseNames) {
  t.test(`with ${name}`, skips[name], async (t) => {
    const server = await databases[name]()
    t.teardown(server.stop)

    t.test('a sign-out on one node is refused on another', async (t) => {
      const env = { ...server.env, DATA_DIR: t.testdir() }
      const [one, other] = [await createInjected(t, { env }), await createInjected(t, { env })]
      await register(one.app, 'alice')
      const tokens = await tokensOf(one.app, 'alice')
      const me = { app: other.app, url: '/me', headers: bearer(tokens) }
      t.equal((await send(other.app, { url: '/me', headers: bearer(tokens) })).status, 200)
      await one.app.inject({ method: 'POST', url: '/auth/logout', payload: { refresh_token: tokens.refresh_token } })
      t.equal((await sendUntil(401, me)).code, 'AUTH_REVOKED_TOKEN')
    })

    t.test(
      'while it is down, routes that need it return 503, access tokens work, and nobody is signed out',
      async (t) => {
        const { app } = await createInjected(t, { env: server.env })
        t.match(await send(app, { method: 'POST', url: '/auth/register', payload: user }), { status: 201 })
        const byCookie = { ...user, transport: 'cookie' }
        const signedIn = await send(app, { method: 'POST', url: '/auth/login', payload: byCookie })
        t.equal(signedIn.status, 200)
        const headers = { cookie: signedIn.cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }
        t.equal((await send(app, { url: '/health/ready' })).status, 200)

        await server.stopForNow()
        const [me, ready, live, notes, ...refused] = await Promise.all([
          send(app, { url: '/me', headers }),
          send(app, { url: '/health/ready' }),
          send(app, { url: '/health/live' }),
          send(app, { url: '/notes', headers }),
          send(app, { method: 'POST', url: '/auth/login', payload: user }),
          send(app, { method: 'POST', url: '/auth/register', payload: { ...user, username: 'carol' } }),
          send(app, { method: 'POST', url: '/auth/refresh', headers }),
          send(app, { url: '/auth/sessions', headers })
        ])
        t.match([me, live], [{ status: 200 }, { status: 200 }])
        t.match(ready, { status: 503, code: 'NOT_READY' })
        t.match(notes, { status: server.notesWithoutIt })
        for (const response of refused) {
          t.match(response, { status: 503, code: /^(DATABASE|AUTH_STORE)_UNAVAILABLE$/, retryAfter: '2' })
          t.notMatch(JSON.stringify(response.body), /sock|connect|redis|postgres/i, "without the database's message")
          t.strictSame(response.cookies, [], 'the cookies stay')
        }

        // A server that starts while the database is down becomes ready when the database is back.
        const started = await createInjected(t, { env: server.env })
        t.equal((await send(started.app, { method: 'POST', url: '/auth/login', payload: user })).status, 503)

        await server.start()
        const refreshed = await sendUntil(200, { app, method: 'POST', url: '/auth/refresh', headers })
        t.strictSame(refreshed.cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
        await sendUntil(200, { app, url: '/health/ready' })
        t.equal((await sendUntil(200, { app, method: 'POST', url: '/auth/login', payload: user })).status, 200)
        t.equal((await send(app, { url: '/notes', headers })).status, 200)

        const dora = { ...user, username: 'dora' }
        await sendUntil(201, { app: started.app, method: 'POST', url: '/auth/register', payload: dora })
        await sendUntil(200, { app: started.app, url: '/health/ready' })
        t.equal((await send(started.app, { method: 'POST', url: '/auth/login', payload: dora })).status, 200)
      }
    )
  })
}

t.test(
  'openDatabase() rejects if PostgreSQL or Redis refuses the credentials, and does not show them',
  {
    ...skipWithoutRedis,
    ...(skipWithoutPostgres && { skip: skipWithoutPostgres })
  },
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

t.test(
  'openDatabase() rejects a PostgreSQL database that a newer version has used',
  { ...(skipWithoutPostgres && { skip: skipWithoutPostgres }) },
  async (t) => {
    const { connection, stop } = await startPostgres()
    t.teardown(stop)
    const { host, user, database } = connection
    const config = readConfig({
      DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}`,
      DATA_DIR: t.testdir()
    })
    await (await openDatabase(config)).close()
    const client = new Client(connection)
    await client.connect()
    await client.query("INSERT INTO app_schema (step) VALUES ('999-later')")
    await client.end()
    await t.rejects(openDatabase(config), {
      message:
        'a newer version of this server has changed its tables (999-later): ' +
        'start that version, or restore a backup from before the update'
    })
  }
)
