import { Type } from '@sinclair/typebox'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { refusals, type RefusalCode } from '../../plugin/errors.ts'
import type { AuthEvent, SessionStore } from '../../plugin/index.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createKnownSessions } from '../../plugin/sessions/known-sessions.ts'
import { createRefresh } from '../../plugin/sessions/refresh.ts'
import { storeTimeoutMs } from '../../plugin/sessions/timed-store.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { type SessionRow } from '../../plugin/stores/session-store.ts'
import type { RefreshToken } from '../../plugin/tokens/refresh-token.ts'
import {
  challenges,
  createApp,
  createClock,
  epoch,
  issuer,
  neverPolling,
  secret,
  setCookies,
  summaryOf,
  type TestApp
} from '../fixtures/app.ts'
import {
  claimsOf,
  cleared,
  deployed,
  issueToken,
  otherSecret,
  present,
  rowOf,
  tokensOf,
  types,
  withMethods,
  type Transport
} from '../fixtures/refresh.ts'
import { rsaKey } from '../fixtures/rsa-key.ts'
import { me, refresh } from '../fixtures/signed-in.ts'

const day = 86_400

/** A session's history in seconds after sign-in, then a refresh, and what it results in. */
interface Case {
  readonly name: string
  readonly rotated?: readonly number[]
  readonly retried?: readonly number[]
  readonly revoked?: number
  /** The generation of the presented token, or the token itself. */
  readonly present: number | ((row: SessionRow) => string)
  readonly at: number
  /** The generation of the returned refresh token, or the refusal. */
  readonly response: number | RefusalCode
  /** How the row differs afterwards. `now` is the time of the request, `idle` the new idle expiry. */
  readonly row?: (now: number, idle: number) => Partial<SessionRow>
  readonly events: readonly AuthEvent['type'][]
}

const idleSeconds = 14 * day
const absoluteSeconds = 30 * day
const reuse = {
  response: 'AUTH_REFRESH_REUSED',
  row: (now: number) => ({ revokedAt: now }),
  events: ['refresh-token-reused', 'session-revoked', 'token-refused']
} as const
const invalid = { response: 'AUTH_REFRESH_INVALID', events: ['token-refused'] } as const
const superseded = { response: 'AUTH_REFRESH_SUPERSEDED', events: ['token-refused'] } as const

