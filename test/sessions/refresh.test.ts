import { generateKeyPairSync } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { AuthenticateOptions } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { challenges, clearing, createApp, createClock, summaryOf } from '../fixtures/app.ts'

const cleared = [clearing('__Host-access'), clearing('__Host-refresh')]

/** Two deployments over one store: a session starts at the first and is refreshed at the second. */
async function deployed(before: Partial<AuthenticateOptions>, after: Partial<AuthenticateOptions>) {
  const clock = createClock()
  const store = memoryStore({ clock })
  const lines: { level: number; err?: { message: string } }[] = []
  const logger = {
    level: 'error',
    stream: {
      write: (line: string) => {
        lines.push(JSON.parse(line))
      }
    }
  }
  const [first, second] = [
    await createApp({ plugin: { store, clock, ...before } }),
    await createApp({ plugin: { store, clock, ...after }, server: { logger } as never })
  ]
  return { clock, store, first, second, errors: () => lines.splice(0).map(({ err }) => err?.message) }
}

t.test(
  'a session whose stored claims no longer match the schema ends at its refresh, without a rotation',
  async (t) => {
    const { clock, store, first, second, errors } = await deployed(
      {},
      { accessToken: { claims: Type.Object({ tenant: Type.String() }) } }
    )
    for (const transport of ['bearer', 'cookie'] as const) {
      const { refresh, cookie, sessionId } = await first.signIn(transport)
      clock.advance(60)
      const request = transport === 'bearer' ? { payload: { refresh_token: refresh } } : { headers: { cookie } }
      const response = await second.app.inject({ method: 'POST', url: '/refresh', ...request })
      t.strictSame(summaryOf(response), {
        status: 401,
        code: 'AUTH_REFRESH_INVALID',
        challenge: challenges.refresh,
        cookies: transport === 'cookie' ? cleared : [],
        cacheControl: null
      })
      const { row } = await store.find(sessionId)
      t.strictSame([row?.generation, row?.revokedAt], [0, clock()])
    }
    t.strictSame(errors(), [])
  }
)

t.test(
  'refreshToken.claims that do not match the schema are a logged 500: nothing is written, nothing ends',
  async (t) => {
    const { clock, store, first, second, errors } = await deployed(
      {},
      {
        accessToken: { claims: Type.Object({ tenant: Type.String() }) },
        refreshToken: { claims: async () => ({ claims: {} }) }
      }
    )
    const { cookie, sessionId } = await first.signIn('cookie')
    clock.advance(60)
    for (let time = 0; time < 6; time++) {
      const response = await second.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
      t.strictSame([response.statusCode, summaryOf(response).cookies], [500, []])
    }
    const { row } = await store.find(sessionId)
    t.strictSame([row?.generation, row?.revokedAt], [0, null])
    t.match(errors()[0], /do not match "accessToken.claims"/)
  }
)

t.test(
  'a cookie that browsers would drop is found out before anything is written: a logged 500, cookies kept',
  async (t) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096 })
    const { clock, store, first, second, errors } = await deployed({}, { keys: [{ key: privateKey }] })
    const { cookie, sessionId } = await first.signIn('cookie', { claims: { large: 'x'.repeat(2300) } })
    clock.advance(60)
    for (let time = 0; time < 6; time++) {
      const response = await second.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
      t.strictSame(
        [response.statusCode, response.json().code, summaryOf(response).cookies],
        [500, 'AUTH_TOKEN_TOO_LARGE', []]
      )
    }
    const { row } = await store.find(sessionId)
    t.strictSame([row?.generation, row?.revokedAt], [0, null])
    t.equal(errors().length, 6)
  }
)

t.test('refreshToken.claims receives what SessionInfo says, and nothing more of the row', async (t) => {
  const received: object[] = []
  const server = await createApp({
    plugin: {
      refreshToken: {
        claims: async (session) => {
          received.push(session)
          return {}
        }
      }
    }
  })
  const { refresh, sessionId } = await server.signIn('bearer', {
    device: 'phone',
    scope: 'a',
    claims: { roles: ['user'] }
  })
  server.clock.advance(60)
  await server.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
  t.strictSame(received, [{ id: sessionId, sub: 'alice', device: 'phone', scope: 'a', claims: { roles: ['user'] } }])
})

t.test('refreshToken.claims that forgets its `return` is a logged 500 that names it, and ends nothing', async (t) => {
  for (const value of [undefined, 'text', 7, true]) {
    const { clock, store, first, second, errors } = await deployed(
      {},
      { refreshToken: { claims: (async () => value) as never } }
    )
    const { refresh, sessionId } = await first.signIn('bearer')
    clock.advance(60)
    const response = await second.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
    t.equal(response.statusCode, 500, String(value))
    t.strictSame(errors(), [
      '"refreshToken.claims" must return { claims?, scope? }, or null to end the session: ' +
        `received ${typeof value} (is a "return" missing?)`
    ])
    const { row } = await store.find(sessionId)
    t.strictSame([row?.generation, row?.revokedAt], [0, null])
  }
})
