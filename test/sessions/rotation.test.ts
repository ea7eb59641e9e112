import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { AuthEvent, SessionStore } from '../../plugin/index.ts'
import { refusals, type RefusalCode } from '../../plugin/errors.ts'
import { storeTimeoutMs } from '../../plugin/sessions/timed-store.ts'
import { decide, type RotationPolicy, type Verdict } from '../../plugin/sessions/rotation.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { SessionRow } from '../../plugin/stores/session-store.ts'
import { createRefreshTokens } from '../../plugin/tokens/refresh-token.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import {
  challenges,
  clearing,
  createApp,
  createClock,
  issuer,
  secret,
  summaryOf,
  setCookies,
  epoch,
  type SignedIn,
  type TestApp
} from '../fixtures/app.ts'

const day = 86_400
const cleared = [clearing('__Host-access'), clearing('__Host-refresh')]
const retryMs = 10_000
const otherSecret = 'another secret, of 32 bytes at least'

/** Mints a refresh token as the plugin does, from whatever somebody may have got hold of. */
function mint(id: string, generation: number, sessionKey: string, { by = secret, as = issuer } = {}): string {
  return createRefreshTokens({ issuer: as, secrets: readSecrets(by) }).issue({ sessionId: id, generation, sessionKey })
}

type Transport = 'bearer' | 'cookie'

/** Presents a refresh token by body or by cookie. */
function present({ app }: TestApp, token: string, transport: Transport) {
  return transport === 'bearer'
    ? app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: token } })
    : app.inject({ method: 'POST', url: '/refresh', headers: { cookie: `__Host-refresh=${token}` } })
}

function tokensOf(
  response: Awaited<ReturnType<typeof present>>,
  transport: Transport
): { access: string; refresh: string } {
  if (transport === 'bearer') return { access: response.json().access_token, refresh: response.json().refresh_token }
  const value = (name: string) => response.cookies.find((cookie) => cookie.name === name)!.value
  return { access: value('__Host-access'), refresh: value('__Host-refresh') }
}

function claimsOf(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
}

const types = (events: readonly AuthEvent[]) => events.map(({ type }) => type)

/** How many there are of each: `['2 a', '1 b']`. */
function tally(names: readonly string[]): string[] {
  return [...new Set(names)].map((name) => `${names.filter((other) => other === name).length} ${name}`).sort()
}

async function rowOf(store: SessionStore, id: string): Promise<SessionRow> {
  return (await store.find(id)).row!
}

/** A store of which some methods do something else. */
function withMethods(store: SessionStore, methods: Partial<SessionStore>): SessionStore {
  return { ...store, ...methods }
}