const cases: readonly Case[] = [
  { name: 'bad mac', present: (row) => issueToken(row.id, 0, row.sessionKey).slice(0, -3) + 'AAA', at: 60, ...invalid },
  {
    name: 'a token made from a stolen database without the secret',
    present: (row) => issueToken(row.id, 0, row.sessionKey, { by: otherSecret }),
    at: 60,
    ...invalid
  },
  {
    name: 'a token made from a leaked secret without the session key',
    present: (row) => issueToken(row.id, 0, 'not the session key'),
    at: 60,
    ...invalid
  },
  {
    name: 'an old token made from a leaked secret without the session key',
    rotated: [60, 120],
    present: (row) => issueToken(row.id, 0, 'not the session key'),
    at: 600,
    ...invalid
  },
  {
    name: 'a newer token made from a leaked secret without the session key',
    present: (row) => issueToken(row.id, 9, 'not the session key'),
    at: 60,
    ...invalid
  },
  {
    name: 'a token of another issuer with the same secret',
    present: (row) => issueToken(row.id, 0, row.sessionKey, { as: 'https://other.example.com' }),
    at: 60,
    ...invalid
  },
  { name: 'unknown session', present: (row) => issueToken('A'.repeat(22), 0, row.sessionKey), at: 60, ...invalid },
  { name: 'revoked, d = 0', revoked: 30, present: 0, at: 31, ...invalid },
  { name: 'revoked, d = 1 within G', rotated: [30], revoked: 31, present: 0, at: 32, ...invalid },
  { name: 'revoked, d = 2', rotated: [30, 60], revoked: 90, present: 0, at: 120, ...invalid },
  { name: 'revoked, d < 0', revoked: 30, present: 4, at: 31, ...invalid },
  { name: 'in the second of the idle expiry', present: 0, at: idleSeconds, ...invalid },
  {
    name: 'in the second of the absolute expiry, although refreshed before',
    rotated: [10 * day, 20 * day],
    present: 2,
    at: absoluteSeconds,
    ...invalid
  },

  {
    name: 'd = 0, a second before the idle expiry',
    present: 0,
    at: idleSeconds - 1,
    response: 1,
    row: (now, idle) => ({ generation: 1, rotatedAt: now, idleExpiresAt: idle }),
    events: ['session-refreshed']
  },
  {
    name: 'd = 0, near the absolute expiry: the idle expiry is not later',
    rotated: [10 * day, 20 * day],
    present: 2,
    at: 25 * day,
    response: 3,
    row: (now) => ({ generation: 3, rotatedAt: now, idleExpiresAt: now + 5 * day * 1000 }),
    events: ['session-refreshed']
  },
  {
    name: 'd = 0 at exactly G',
    present: 0,
    at: 10,
    response: 1,
    row: (now, idle) => ({ generation: 1, rotatedAt: now, idleExpiresAt: idle }),
    events: ['session-refreshed']
  },
  {
    name: 'd = 0 after rotations and retries: the retries stay counted',
    rotated: [60, 120],
    retried: [200, 300],
    present: 2,
    at: 400,
    response: 3,
    row: (now, idle) => ({ generation: 3, rotatedAt: now, idleExpiresAt: idle }),
    events: ['session-refreshed']
  },
  { name: 'd = 0 within G of sign-in', present: 0, at: 9, response: 0, events: ['refresh-coalesced'] },
  {
    name: 'd = 0 within G of a rotation',
    rotated: [60],
    present: 1,
    at: 69,
    response: 1,
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 within G of the rotation',
    rotated: [60],
    present: 0,
    at: 69,
    response: 1,
    row: () => ({ repeatedGeneration: 0, repeatStreak: 1 }),
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 within G of the last counted late retry',
    rotated: [60],
    retried: [100],
    present: 0,
    at: 109,
    response: 1,
    row: () => ({ repeatedGeneration: 0, repeatStreak: 1 }),
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 within G of the last late retry of the day',
    rotated: [60],
    retried: [100, 200],
    present: 0,
    at: 209,
    response: 1,
    row: () => ({ repeatedGeneration: 0, repeatStreak: 1 }),
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 at exactly G: one retry counted',
    rotated: [60],
    present: 0,
    at: 70,
    response: 1,
    row: (now, idle) => ({ retries: [now], idleExpiresAt: idle }),
    events: ['refresh-retried']
  },
  {
    name: 'd = 1 later: another retry counted',
    rotated: [60],
    retried: [100],
    present: 0,
    at: 110,
    response: 1,
    row: (now, idle) => ({ retries: [now - 10_000, now], idleExpiresAt: idle }),
    events: ['refresh-retried']
  },
  {
    name: 'd = 1 later, the limit reached a day ago: older retries are dropped',
    rotated: [60],
    retried: [100, 200],
    present: 0,
    at: 100 + day,
    response: 1,
    row: (now, idle) => ({ retries: [now - day * 1000 + 100_000, now], idleExpiresAt: idle }),
    events: ['refresh-retried']
  },
  { name: 'd = 1 later, the limit reached', rotated: [60], retried: [100, 200], present: 0, at: 99 + day, ...reuse },
  { name: 'd = 2 within G', rotated: [60, 120], present: 0, at: 129, ...superseded },
  { name: 'd = 3 within G', rotated: [60, 120, 180], present: 0, at: 189, ...superseded },
  { name: 'd = 2 at exactly G', rotated: [60, 120], present: 0, at: 130, ...reuse },
  { name: 'd = 2, long after', rotated: [60, 120], present: 0, at: 5 * day, ...reuse },
  { name: 'd = 2 within G of a counted retry only', rotated: [60, 120], retried: [200], present: 0, at: 201, ...reuse },
  {
    name: 'd = -1 (the store lost its last second)',
    present: 1,
    at: 5,
    response: 1,
    row: (now, idle) => ({ generation: 1, rotatedAt: now, idleExpiresAt: idle }),
    events: ['store-rolled-back']
  },
  {
    name: 'd = -2 in the millisecond of the last rotation that the store has kept',
    rotated: [60],
    present: 3,
    at: 60,
    response: 3,
    row: () => ({ generation: 3 }),
    events: ['store-rolled-back']
  },
  {
    name: 'd = -3, later',
    rotated: [60],
    present: 4,
    at: 600,
    response: 4,
    row: (now, idle) => ({ generation: 4, rotatedAt: now, idleExpiresAt: idle }),
    events: ['store-rolled-back']
  }
]

/** Gives the row the history of a case, by calls of the store. */
async function prepareRow(
  { store, clock }: TestApp,
  id: string,
  began: number,
  { rotated = [], retried = [], revoked }: Case
): Promise<void> {
  const idleMs = idleSeconds * 1000
  for (const [from, at] of rotated.entries()) {
    clock.set(began + at * 1000)
    await store.rotate(id, { from, to: from + 1, minAgeMs: 0, idleMs, accessLifetimeSeconds: 600 })
  }
  for (const at of retried) {
    clock.set(began + at * 1000)
    const { generation, retries } = await rowOf(store, id)
    await store.countRetry(id, { generation, retries, keepRetries: retries, idleMs, accessLifetimeSeconds: 600 })
  }
  if (revoked !== undefined) {
    clock.set(began + revoked * 1000)
    await store.revoke(id, { lifetimeSeconds: 600 })
  }
}

for (const { name, warm, claims } of [
  { name: 'reads the row first', warm: false, claims: undefined },
  { name: 'already knows the session', warm: true, claims: undefined },
  { name: 'calls refreshToken.claims', warm: true, claims: async () => ({}) }
]) {
  t.test(`reply.refresh() returns the expected response and leaves the expected row, when it ${name}`, async (t) => {
    const refreshToken = { idleSeconds, absoluteSeconds, lateRetries: 2, ...(claims && { claims }) }
    // The store knows more than the node: the row decides.
    const server = await createApp({ plugin: { refreshToken, revocation: neverPolling } })
    t.teardown(() => server.app.close())
    for (const transport of ['bearer', 'cookie'] as const) {
      for (const row of cases) {
        await t.test(`${row.name}, by ${transport}`, (t) => check(t, server, row, transport, warm))
      }
    }
    t.strictSame(server.warnings(), [])
  })
}