t.test('decide() has one verdict for every token and row', async (t) => {
  const row: SessionRow = {
    id: 'session',
    issuer,
    sub: 'alice',
    sessionKey: 'sessionKey',
    generation: 5,
    repeatedGeneration: null,
    repeatStreak: 0,
    createdAt: 0,
    rotatedAt: 1_000_000,
    retries: [],
    idleExpiresAt: 500_000_000,
    absoluteExpiresAt: 500_000_000,
    accessLifetimeSeconds: 600,
    revokedAt: null,
    device: null,
    scope: null,
    claims: {}
  }
  const at = row.rotatedAt
  const usual: RotationPolicy = { retryMs, lateRetries: 2 }
  const strict: RotationPolicy = { retryMs: 0, lateRetries: 0 }
  const dayMs = day * 1000
  const late = at + 3 * dayMs
  const cases: [string, Partial<SessionRow>, number, number, RotationPolicy, Verdict][] = [
    ['revoked, current', { revokedAt: at }, 5, at + retryMs, usual, 'invalid'],
    ['revoked, within G', { revokedAt: at }, 4, at + 1, usual, 'invalid'],
    ['revoked, old: what has ended is not ended again', { revokedAt: at }, 1, at + dayMs, usual, 'invalid'],
    ['revoked, newer than the row', { revokedAt: at }, 6, at, usual, 'invalid'],
    ['expired this very millisecond', {}, 5, row.idleExpiresAt, usual, 'invalid'],
    ['one millisecond before the expiry', {}, 5, row.idleExpiresAt - 1, usual, 'rotate'],
    ['expired, old', {}, 2, row.idleExpiresAt, usual, 'invalid'],
    ['d = 0 at the rotation itself', {}, 5, at, usual, 'return-current'],
    ['d = 0 just within G', {}, 5, at + retryMs - 1, usual, 'return-current'],
    ['d = 0 at exactly G', {}, 5, at + retryMs, usual, 'rotate'],
    ['d = 0, the clock set back by less than G', {}, 5, at - retryMs + 1, usual, 'return-current'],
    ['d = 0, the clock set back by G', {}, 5, at - retryMs, usual, 'rotate'],
    ['d = 0, G = 0, in the millisecond of the rotation', {}, 5, at, strict, 'rotate'],
    ['d = 1 just within G', {}, 4, at + retryMs - 1, usual, 'return-successor'],
    ['d = 1 within G, whatever was counted before', { retries: [at - 3, at - 2] }, 4, at, usual, 'return-successor'],
    ['d = 1 at exactly G', {}, 4, at + retryMs, usual, 'count-retry'],
    ['d = 1, the clock set back by G', {}, 4, at - retryMs, usual, 'count-retry'],
    ['d = 1 within G of the last counted retry', { retries: [late] }, 4, late + retryMs - 1, usual, 'return-successor'],
    [
      'd = 1 within G of the last retry that the day allows',
      { retries: [late - 1, late] },
      4,
      late + 1,
      usual,
      'return-successor'
    ],
    [
      'd = 1 within G of a retry that is not the last',
      { retries: [late, late - retryMs] },
      4,
      late + 1,
      usual,
      'reuse'
    ],
    ['d = 1 at exactly G after the last counted retry', { retries: [late] }, 4, late + retryMs, usual, 'count-retry'],
    ['d = 1, one short of the limit', { retries: [late - dayMs + 1] }, 4, late, usual, 'count-retry'],
    ['d = 1 at the limit', { retries: [late - dayMs + 1, late - retryMs] }, 4, late, usual, 'reuse'],
    [
      'd = 1 at the limit, but the first is 24 h old',
      { retries: [late - dayMs, late - retryMs] },
      4,
      late,
      usual,
      'count-retry'
    ],
    ['d = 1, G = 0, lateRetries = 0, in the millisecond of the rotation', {}, 4, at, strict, 'reuse'],
    ['d = 1, G = 0, lateRetries = 1', {}, 4, at, { retryMs: 0, lateRetries: 1 }, 'count-retry'],
    ['d = 1, lateRetries = 0, within G', {}, 4, at + 1, { retryMs, lateRetries: 0 }, 'return-successor'],
    ['d = 1, lateRetries = 0, at exactly G', {}, 4, at + retryMs, { retryMs, lateRetries: 0 }, 'reuse'],
    ['d = 2 within G', {}, 3, at + retryMs - 1, usual, 'superseded'],
    ['d = 5 within G', {}, 0, at, usual, 'superseded'],
    ['d = 2 at exactly G', {}, 3, at + retryMs, usual, 'reuse'],
    ['d = 2 within G of a counted retry only', { retries: [late] }, 3, late, usual, 'reuse'],
    ['d = 2, G = 0', {}, 3, at, strict, 'reuse'],
    ['d = -1 within G', {}, 6, at, usual, 'roll-forward'],
    ['d = -7 later', {}, 12, at + dayMs, usual, 'roll-forward'],
    ['d = -1, strict', {}, 6, at, strict, 'roll-forward']
  ]
  for (const [name, changes, generation, now, policy, verdict] of cases) {
    t.equal(decide({ ...row, ...changes }, { generation, storeTime: now, ...policy }), verdict, name)
  }
})