async function check(t: Test, server: TestApp, row: Case, transport: Transport, warm: boolean): Promise<void> {
  const { app, store, clock } = server
  const began = clock()
  const { sessionId, access, refresh } = await server.signIn(transport, {
    scope: 'notes:read',
    claims: { roles: ['user'] }
  })
  if (warm) await present(server, refresh, transport)
  await prepareRow(server, sessionId, began, row)
  const now = began + row.at * 1000
  clock.set(now)
  const before = await rowOf(store, sessionId)
  const token =
    typeof row.present === 'number' ? issueToken(sessionId, row.present, before.sessionKey) : row.present(before)
  server.events()

  const response = await present(server, token, transport)

  t.strictSame(types(server.events()), row.events)
  t.strictSame(await rowOf(store, sessionId), { ...before, ...row.row?.(now, now + idleSeconds * 1000) })
  if (typeof row.response === 'string') {
    t.strictSame(response.json(), {
      statusCode: 401,
      code: row.response,
      error: 'Unauthorized',
      message: refusals[row.response].message
    })
    const keeps = transport === 'bearer' || row.response === 'AUTH_REFRESH_SUPERSEDED'
    t.strictSame(summaryOf(response), {
      status: 401,
      code: row.response,
      challenge: challenges.refresh,
      cookies: keeps ? [] : cleared,
      cacheControl: null
    })
    if (row.response === 'AUTH_REFRESH_REUSED') {
      t.equal(
        summaryOf(await app.inject({ url: '/me', headers: { authorization: `Bearer ${access}` } })).status,
        401,
        'its access tokens are refused'
      )
    }
    return
  }
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  const tokens = tokensOf(response, transport)
  t.equal(tokens.refresh, issueToken(sessionId, row.response, before.sessionKey))
  const exp = Math.min(now / 1000 + 600, before.absoluteExpiresAt / 1000)
  const { jti, ...claims } = claimsOf(tokens.access)
  t.strictSame(claims, {
    iss: issuer,
    aud: issuer,
    sub: 'alice',
    iat: now / 1000,
    exp,
    sid: sessionId,
    scope: 'notes:read',
    // However often it is refreshed, the user has not signed in again.
    auth_time: Math.floor(began / 1000),
    roles: ['user']
  })
  t.not(tokens.access, access)
  const { idleExpiresAt } = await rowOf(store, sessionId)
  if (transport === 'bearer') {
    t.strictSame(response.json(), {
      access_token: tokens.access,
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: tokens.refresh,
      scope: 'notes:read'
    })
    t.strictSame(setCookies(response), [])
  } else {
    t.strictSame(response.json(), { session_id: sessionId, expires_in: 600 })
    const attributes = `Max-Age=${(idleExpiresAt - now) / 1000}; Path=/; HttpOnly; Secure; SameSite=Lax`
    t.strictSame(setCookies(response), [
      `__Host-access=${tokens.access}; ${attributes}`,
      `__Host-refresh=${tokens.refresh}; ${attributes}`
    ])
  }
}

t.test('reply.refresh() with retrySeconds: 0 and lateRetries: 0 rotates strictly, as in RFC 9700 §4.14', async (t) => {
  const server = await createApp({ plugin: { refreshToken: { retrySeconds: 0, lateRetries: 0 } } })
  const { refresh, sessionId } = await server.signIn('bearer')
  const next = tokensOf(await present(server, refresh, 'bearer'), 'bearer')
  t.equal((await rowOf(server.store, sessionId)).generation, 1, 'rotated in the same millisecond as the sign-in')
  t.equal(summaryOf(await present(server, refresh, 'bearer')).code, 'AUTH_REFRESH_REUSED')
  t.equal(summaryOf(await present(server, next.refresh, 'bearer')).code, 'AUTH_REFRESH_INVALID')
  t.equal(
    summaryOf(await server.app.inject({ url: '/me', headers: { authorization: `Bearer ${next.access}` } })).code,
    'AUTH_REVOKED_TOKEN'
  )
})

t.test('reply.refresh() reads the key of a session that another process has started, and checks the mac', async (t) => {
  const { clock, store, first, second } = await deployed({}, {})
  const { refresh, sessionId } = await first.signIn('bearer')
  clock.advance(60)
  // Who knows the secret, but not the session key, can make the rest of the token.
  const forged = `${refresh.slice(0, -3)}AAA`
  t.equal((await present(second, forged, 'bearer')).json().code, 'AUTH_REFRESH_INVALID')
  const { generation, revokedAt } = await rowOf(store, sessionId)
  t.strictSame({ generation, revokedAt }, { generation: 0, revokedAt: null })
  t.equal((await present(second, refresh, 'bearer')).statusCode, 200)
})

t.test('reply.refresh() ignores the cookie if the body has a refresh token', async (t) => {
  const server = await createApp()
  const byBody = await server.signIn('bearer', { sub: 'bob' })
  const byCookie = await server.signIn('cookie')
  server.clock.advance(60)
  const response = await server.app.inject({
    method: 'POST',
    url: '/refresh',
    payload: { refresh_token: byBody.refresh },
    headers: { cookie: byCookie.cookie }
  })
  t.equal(claimsOf(response.json().access_token).sub, 'bob')
  t.strictSame(setCookies(response), [])
  t.equal((await rowOf(server.store, byCookie.sessionId)).generation, 0)
  const refused = await server.app.inject({
    method: 'POST',
    url: '/refresh',
    payload: { refresh_token: 'x' },
    headers: { cookie: byCookie.cookie }
  })
  t.strictSame(
    summaryOf(refused),
    { status: 401, code: 'AUTH_REFRESH_INVALID', challenge: challenges.refresh, cookies: [], cacheControl: null },
    'the cookie is not used instead'
  )
  t.equal((await rowOf(server.store, byCookie.sessionId)).generation, 0)
})

t.test("reply.refresh() issues tokens by the store's time, which never outlive the session", async (t) => {
  const clock = createClock(epoch + 3_000)
  const server = await createApp({
    plugin: { store: memoryStore({ clock }), refreshToken: { idleSeconds: 1000, absoluteSeconds: 1500 } }
  })
  const { refresh, access } = await server.signIn('bearer')
  const { iat, exp } = claimsOf(access)
  t.strictSame({ iat, exp }, { iat: epoch / 1000 + 3, exp: epoch / 1000 + 603 })
  clock.advance(950)
  server.clock.advance(950)
  const later = await present(server, refresh, 'bearer')
  const claims = claimsOf(later.json().access_token)
  t.strictSame({ iat: claims.iat, exp: claims.exp }, { iat: epoch / 1000 + 953, exp: epoch / 1000 + 1503 })
  t.equal(later.json().expires_in, 550)
  const byCookie = await server.app.inject({
    method: 'POST',
    url: '/refresh',
    headers: { cookie: `__Host-refresh=${later.json().refresh_token}` }
  })
  t.match(setCookies(byCookie)[0], /; Max-Age=550; /, 'the cookies do not outlive the session either')
})

t.test('reply.refresh() returns 503 and sets no cookie if the store', async (t) => {
  const unavailable = { status: 503, code: 'AUTH_STORE_UNAVAILABLE', challenge: null, cookies: [], cacheControl: null }
  const signedIn = async (methods: (memory: SessionStore) => Partial<SessionStore>) => {
    const clock = createClock()
    const memory = memoryStore({ clock })
    const server = await createApp({ plugin: { clock, store: withMethods(memory, methods(memory)) } })
    // Of another node, so that this one must call `find`.
    const session = await (await createApp({ plugin: { store: memory } })).signIn('cookie')
    clock.advance(60)
    return { server, memory, session }
  }
  const fail = async () => {
    throw new Error(`the database said: ${secret}`)
  }

  await t.test('fails', async (t) => {
    for (const method of ['find', 'rotate'] as const) {
      const { server, memory, session } = await signedIn(() => ({ [method]: fail }))
      for (const transport of ['bearer', 'cookie'] as const) {
        const response = await present(server, session.refresh, transport)
        t.strictSame(summaryOf(response), unavailable, `${method} by ${transport}`)
        t.equal(response.headers['retry-after'], '2')
        t.strictSame(response.json(), {
          statusCode: 503,
          code: 'AUTH_STORE_UNAVAILABLE',
          error: 'Service Unavailable',
          message: 'Sessions are unavailable at the moment'
        })
      }
      t.strictSame(types(server.events()), ['token-refused', 'token-refused'])
      t.equal((await rowOf(memory, session.sessionId)).generation, 0)
    }
  })

  await t.test('does not respond within two seconds', async (t) => {
    let asked = () => {}
    const reached = new Promise<void>((resolve) => {
      asked = resolve
    })
    const { server, session } = await signedIn(() => ({
      find: () => {
        asked()
        return new Promise(() => {})
      }
    }))
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    let responded = false
    const pending = present(server, session.refresh, 'cookie').finally(() => {
      responded = true
    })
    await reached
    mock.timers.tick(storeTimeoutMs - 1)
    await setImmediate()
    t.equal(responded, false)
    mock.timers.tick(1)
    t.strictSame(summaryOf(await pending), unavailable)
    t.equal(storeTimeoutMs, 2000)
  })

  await t.test(
    'fails to revoke the session of a reused token: this process still refuses its access tokens',
    async (t) => {
      const clock = createClock()
      const memory = memoryStore({ clock })
      const server = await createApp({ plugin: { store: withMethods(memory, { revoke: fail }) } })
      const { sessionId, refresh, access } = await server.signIn('cookie')
      for (const from of [0, 1]) {
        await memory.rotate(sessionId, { from, to: from + 1, minAgeMs: 0, idleMs: 1e9, accessLifetimeSeconds: 600 })
      }
      clock.advance(60)
      t.strictSame(summaryOf(await present(server, refresh, 'cookie')), unavailable)
      t.equal(
        summaryOf(await server.app.inject({ url: '/me', headers: { authorization: `Bearer ${access}` } })).code,
        'AUTH_REVOKED_TOKEN'
      )
    }
  )
})