/** One row of §6: what happened to the session before (seconds after sign-in), what is presented when, what comes of it. */
interface Case {
  readonly name: string
  readonly rotated?: readonly number[]
  readonly retried?: readonly number[]
  readonly revoked?: number
  /** The generation that is presented, or the token made of the row. */
  readonly present: number | ((row: SessionRow) => string)
  readonly at: number
  /** The generation of the refresh token that comes back, or the refusal. */
  readonly answer: number | RefusalCode
  /** How the row differs afterwards; `now` is the moment of the request, `idle` what expiry slides to. */
  readonly row?: (now: number, idle: number) => Partial<SessionRow>
  readonly events: readonly AuthEvent['type'][]
}

const idleSeconds = 14 * day
const absoluteSeconds = 30 * day
const reuse = {
  answer: 'AUTH_REFRESH_REUSED',
  row: (now: number) => ({ revokedAt: now }),
  events: ['refresh-token-reused', 'session-revoked', 'token-refused']
} as const
const invalid = { answer: 'AUTH_REFRESH_INVALID', events: ['token-refused'] } as const
const superseded = { answer: 'AUTH_REFRESH_SUPERSEDED', events: ['token-refused'] } as const

const cases: readonly Case[] = [
  { name: 'bad mac', present: (row) => mint(row.id, 0, row.sessionKey).slice(0, -3) + 'AAA', at: 60, ...invalid },
  {
    name: 'a stolen database mints nothing',
    present: (row) => mint(row.id, 0, row.sessionKey, { by: otherSecret }),
    at: 60,
    ...invalid
  },
  {
    name: 'a leaked secret mints nothing without the session key',
    present: (row) => mint(row.id, 0, 'no session key of ours'),
    at: 60,
    ...invalid
  },
  {
    name: 'a leaked secret ends nothing without the session key',
    rotated: [60, 120],
    present: (row) => mint(row.id, 0, 'no session key of ours'),
    at: 600,
    ...invalid
  },
  {
    name: 'a leaked secret rolls nothing forward without the session key',
    present: (row) => mint(row.id, 9, 'no session key of ours'),
    at: 60,
    ...invalid
  },
  {
    name: 'another issuer over the same secret',
    present: (row) => mint(row.id, 0, row.sessionKey, { as: 'https://other.example.com' }),
    at: 60,
    ...invalid
  },
  { name: 'unknown session', present: (row) => mint('A'.repeat(22), 0, row.sessionKey), at: 60, ...invalid },
  { name: 'revoked, d = 0', revoked: 30, present: 0, at: 31, ...invalid },
  { name: 'revoked, d = 1 within G', rotated: [30], revoked: 31, present: 0, at: 32, ...invalid },
  { name: 'revoked, d = 2', rotated: [30, 60], revoked: 90, present: 0, at: 120, ...invalid },
  { name: 'revoked, d < 0', revoked: 30, present: 4, at: 31, ...invalid },
  { name: 'idle for too long, by no second', present: 0, at: idleSeconds, ...invalid },
  {
    name: 'past the absolute expiry, though active',
    rotated: [10 * day, 20 * day],
    present: 2,
    at: absoluteSeconds,
    ...invalid
  },

  {
    name: 'd = 0, a second before the idle expiry',
    present: 0,
    at: idleSeconds - 1,
    answer: 1,
    row: (now, idle) => ({ generation: 1, rotatedAt: now, idleExpiresAt: idle }),
    events: ['session-refreshed']
  },
  {
    name: 'd = 0, near the absolute expiry, which no idle expiry passes',
    rotated: [10 * day, 20 * day],
    present: 2,
    at: 25 * day,
    answer: 3,
    row: (now) => ({ generation: 3, rotatedAt: now, idleExpiresAt: now + 5 * day * 1000 }),
    events: ['session-refreshed']
  },
  {
    name: 'd = 0 at exactly G',
    present: 0,
    at: 10,
    answer: 1,
    row: (now, idle) => ({ generation: 1, rotatedAt: now, idleExpiresAt: idle }),
    events: ['session-refreshed']
  },
  {
    name: 'd = 0 after rotations and retries, which stay counted',
    rotated: [60, 120],
    retried: [200, 300],
    present: 2,
    at: 400,
    answer: 3,
    row: (now, idle) => ({ generation: 3, rotatedAt: now, idleExpiresAt: idle }),
    events: ['session-refreshed']
  },
  { name: 'd = 0 within G of sign-in', present: 0, at: 9, answer: 0, events: ['refresh-coalesced'] },
  { name: 'd = 0 within G of a rotation', rotated: [60], present: 1, at: 69, answer: 1, events: ['refresh-coalesced'] },
  {
    name: 'd = 1 within G of the rotation',
    rotated: [60],
    present: 0,
    at: 69,
    answer: 1,
    row: () => ({ repeatedGeneration: 0, repeatStreak: 1 }),
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 within G of the last counted late retry',
    rotated: [60],
    retried: [100],
    present: 0,
    at: 109,
    answer: 1,
    row: () => ({ repeatedGeneration: 0, repeatStreak: 1 }),
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 within G of the last late retry of the day',
    rotated: [60],
    retried: [100, 200],
    present: 0,
    at: 209,
    answer: 1,
    row: () => ({ repeatedGeneration: 0, repeatStreak: 1 }),
    events: ['refresh-coalesced']
  },
  {
    name: 'd = 1 at exactly G: one retry counted',
    rotated: [60],
    present: 0,
    at: 70,
    answer: 1,
    row: (now, idle) => ({ retries: [now], idleExpiresAt: idle }),
    events: ['refresh-retried']
  },
  {
    name: 'd = 1 later: another one counted',
    rotated: [60],
    retried: [100],
    present: 0,
    at: 110,
    answer: 1,
    row: (now, idle) => ({ retries: [now - 10_000, now], idleExpiresAt: idle }),
    events: ['refresh-retried']
  },
  {
    name: 'd = 1 later, the limit reached a day ago: what is older is forgotten',
    rotated: [60],
    retried: [100, 200],
    present: 0,
    at: 100 + day,
    answer: 1,
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
    answer: 1,
    row: (now, idle) => ({ generation: 1, rotatedAt: now, idleExpiresAt: idle }),
    events: ['store-rolled-back']
  },
  {
    name: 'd = -3, later',
    rotated: [60],
    present: 4,
    at: 600,
    answer: 4,
    row: (now, idle) => ({ generation: 4, rotatedAt: now, idleExpiresAt: idle }),
    events: ['store-rolled-back']
  }
]

/** Brings the row to where a case begins, by the store's own calls. */
async function bring(
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
  { name: 'knows the session key already', warm: true, claims: undefined },
  { name: 'asks the application for claims', warm: true, claims: async () => ({}) }
]) {
  t.test(`reply.refresh() answers every case, and leaves its row as it should be, when it ${name}`, async (t) => {
    const refreshToken = { idleSeconds, absoluteSeconds, lateRetries: 2, ...(claims && { claims }) }
    const server = await createApp({ plugin: { refreshToken } })
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
  await bring(server, sessionId, began, row)
  const now = began + row.at * 1000
  clock.set(now)
  const before = await rowOf(store, sessionId)
  const token = typeof row.present === 'number' ? mint(sessionId, row.present, before.sessionKey) : row.present(before)
  server.events()

  const response = await present(server, token, transport)

  t.strictSame(types(server.events()), row.events)
  t.strictSame(await rowOf(store, sessionId), { ...before, ...row.row?.(now, now + idleSeconds * 1000) })
  if (typeof row.answer === 'string') {
    t.strictSame(response.json(), {
      statusCode: 401,
      code: row.answer,
      error: 'Unauthorized',
      message: refusals[row.answer].message
    })
    const keeps = transport === 'bearer' || row.answer === 'AUTH_REFRESH_SUPERSEDED'
    t.strictSame(summaryOf(response), {
      status: 401,
      code: row.answer,
      challenge: challenges.refresh,
      cookies: keeps ? [] : cleared,
      cacheControl: null
    })
    if (row.answer === 'AUTH_REFRESH_REUSED') {
      t.equal(
        summaryOf(await app.inject({ url: '/me', headers: { authorization: `Bearer ${access}` } })).status,
        401,
        'its access tokens end'
      )
    }
    return
  }
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  const tokens = tokensOf(response, transport)
  t.equal(tokens.refresh, mint(sessionId, row.answer, before.sessionKey))
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

t.test('reply.refresh() with retrySeconds: 0 and lateRetries: 0 is RFC 9700 §4.14 to the letter', async (t) => {
  const server = await createApp({ plugin: { refreshToken: { retrySeconds: 0, lateRetries: 0 } } })
  const { refresh, sessionId } = await server.signIn('bearer')
  const next = tokensOf(await present(server, refresh, 'bearer'), 'bearer')
  t.equal((await rowOf(server.store, sessionId)).generation, 1, 'rotated in the millisecond of the sign-in')
  t.equal(summaryOf(await present(server, refresh, 'bearer')).code, 'AUTH_REFRESH_REUSED')
  t.equal(summaryOf(await present(server, next.refresh, 'bearer')).code, 'AUTH_REFRESH_INVALID')
  t.equal(
    summaryOf(await server.app.inject({ url: '/me', headers: { authorization: `Bearer ${next.access}` } })).code,
    'AUTH_REVOKED_TOKEN'
  )
})

t.test('reply.refresh() refuses what is no refresh token without asking the store', async (t) => {
  const calls: string[] = []
  const clock = createClock()
  const memory = memoryStore({ clock })
  const store = withMethods(memory, {
    find: async (id) => {
      calls.push('find')
      return await memory.find(id)
    },
    rotate: async (id, change) => {
      calls.push('rotate')
      return await memory.rotate(id, change)
    }
  })
  const server = await createApp({ plugin: { store } })
  const { refresh, access, sessionId } = await server.signIn('bearer')
  const [, id, , mac] = refresh.split('.')
  const { sessionKey } = await rowOf(memory, sessionId)
  server.clock.advance(60)

  await t.test('of the wrong shape or mac', async (t) => {
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const spareBits = refresh.slice(0, -1) + last[last.indexOf(refresh.at(-1)!) + 1]
    const shapes = [
      'x',
      '.',
      '...',
      'rt1',
      access,
      `rt2.${id}.0.${mac}`,
      `RT1.${id}.0.${mac}`,
      `rt1.${id}.${mac}`,
      `rt1.${id}.1.${mac}`,
      `rt1.${id}.00.${mac}`,
      `rt1.${id}.+0.${mac}`,
      `rt1.${id}.-0.${mac}`,
      `rt1.${id}.0x0.${mac}`,
      `rt1.${id}.0e0.${mac}`,
      `rt1.${id}.9007199254740993.${mac}`,
      `rt1.${id}..${mac}`,
      `rt1.${id}.0.${mac}.`,
      `rt1.${id}.0.${mac}=`,
      `rt1.${id}.0.${mac}A`,
      `rt1.${id}.0.${mac!.slice(0, -1)}`,
      `rt1.${id}.0.`,
      `rt1.${id}A.0.${mac}`,
      `rt1.${'A'.repeat(22)}.0.${mac}`,
      `rt1..0.${mac}`,
      spareBits,
      ` ${refresh} `.trim() + 'x',
      `rt1.${id}.0.${'A'.repeat(300)}`,
      mint(id!, 0, sessionKey, { by: otherSecret })
    ]
    for (const text of shapes) {
      for (const transport of ['bearer', 'cookie'] as const) {
        t.strictSame(
          summaryOf(await present(server, text, transport)),
          {
            status: 401,
            code: 'AUTH_REFRESH_INVALID',
            challenge: challenges.refresh,
            cookies: transport === 'cookie' ? cleared : [],
            cacheControl: null
          },
          `${text.slice(0, 60)} by ${transport}`
        )
      }
    }
    for (const text of ['', 'ä'.repeat(50), '\0', '\ud800', 'x'.repeat(100_000)]) {
      t.equal(
        summaryOf(await present(server, text, 'bearer')).code,
        'AUTH_REFRESH_INVALID',
        JSON.stringify(text.slice(0, 20))
      )
    }
  })

  await t.test('of the wrong type', async (t) => {
    for (const text of [null, 1, 0, true, false, [], [refresh], {}, { refresh }]) {
      const response = await server.app.inject({
        method: 'POST',
        url: '/refresh',
        payload: { refresh_token: text },
        headers: { cookie: `__Host-refresh=${refresh}` }
      })
      t.strictSame(
        summaryOf(response),
        {
          status: 400,
          code: 'AUTH_MALFORMED_CREDENTIALS',
          challenge: challenges.malformed,
          cookies: [],
          cacheControl: null
        },
        JSON.stringify(text)
      )
    }
  })

  await t.test('nothing at all', async (t) => {
    for (const cookie of [
      '',
      '__Host-refresh=',
      '__Host-refresh',
      'other=1',
      `__Host-access=${access}`,
      `refresh=${refresh}`
    ]) {
      const response = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
      t.strictSame(
        summaryOf(response),
        { status: 401, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare, cookies: [], cacheControl: null },
        cookie
      )
    }
    const response = await server.app.inject({
      method: 'POST',
      url: '/refresh',
      headers: { authorization: `Bearer ${refresh}` }
    })
    t.equal(summaryOf(response).code, 'AUTH_NO_CREDENTIALS', 'the header is no place for a refresh token')
  })

  await t.test('refresh cookies of two sessions, or of more than eight values', async (t) => {
    const other = await server.signIn('cookie', { sub: 'mallory' })
    calls.splice(0)
    const nine = Array.from({ length: 8 }, (_, index) => `__Host-refresh=${index}`)
    for (const cookie of [
      `__Host-refresh=${refresh}; __Host-refresh=${other.refresh}`,
      [...nine, `__Host-refresh=${refresh}`].join('; ')
    ]) {
      const response = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
      t.strictSame(summaryOf(response), {
        status: 401,
        code: 'AUTH_REFRESH_INVALID',
        challenge: challenges.refresh,
        cookies: cleared,
        cacheControl: null
      })
    }
  })
  t.strictSame(calls, [])
  t.equal((await rowOf(memory, sessionId)).generation, 0)
})

t.test('reply.refresh() takes the body alone when a cookie comes along', async (t) => {
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
    'and falls back to no cookie'
  )
  t.equal((await rowOf(server.store, byCookie.sessionId)).generation, 0)
})

t.test("reply.refresh() has the store's time in the token, and never lets it outlive the session", async (t) => {
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
  t.match(setCookies(byCookie)[0], /; Max-Age=550; /, 'nor the cookies')
})

t.test('reply.refresh() answers 503 and touches no cookie when the store', async (t) => {
  const unavailable = { status: 503, code: 'AUTH_STORE_UNAVAILABLE', challenge: null, cookies: [], cacheControl: null }
  const signedIn = async (methods: (memory: SessionStore) => Partial<SessionStore>) => {
    const clock = createClock()
    const memory = memoryStore({ clock })
    const server = await createApp({ plugin: { clock, store: withMethods(memory, methods(memory)) } })
    // Of another node: whose own session it is asks no `find`.
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

  await t.test('does not answer in two seconds', async (t) => {
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
    let answered = false
    const pending = present(server, session.refresh, 'cookie').finally(() => {
      answered = true
    })
    await reached
    mock.timers.tick(storeTimeoutMs - 1)
    await setImmediate()
    t.equal(answered, false)
    mock.timers.tick(1)
    t.strictSame(summaryOf(await pending), unavailable)
    t.equal(storeTimeoutMs, 2000)
  })

  await t.test(
    'fails while it ends the session of a reused token: its access tokens are refused here all the same',
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

t.test('refreshToken.claims is asked before every access token that a refresh mints', async (t) => {
  type Claims = NonNullable<
    NonNullable<NonNullable<Parameters<typeof createApp>[0]>['plugin']>['refreshToken']
  >['claims']
  let answer: Claims = async () => ({})
  const asked: unknown[] = []
  const server = await createApp({
    plugin: {
      refreshToken: {
        claims: async (session) => {
          asked.push(session)
          return await answer!(session)
        }
      }
    }
  })
  const { app, store } = server
  const given = { scope: 'a b c', claims: { roles: ['admin'], plan: 'gold' }, device: 'phone' }
  const refreshed = async (session: SignedIn, transport: Transport = 'bearer') =>
    await present(server, session.refresh, transport)

  await t.test('with the session', async (t) => {
    const session = await server.signIn('bearer', given)
    await refreshed(session)
    t.match(asked.splice(0), [
      { id: session.sessionId, sub: 'alice', device: 'phone', scope: 'a b c', claims: given.claims }
    ])
  })

  const answers: [string, Awaited<ReturnType<NonNullable<Claims>>>, Record<string, unknown>][] = [
    ['nothing changes', {}, { scope: 'a b c', roles: ['admin'], plan: 'gold' }],
    ['the claims change as a whole', { claims: { roles: ['user'] } }, { scope: 'a b c', roles: ['user'] }],
    ['no claims are left', { claims: {} }, { scope: 'a b c' }],
    ['the scope narrows', { scope: 'c a' }, { scope: 'c a', roles: ['admin'], plan: 'gold' }],
    ['the scope cannot widen', { scope: 'a d admin' }, { scope: 'a', roles: ['admin'], plan: 'gold' }],
    ['no scope is left', { scope: '' }, { roles: ['admin'], plan: 'gold' }],
    ['nothing of the scope is left', { scope: 'd' }, { roles: ['admin'], plan: 'gold' }]
  ]
  for (const [name, current, expected] of answers) {
    await t.test(name, async (t) => {
      const session = await server.signIn('bearer', given)
      const before = await rowOf(store, session.sessionId)
      answer = async () => current
      const response = await refreshed(session)
      const { iss, aud, sub, iat, exp, jti, sid, ...own } = claimsOf(response.json().access_token)
      t.strictSame(own, expected)
      t.equal(response.json().scope, expected.scope, 'and the body says so')
      t.strictSame(await rowOf(store, session.sessionId), before, 'the row keeps what the user signed in for')
      answer = async () => ({})
      t.equal((await refreshed(session)).json().scope, 'a b c', 'so that it can come back')
    })
  }

  await t.test('null ends the session', async (t) => {
    const session = await server.signIn('cookie', given)
    answer = async () => null
    server.events()
    const response = await refreshed(session, 'cookie')
    t.strictSame(summaryOf(response), {
      status: 401,
      code: 'AUTH_REFRESH_INVALID',
      challenge: challenges.refresh,
      cookies: cleared,
      cacheControl: null
    })
    t.equal((await rowOf(store, session.sessionId)).revokedAt, server.clock())
    t.strictSame(types(server.events()), ['session-revoked', 'token-refused'])
    t.equal(
      summaryOf(await app.inject({ url: '/me', headers: { authorization: `Bearer ${session.access}` } })).code,
      'AUTH_REVOKED_TOKEN'
    )
  })

  await t.test('throwing is 503 and changes nothing', async (t) => {
    for (const thrown of [new Error('the database of users is down'), new TypeError('x'), 'a string', undefined]) {
      const session = await server.signIn('cookie', given)
      server.clock.advance(60)
      const before = await rowOf(store, session.sessionId)
      answer = async () => {
        throw thrown
      }
      const response = await refreshed(session, 'cookie')
      t.strictSame(summaryOf(response), {
        status: 503,
        code: 'AUTH_STORE_UNAVAILABLE',
        challenge: null,
        cookies: [],
        cacheControl: null
      })
      t.equal(response.headers['retry-after'], '2')
      t.strictSame(await rowOf(store, session.sessionId), before)
    }
  })

  await t.test("claims that cannot be signed are the application's fault, and change nothing", async (t) => {
    for (const claims of [{ sub: 'root' }, { scope: 'admin' }, []]) {
      const session = await server.signIn('cookie', given)
      server.clock.advance(60)
      const before = await rowOf(store, session.sessionId)
      answer = async () => ({ claims: claims as Record<string, unknown> })
      t.strictSame(
        summaryOf(await refreshed(session, 'cookie')),
        { status: 500, code: null, challenge: null, cookies: [], cacheControl: null },
        JSON.stringify(claims)
      )
      t.strictSame(await rowOf(store, session.sessionId), before)
    }
    const session = await server.signIn('cookie', given)
    server.clock.advance(60)
    const before = await rowOf(store, session.sessionId)
    answer = async () => ({ claims: { large: 'x'.repeat(4000) } })
    t.strictSame(summaryOf(await refreshed(session, 'cookie')), {
      status: 500,
      code: 'AUTH_TOKEN_TOO_LARGE',
      challenge: null,
      cookies: [],
      cacheControl: null
    })
    t.strictSame(await rowOf(store, session.sessionId), before)
    t.equal((await refreshed(session, 'bearer')).statusCode, 200, 'the same claims fit into a header')
    server.warnings()
  })

  await t.test('not answering in two seconds is 503', async (t) => {
    const session = await server.signIn('cookie', given)
    const reached = new Promise<void>((resolve) => {
      answer = () => {
        resolve()
        return new Promise(() => {})
      }
    })
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const pending = refreshed(session, 'cookie')
    await reached
    mock.timers.tick(2000)
    t.strictSame(summaryOf(await pending), {
      status: 503,
      code: 'AUTH_STORE_UNAVAILABLE',
      challenge: null,
      cookies: [],
      cacheControl: null
    })
  })

  await t.test('for every verdict that mints, and for none that refuses', async (t) => {
    answer = async () => ({ claims: { asked: asked.length } })
    const session = await server.signIn('bearer', given)
    const { sessionKey } = await rowOf(store, session.sessionId)
    asked.splice(0)
    for (const [seconds, generation, verdict, askedThen] of [
      [1, 0, 'return-current', 1],
      [60, 0, 'rotate', 2],
      [1, 0, 'return-successor', 3],
      [60, 0, 'count-retry', 4],
      [60, 3, 'roll-forward', 5],
      [1, 0, 'superseded', 5],
      [60, 0, 'reuse', 5],
      [1, 3, 'invalid', 5]
    ] as const) {
      server.clock.advance(seconds)
      const response = await present(server, mint(session.sessionId, generation, sessionKey), 'bearer')
      t.equal(asked.length, askedThen, verdict)
      if (response.statusCode === 200) t.equal(claimsOf(response.json().access_token).asked, askedThen)
    }
  })
})

t.test('the option secret rolls over: [old, new], [new, old], [new]', async (t) => {
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
    mint(first.sessionId, 1, (await rowOf(store, first.sessionId)).sessionKey),
    'the first one mints'
  )
  t.equal((await exchange(onlyNew, second.refresh_token)).statusCode, 401, 'too early')
  const third = (await exchange(newOld, second.refresh_token)).json()
  t.equal(
    third.refresh_token,
    mint(first.sessionId, 2, (await rowOf(store, first.sessionId)).sessionKey, { by: otherSecret })
  )
  const fourth = (await exchange(oldNew, third.refresh_token)).json()
  t.equal(typeof fourth.refresh_token, 'string', 'nodes of both steps live side by side')
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

t.test("two issuers over one secret and one store cannot exchange each other's tokens", async (t) => {
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

t.test('fifty parallel refreshes of one token are one rotation and one successor', async (t) => {
  /** A store that takes its time, so that reads and writes of several requests come between each other. */
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
      t.strictSame(await race(server, mint(sessionId, generation, sessionKey)), {
        statuses: [200],
        successors: [mint(sessionId, generation + 1, sessionKey)],
        events: ['1 session-refreshed', '49 refresh-coalesced']
      })
      t.match(await rowOf(memory, sessionId), { generation: generation + 1, retries: [], revokedAt: null })
    }
    clock.advance(60)
    t.strictSame(
      await race(server, mint(sessionId, 1, sessionKey)),
      {
        statuses: [200],
        successors: [mint(sessionId, 2, sessionKey)],
        events: ['1 refresh-retried', '49 refresh-coalesced']
      },
      'late retries are counted once'
    )
    t.match(await rowOf(memory, sessionId), { generation: 2, retries: [clock()], revokedAt: null })
    clock.advance(60)
    t.strictSame(
      await race(server, mint(sessionId, 7, sessionKey)),
      {
        statuses: [200],
        successors: [mint(sessionId, 7, sessionKey)],
        events: ['1 store-rolled-back', '49 refresh-coalesced']
      },
      'the row is raised once'
    )
  }
})