t.test(
  'reply.refresh() revokes a session whose stored claims no longer match the schema, and does not rotate it',
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
  'reply.refresh() writes nothing if a browser would drop the cookie: a logged 500, and the cookies stay',
  async (t) => {
    const privateKey = rsaKey(4096)
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

t.test('reply.refresh() that writes nothing signs for at most the lifetime in the row', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const [short, long] = [
    await createApp({ plugin: { store, clock, accessToken: { lifetimeSeconds: 60 } } }),
    await createApp({ plugin: { store, clock, accessToken: { lifetimeSeconds: 3600 } } })
  ]
  const { refresh: token } = await short.signIn('bearer')
  const coalesced = (await refresh(long, token)).json()
  t.equal(coalesced.refresh_token, token)
  t.strictSame([coalesced.expires_in, claimsOf(coalesced.access_token).exp], [60, epoch / 1000 + 60])
})

t.test('reply.refresh() emits refresh-token-reused before it revokes the session, even if that fails', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  let down = false
  const store: SessionStore = {
    ...memory,
    revoke: async (...args) => {
      if (down) throw new Error('down')
      return await memory.revoke(...args)
    }
  }
  const server = await createApp({ plugin: { store, clock } })
  const { refresh: stolen, sessionId, access } = await server.signIn('bearer')
  let token = stolen
  for (let time = 0; time < 2; time++) {
    clock.advance(60)
    token = (await refresh(server, token)).json().refresh_token
  }
  clock.advance(60)
  server.events()
  down = true
  const response = await refresh(server, stolen)
  t.strictSame([response.statusCode, response.json().code], [503, 'AUTH_STORE_UNAVAILABLE'])
  t.match(server.events()[0], { type: 'refresh-token-reused', sub: 'alice', sessionId })
  t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN', 'refused here immediately')
  down = false
  t.equal((await refresh(server, token)).json().code, 'AUTH_REFRESH_INVALID', 'the thief cannot refresh here')
})

/** A victim refreshes; a thief waits for that and presents the same token. */
t.test('refresh-coalesced counts how many generations in a row were presented twice', async (t) => {
  const server = await createApp()
  const streaks = () =>
    server
      .events()
      .filter((event): event is AuthEvent & { type: 'refresh-coalesced' } => event.type === 'refresh-coalesced')
      .map(({ streak }) => streak)
  const session = await server.signIn('bearer')
  let token = session.refresh
  let writes = 0
  const countRepeat = server.store.countRepeat
  Object.assign(server.store, {
    countRepeat: (...args: Parameters<typeof countRepeat>) => {
      writes++
      return countRepeat(...args)
    }
  })
  for (let generation = 0; generation < 3; generation++) {
    server.clock.advance(60)
    const next = (await refresh(server, token)).json().refresh_token
    for (let time = 0; time < 3; time++) t.equal((await refresh(server, token)).json().refresh_token, next)
    token = next
  }
  t.strictSame([streaks(), writes], [[1, 1, 1, 2, 2, 2, 3, 3, 3], 3], 'one write for each generation')
  server.clock.advance(60)
  const alone = (await refresh(server, token)).json().refresh_token
  server.clock.advance(60)
  await refresh(server, alone)
  await refresh(server, alone)
  t.strictSame(streaks(), [1], 'a generation that was presented once ends the streak')
})

t.test('the option secret can be rotated: [old, new], [new, old], [new]', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const node = (...secrets: string[]) => createApp({ plugin: { store, clock, secret: secrets } })
  const [old, oldNew, newOld, onlyNew] = [
    await node(secret),
    await node(secret, otherSecret),
    await node(otherSecret, secret),
    await node(otherSecret)
  ]
  const exchange = async (server: TestApp, token: string) => {
    clock.advance(60)
    return await present(server, token, 'bearer')
  }
  const me = async ({ app }: TestApp, token: string) =>
    (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode

  const first = await old.signIn('bearer')
  const second = (await exchange(oldNew, first.refresh)).json()
  t.equal(
    second.refresh_token,
    issueToken(first.sessionId, 1, (await rowOf(store, first.sessionId)).sessionKey),
    'the first secret signs'
  )
  t.equal((await exchange(onlyNew, second.refresh_token)).statusCode, 401, 'too early')
  const third = (await exchange(newOld, second.refresh_token)).json()
  t.equal(
    third.refresh_token,
    issueToken(first.sessionId, 2, (await rowOf(store, first.sessionId)).sessionKey, { by: otherSecret })
  )
  const fourth = (await exchange(oldNew, third.refresh_token)).json()
  t.equal(typeof fourth.refresh_token, 'string', 'nodes of both steps run side by side')
  const fifth = (await exchange(newOld, fourth.refresh_token)).json()
  const sixth = await exchange(onlyNew, fifth.refresh_token)
  t.equal(sixth.statusCode, 200)
  t.strictSame(
    await Promise.all(
      [
        [newOld, first.access],
        [newOld, third.access_token],
        [oldNew, third.access_token],
        [onlyNew, third.access_token],
        [onlyNew, first.access],
        [old, third.access_token]
      ].map(([server, token]) => me(server as TestApp, token as string))
    ),
    [200, 200, 200, 200, 401, 401],
    'access tokens too'
  )
  t.strictSame((await rowOf(store, first.sessionId)).revokedAt, null)
})

t.test("two issuers with one secret and one store refuse each other's tokens", async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const [one, two] = [
    await createApp({ plugin: { store } }),
    await createApp({ plugin: { store, issuer: 'https://two.example.com' } })
  ]
  const session = await one.signIn('cookie')
  clock.advance(60)
  for (const transport of ['bearer', 'cookie'] as const) {
    const response = await present(two, session.refresh, transport)
    t.strictSame([response.statusCode, response.json().code], [401, 'AUTH_REFRESH_INVALID'])
  }
  t.equal(
    (await two.app.inject({ url: '/me', headers: { authorization: `Bearer ${session.access}` } })).json().code,
    'AUTH_INVALID_TOKEN'
  )
  await two.app.inject({ method: 'POST', url: '/logout', headers: { cookie: session.cookie } })
  t.match(await rowOf(store, session.sessionId), { generation: 0, revokedAt: null })
  t.equal((await present(one, session.refresh, 'cookie')).statusCode, 200)
})

t.test('reply.refresh() gives up after ten attempts if others change the session each time', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  let attempts = 0
  const server = await createApp({
    plugin: {
      clock,
      store: withMethods(memory, {
        rotate: async (id) => {
          attempts++
          return { ...(await memory.find(id)), applied: false }
        }
      })
    }
  })
  const { refresh: token, sessionId } = await server.signIn('bearer')
  clock.advance(60)
  const before = await rowOf(memory, sessionId)
  const response = await refresh(server, token)
  t.strictSame([response.statusCode, response.json().code], [503, 'AUTH_STORE_UNAVAILABLE'])
  t.equal(attempts, 11, 'the first one without having read the row')
  t.strictSame(await rowOf(memory, sessionId), before)
})

t.test('refresh() calls no store if what signs cannot be loaded', async (t) => {
  const steps: string[] = []
  const step = (name: string) => () => steps.push(name) as never
  const unloadable = new Error('cannot be loaded')
  const refreshSession = createRefresh({
    settings: resolveOptions({ issuer, secret }),
    store: { withDeadline: step('store') },
    accessLifetime: () => 600,
    refreshTokens: { matches: () => true },
    tokenIssuer: { loadSigner: () => Promise.reject(unloadable), prepare: step('prepare'), issue: step('issue') },
    knownSessions: createKnownSessions(),
    revocations: { isSessionRevoked: () => false },
    signOut: step('sign out'),
    emit: step('emit')
  })
  await t.rejects(refreshSession({ sessionId: 'id', generation: 0 } as RefreshToken, { assertFits() {} }), unloadable)
  t.strictSame(steps, [])
})

/** Counts equal names: `['2 a', '1 b']`. */
function tally(names: readonly string[]): string[] {
  return [...new Set(names)].map((name) => `${names.filter((other) => other === name).length} ${name}`).sort()
}

t.test(
  'reply.refresh() fifty times concurrently with one token causes one rotation and returns one successor',
  async (t) => {
    /** A slow store: reads and writes of several requests interleave. */
    const slow = (memory: SessionStore): SessionStore => {
      let call = 0
      const wait = async () => {
        for (let turns = call++ % 5; turns >= 0; turns--) await setImmediate()
      }
      return withMethods(memory, {
        find: async (id) => {
          const read = await memory.find(id)
          await wait()
          return read
        },
        rotate: async (id, change) => {
          await wait()
          return await memory.rotate(id, change)
        },
        countRetry: async (id, change) => {
          await wait()
          return await memory.countRetry(id, change)
        }
      })
    }
    const race = async (server: TestApp, token: string) => {
      server.events()
      const responses = await Promise.all(
        Array.from({ length: 50 }, (_, index) => present(server, token, index % 2 ? 'bearer' : 'cookie'))
      )
      return {
        statuses: [...new Set(responses.map(({ statusCode }) => statusCode))],
        successors: [
          ...new Set(responses.map((response, index) => tokensOf(response, index % 2 ? 'bearer' : 'cookie').refresh))
        ],
        events: tally(types(server.events()))
      }
    }
    for (const claims of [undefined, async () => ({})]) {
      const clock = createClock()
      const memory = memoryStore({ clock })
      const server = await createApp({
        plugin: { clock, store: slow(memory), refreshToken: { ...(claims && { claims }) } }
      })
      const { sessionId } = await server.signIn('bearer')
      const { sessionKey } = await rowOf(memory, sessionId)

      for (const generation of [0, 1]) {
        clock.advance(60)
        t.strictSame(await race(server, issueToken(sessionId, generation, sessionKey)), {
          statuses: [200],
          successors: [issueToken(sessionId, generation + 1, sessionKey)],
          events: ['1 session-refreshed', '49 refresh-coalesced']
        })
        t.match(await rowOf(memory, sessionId), { generation: generation + 1, retries: [], revokedAt: null })
      }
      clock.advance(60)
      t.strictSame(
        await race(server, issueToken(sessionId, 1, sessionKey)),
        {
          statuses: [200],
          successors: [issueToken(sessionId, 2, sessionKey)],
          events: ['1 refresh-retried', '49 refresh-coalesced']
        },
        'late retries are counted once'
      )
      t.match(await rowOf(memory, sessionId), { generation: 2, retries: [clock()], revokedAt: null })
      clock.advance(60)
      t.strictSame(
        await race(server, issueToken(sessionId, 7, sessionKey)),
        {
          statuses: [200],
          successors: [issueToken(sessionId, 7, sessionKey)],
          events: ['1 store-rolled-back', '49 refresh-coalesced']
        },
        'the row is raised once'
      )
    }
  }
)
