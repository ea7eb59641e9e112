import { generateKeyPairSync } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { AuthenticateOptions, KeyOption, SessionStore } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createRefreshTokens } from '../../plugin/tokens/refresh-token.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import {
  challenges,
  createApp,
  createClock,
  issuer,
  secret,
  summaryOf,
  type TestApp,
  type SignedIn,
  epoch
} from '../fixtures/app.ts'
import { forge, now, localSigner } from '../fixtures/tokens.ts'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { bothCleared as cleared, invalid, malformed } from '../fixtures/summaries.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const done = { status: 204, code: null, challenge: null, cookies: [], cacheControl: null }
const storeUnavailable = {
  status: 503,
  code: 'AUTH_STORE_UNAVAILABLE',
  challenge: null,
  cookies: [],
  cacheControl: null
}
const unavailable = { status: 503, code: 'AUTH_KEYS_UNAVAILABLE', challenge: null, cookies: [], cacheControl: null }
const logout = async ({ app }: TestApp, headers: Record<string, string>) =>
  summaryOf(await app.inject({ method: 'POST', url: '/logout', headers }))
const login = ({ app }: TestApp, headers: Record<string, string>) =>
  app.inject({
    method: 'POST',
    url: '/login',
    headers,
    payload: { sub: 'bob', transport: 'cookie', claims: { tenant: 'x' } }
  })
const isLive = async ({ store }: { store: SessionStore }, id: string) => (await store.find(id)).row?.revokedAt === null

/** A store that counts the calls of requests. */
function createCountingStore(clock: () => number) {
  const calls: string[] = []
  const memory = memoryStore({ clock })
  const counting =
    <A extends unknown[], R>(name: string, method: (...args: A) => R) =>
    (...args: A) => {
      calls.push(name)
      return method(...args)
    }
  const store: SessionStore = {
    ...memory,
    find: counting('find', memory.find),
    revoke: counting('revoke', memory.revoke),
    appendRevocations: counting('appendRevocations', memory.appendRevocations)
  }
  return { store, calls: () => calls.splice(0) }
}

t.test('reply.signOut() by access token needs only a good signature, our issuer and a session', async (t) => {
  const changes: [string, Partial<AuthenticateOptions>][] = [
    ['the schema of the claims', { accessToken: { claims: Type.Object({ tenant: Type.String() }) } }],
    ['the type', { accessToken: { type: 'JWT' } }],
    ['the audience', { audience: 'another' }],
    ['the maximal lifetime', { accessToken: { maxLifetimeSeconds: 300, lifetimeSeconds: 300 } }],
    ['the active key', { secret: ['the new secret, of 32 bytes at the very least', secret] }],
    [
      'the algorithm',
      {
        keys: [
          { key: generateKeyPairSync('ed25519').privateKey, state: 'active' },
          {
            key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') },
            kid: localSigner.kid,
            state: 'previous'
          }
        ]
      }
    ]
  ]
  for (const [name, plugin] of changes) {
    for (const headersOf of [bearer, (token: string) => ({ cookie: `__Host-access=${token}` })]) {
      const before = await createApp()
      const session = await before.signIn('cookie')
      const after = await createApp({ plugin: { store: before.store, clock: before.clock, ...plugin } })
      const headers = headersOf(session.access)
      t.strictSame(await logout(after, headers), { ...done, cookies: 'cookie' in headers ? cleared : [] }, name)
      t.notOk(await isLive(before, session.sessionId), `${name}: the session has ended`)

      const next = await before.signIn('cookie')
      if ('cookie' in headers) await login(after, { cookie: `__Host-access=${next.access}` })
      t.equal(await isLive(before, next.sessionId), !('cookie' in headers), 'a cookie sign-in ends it too')
    }
  }
})

t.test('reply.signOut() by access token reads only the signature, iss, exp and sid', async (t) => {
  const server = await createApp()
  const odd: [string, object][] = [
    ['another typ', { header: { typ: 'JWT' } }],
    ['no typ', { header: { typ: undefined } }],
    ['no kid', { header: { kid: undefined } }],
    ['another aud', { claims: { aud: 'another' } }],
    ['no sub', { claims: { sub: undefined } }],
    ['iat in the future', { claims: { iat: now + 3600 } }],
    ['nbf in the future', { claims: { nbf: now + 3600 } }],
    ['a long life', { claims: { exp: now + 400 * 86_400 } }]
  ]
  for (const [name, { header, claims }] of odd as [string, { header?: object; claims?: object }][]) {
    const { sessionId } = await server.signIn('cookie')
    const token = forge(localSigner, { header: { ...header }, claims: { sid: sessionId, ...claims } })
    t.equal(
      (await server.app.inject({ url: '/me', headers: bearer(token) })).statusCode,
      name === 'no kid' ? 200 : 401,
      `${name}: is not accepted otherwise`
    )
    t.strictSame(await logout(server, bearer(token)), done, name)
    t.notOk(await isLive(server, sessionId), name)
  }
  const other = forge(localSigner, { header: { typ: 'JWT' } })
  await logout(server, bearer(other))
  t.strictSame(
    summaryOf(await server.app.inject({ url: '/me', headers: bearer(other) })),
    invalid,
    'a sign-out puts nothing into the cache of authenticate()'
  )
})

t.test('reply.signOut() refuses a header that cannot be read, and ends nothing', async (t) => {
  const server = await createApp()
  const { sessionId, access, cookie, refresh } = await server.signIn('cookie')
  const idp = {
    issuer: 'https://idp.example.com',
    audience: issuer,
    algorithms: ['RS256'],
    jwksUri: 'https://idp.example.com/keys'
  }
  const trusting = await createApp({ plugin: { store: server.store, clock: server.clock, trustedIssuers: [idp] } })
  const sid = sessionId
  const rows: [string, string, object, TestApp?][] = [
    ['a bad signature', `Bearer ${access.slice(0, -4)}AAAA`, invalid],
    ['no token', 'Bearer x', invalid],
    ['a refresh token', `Bearer ${refresh}`, invalid],
    ['a key that is not known', `Bearer ${forge({ ...localSigner, kid: 'unknown' }, { claims: { sid } })}`, invalid],
    [
      'another secret',
      `Bearer ${forge({ ...localSigner, key: Buffer.from('another secret') }, { claims: { sid } })}`,
      invalid
    ],
    [
      'alg none',
      `Bearer ${forge(localSigner, { header: { alg: 'none' }, claims: { sid } }).replace(/[^.]*$/, '')}`,
      invalid
    ],
    ['another issuer', `Bearer ${forge(localSigner, { claims: { sid, iss: 'https://other.example' } })}`, invalid],
    ['a trusted issuer', `Bearer ${forge(localSigner, { claims: { sid, iss: idp.issuer } })}`, invalid, trusting],
    ['no issuer', `Bearer ${forge(localSigner, { claims: { sid, iss: undefined } })}`, invalid],
    ['exp that is no integer', `Bearer ${forge(localSigner, { claims: { sid, exp: now + 0.5 } })}`, invalid],
    ['no exp', `Bearer ${forge(localSigner, { claims: { sid, exp: undefined } })}`, invalid],
    ['sid that is no string', `Bearer ${forge(localSigner, { claims: { sid: [sid] } })}`, invalid],
    ['crit', `Bearer ${forge(localSigner, { header: { crit: ['exp'] }, claims: { sid } })}`, invalid],
    ['nothing after the scheme', 'Bearer', malformed],
    ['two tokens', `Bearer ${access} ${access}`, malformed],
    ['over 8 KiB', `Bearer ${access}.${'a'.repeat(8192)}`, malformed],
    ['another scheme', `DPoP ${access}`, { ...invalid, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare }],
    ['no scheme', access, { ...invalid, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare }]
  ]
  for (const [name, authorization, outcome, asked = server] of rows) {
    for (const beside of [{}, { cookie }]) {
      t.strictSame(await logout(asked, { authorization, ...beside }), outcome, name)
      t.match(asked.events(), [{ type: 'token-refused', code: (outcome as { code: string }).code }])
    }
  }
  t.ok(await isLive(server, sessionId))
  t.strictSame(server.warnings(), [])
})

t.test('reply.signOut() by access token ends its session up to maxLifetimeSeconds after its expiry', async (t) => {
  const idleSeconds = 30 * 86_400
  for (const maxLifetimeSeconds of [600, 86_400]) {
    for (const [late, ends] of [
      [0, true],
      [maxLifetimeSeconds, true],
      [maxLifetimeSeconds + 1, false],
      [80 * 86_400, false]
    ] as const) {
      const server = await createApp({
        plugin: {
          accessToken: { maxLifetimeSeconds },
          refreshToken: { idleSeconds: 4 * idleSeconds, absoluteSeconds: 4 * idleSeconds }
        }
      })
      const { access, sessionId } = await server.signIn('cookie')
      server.clock.advance(600 + late)
      t.strictSame(await logout(server, bearer(access)), done, `${late} seconds after its expiry`)
      t.equal(await isLive(server, sessionId), !ends)
      t.strictSame(
        await logout(server, { cookie: `__Host-access=${access}` }),
        { ...done, cookies: cleared },
        'by cookie, it is cleared in any case'
      )
      t.equal(await isLive(server, sessionId), !ends)
      await login(server, { cookie: `__Host-access=${access}` })
      t.equal(await isLive(server, sessionId), !ends, 'nor does a sign-in end it')
    }
  }
})

t.test('reply.signOut() by a token without a session succeeds, and ends nothing', async (t) => {
  const server = await createApp()
  const { sessionId } = await server.signIn('cookie')
  const token = await server.app.accessTokens.sign({ sub: 'alice' })
  t.strictSame(await logout(server, bearer(token)), done)
  t.equal((await server.app.inject({ url: '/me', headers: bearer(token) })).statusCode, 200)
  t.ok(await isLive(server, sessionId))
})

t.test('reply.signOut() by a token with an unknown key loads the keys again', async (t) => {
  const old = { key: generateKeyPairSync('ed25519').privateKey, kid: 'old' }
  const young = { key: generateKeyPairSync('ed25519').privateKey, kid: 'young' }
  const moved: KeyOption[] = [
    { ...old, state: 'previous' },
    { ...young, state: 'active' }
  ]
  const ways: [string, (token: string) => Record<string, string>][] = [
    ['header', bearer],
    ['cookie', (token) => ({ cookie: `__Host-access=${token}` })]
  ]
  for (const [way, headersOf] of ways) {
    const cookies = way === 'cookie' ? cleared : []
    let load = async (): Promise<readonly KeyOption[]> => [old]
    const server = await createApp({ plugin: { keys: () => load() } })
    const ahead = await createApp({ plugin: { keys: moved, store: server.store, clock: server.clock } })
    const session = await ahead.signIn('cookie')
    const next = await ahead.signIn('cookie')

    load = async () => {
      throw new Error('down')
    }
    t.strictSame(
      await logout(server, headersOf(session.access)),
      { ...unavailable, cookies },
      `by ${way}: it cannot be told, so that it is no success`
    )
    t.strictSame(
      await logout(server, headersOf(session.access)),
      { ...unavailable, cookies },
      'nor the second time, before the keys may be loaded again'
    )
    const refused = await login(server, { cookie: `__Host-access=${session.access}` })
    t.strictSame(summaryOf(refused), { ...unavailable, cookies: cleared }, 'a cookie sign-in starts nothing')
    t.strictSame(await server.app.sessions.list('bob'), [])
    t.ok(await isLive(server, session.sessionId))
    if (way === 'cookie') {
      t.strictSame(
        await logout(server, { cookie: session.cookie }),
        { ...unavailable, cookies },
        'with a refresh cookie'
      )
      t.notOk(await isLive(server, session.sessionId), 'the refresh cookie proves the session nevertheless')
    }

    load = async () => moved
    await server.app.keys.reload()
    t.strictSame(await logout(server, headersOf(next.access)), { ...done, cookies }, `by ${way}`)
    t.notOk(await isLive(server, next.sessionId))

    // Another node, which loads the key when it first sees it.
    let list: readonly KeyOption[] = [old]
    const third = await createApp({ plugin: { keys: async () => list, store: server.store, clock: server.clock } })
    const last = await ahead.signIn('cookie')
    list = moved
    t.strictSame(await logout(third, headersOf(last.access)), { ...done, cookies })
    t.notOk(await isLive(server, last.sessionId), 'after one load')
    t.strictSame(
      await logout(third, headersOf(forge({ ...localSigner, kid: 'nobody' }))),
      way === 'cookie' ? { ...done, cookies } : invalid,
      'an unknown key after that is refused'
    )
  }
})

t.test('reply.signOut() by a token of another issuer does not load the keys', async (t) => {
  let loads = 0
  const server = await createApp({
    plugin: {
      keys: async () => {
        loads++
        return [{ key: generateKeyPairSync('ed25519').privateKey }]
      }
    }
  })
  const token = forge({ ...localSigner, kid: 'theirs' }, { claims: { iss: 'https://other.example', sid: 'x' } })
  t.strictSame(await logout(server, bearer(token)), invalid)
  t.strictSame(await logout(server, { cookie: `__Host-access=${token}` }), done)
  t.strictSame(
    await server.app.inject({ url: '/maybe', headers: { cookie: `__Host-access=${token}` } }).then(({ body }) => body),
    '{"user":null}'
  )
  t.equal(loads, 1)
})

t.test('reply.signOut() ends at most four sessions and reads at most eight values of a cookie', async (t) => {
  const clock = createClock()
  const counted = createCountingStore(clock)
  const server = await createApp({ plugin: { store: counted.store, clock } })
  const refreshOf = (...tokens: string[]) => ({ cookie: tokens.map((token) => `__Host-refresh=${token}`).join('; ') })
  const accessOf = (...tokens: string[]) => ({ cookie: tokens.map((token) => `__Host-access=${token}`).join('; ') })
  const sessions = async (count: number) =>
    await Promise.all(Array.from({ length: count }, async () => await server.signIn('cookie')))
  const live = async (all: { sessionId: string }[]) =>
    (await Promise.all(all.map(async ({ sessionId }) => await isLive(server, sessionId)))).filter(Boolean).length

  await t.test('174 copies of one refresh cookie', async (t) => {
    const [one] = await sessions(1)
    counted.calls()
    t.strictSame(await logout(server, refreshOf(...Array<string>(174).fill(one!.refresh))), {
      ...done,
      cookies: cleared
    })
    t.strictSame(counted.calls(), ['revoke'])
    t.equal(await live([one!]), 0)
  })

  await t.test('both cookies of one session', async (t) => {
    const [one] = await sessions(1)
    counted.calls()
    t.strictSame(await logout(server, { cookie: one!.cookie }), { ...done, cookies: cleared })
    t.strictSame(counted.calls(), ['revoke'])
    t.equal(await live([one!]), 0)
  })

  await t.test('four sessions', async (t) => {
    const four = await sessions(4)
    const access = accessOf(four[0]!.access, four[1]!.access)
    const refresh = refreshOf(four[2]!.refresh, four[3]!.refresh)
    const cookie = `${access.cookie}; ${refresh.cookie}`
    t.strictSame(await logout(server, { cookie }), { ...done, cookies: cleared })
    t.equal(await live(four), 0)
  })

  for (const headersOf of [
    (all: { refresh: string }[]) => refreshOf(...all.map(({ refresh }) => refresh)),
    (all: { access: string }[]) => accessOf(...all.map(({ access }) => access))
  ]) {
    await t.test('five sessions: four end, and it is an error', async (t) => {
      const five = await sessions(5)
      counted.calls()
      t.strictSame(await logout(server, headersOf(five)), { ...malformed, cookies: cleared })
      t.ok(counted.calls().length <= 8)
      t.equal(await live(five), 1)
      t.ok(await isLive(server, five[4]!.sessionId), 'the last one')
    })
  }

  await t.test('more than eight values', async (t) => {
    const [one] = await sessions(1)
    const nine = Array.from({ length: 8 }, (_, index) => `x${index}`)
    for (const headers of [refreshOf(...nine, one!.refresh), accessOf(...nine, one!.access)]) {
      counted.calls()
      t.strictSame(await logout(server, headers), { ...malformed, cookies: cleared })
      t.strictSame(counted.calls(), [])
    }
    const foreign = nine.map((_, index) => forge(localSigner, { claims: { iss: `https://${index}.example` } }))
    t.strictSame(
      await logout(server, accessOf(...foreign, one!.access)),
      { ...malformed, cookies: cleared },
      'of other applications: more values may follow'
    )
    t.equal(await live([one!]), 1)
  })

  await t.test('eight values, of which one is good', async (t) => {
    const [one] = await sessions(1)
    const seven = Array.from({ length: 7 }, (_, index) => `x${index}`)
    t.strictSame(await logout(server, accessOf(...seven, one!.access)), { ...done, cookies: cleared })
    t.equal(await live([one!]), 0)
  })

  await t.test("eight refresh tokens of one session, of which one is the row's", async (t) => {
    const [one] = await sessions(1)
    const others = createRefreshTokens({ issuers: [issuer], secrets: readSecrets(secret) })
    const tokens = Array.from({ length: 7 }, (_, index) =>
      others.issue({ sessionId: one!.sessionId, generation: 100 + index, sessionKey: 'another key' })
    )
    counted.calls()
    t.strictSame(await logout(server, refreshOf(...tokens, one!.refresh)), { ...done, cookies: cleared })
    t.ok(counted.calls().length <= 9)
    t.equal(await live([one!]), 0, 'a token that was made with the secret alone does not hide the right one')
  })

  await t.test('a cookie sign-in beyond these limits is refused, and the next one is not', async (t) => {
    const five = await sessions(5)
    const before = (await server.app.sessions.list('bob')).length
    const response = await login(server, refreshOf(...five.map(({ refresh }) => refresh)))
    t.strictSame(summaryOf(response), { ...malformed, cookies: cleared })
    t.equal((await server.app.sessions.list('bob')).length, before)
    t.equal(await live(five), 5, 'nothing is written')
    t.equal((await login(server, {})).statusCode, 200)
  })
})

t.test('reply.signOut() ends the session that is named, and succeeds if there is none', async (t) => {
  const server = await createApp()
  const { app, store } = server
  const logout = (headers: Record<string, string>, payload?: object) =>
    app.inject({ method: 'POST', url: '/logout', headers, ...(payload && { payload }) })
  const foreign = await (await createApp({ plugin: { issuer: 'https://other.example' } })).signIn('cookie')
  const forged = await (
    await createApp({ plugin: { secret: 'some other secret, of 32 bytes at least' } })
  ).signIn('cookie')
  const mint = async (id: string, generation: number, sessionKey?: string) =>
    createRefreshTokens({ issuers: [issuer], secrets: readSecrets(secret) }).issue({
      sessionId: id,
      generation,
      sessionKey: sessionKey ?? (await store.find(id)).row!.sessionKey
    })

  type Named = (
    one: SignedIn,
    two: SignedIn
  ) =>
    { headers?: Record<string, string>; body?: unknown } | Promise<{ headers?: Record<string, string>; body?: unknown }>
  const rows: [string, Named, ('one' | 'two')[], boolean][] = [
    ['by body', (one) => ({ body: one.refresh }), ['one'], false],
    [
      'by body, an older generation',
      async (one) => {
        await store.rotate(one.sessionId, { from: 0, to: 7, minAgeMs: 0, idleMs: 1e9, accessLifetimeSeconds: 600 })
        return { body: one.refresh }
      },
      ['one'],
      false
    ],
    ['by body, a newer generation', async (one) => ({ body: await mint(one.sessionId, 99) }), ['one'], false],
    [
      'by body, before header and cookies',
      (one, two) => ({ body: one.refresh, headers: { ...bearer(two.access), cookie: two.cookie } }),
      ['one'],
      false
    ],
    [
      'by header, before cookies',
      (one, two) => ({ headers: { ...bearer(one.access), cookie: two.cookie } }),
      ['one'],
      false
    ],
    [
      'by header, expired',
      (one) => {
        server.clock.advance(3600)
        return { headers: bearer(one.access) }
      },
      ['one'],
      false
    ],
    ['by cookies', (one) => ({ headers: { cookie: one.cookie } }), ['one'], true],
    [
      'by cookies beside Basic',
      (one) => ({ headers: { cookie: one.cookie, authorization: 'Basic eDp5' } }),
      ['one'],
      true
    ],
    [
      'by the access cookie, expired',
      (one) => {
        server.clock.advance(3600)
        return { headers: { cookie: `__Host-access=${one.access}` } }
      },
      ['one'],
      true
    ],
    ['by the refresh cookie', (one) => ({ headers: { cookie: `__Host-refresh=${one.refresh}` } }), ['one'], true],
    [
      'by cookies that name two',
      (one, two) => ({ headers: { cookie: `__Host-access=${one.access}; __Host-refresh=${two.refresh}` } }),
      ['one', 'two'],
      true
    ],
    [
      'by cookies, one of them twice',
      (one, two) => ({ headers: { cookie: `__Host-access=${one.access}; __Host-access=${two.access}` } }),
      ['one', 'two'],
      true
    ],
    ['nothing', () => ({}), [], false],
    ['by other cookies', (one) => ({ headers: { cookie: `access=${one.access}` } }), [], false],
    ['by forged cookies', () => ({ headers: { cookie: forged.cookie } }), [], true],
    ["by another issuer's cookies", () => ({ headers: { cookie: foreign.cookie } }), [], false],
    ['by malformed cookies', () => ({ headers: { cookie: '__Host-access=x; __Host-refresh=y' } }), [], true],
    ['by a malformed body', () => ({ body: 'x' }), [], false],
    ['by an empty body', () => ({ body: '' }), [], false],
    ['by a body with a bad mac', (one) => ({ body: `${one.refresh.slice(0, -4)}AAAA` }), [], false],
    [
      'by a body with the secret but no session key',
      async (one) => ({ body: await mint(one.sessionId, 0, 'no session key of ours') }),
      [],
      false
    ],
    ['by an unknown session', async () => ({ body: await mint('A'.repeat(22), 0, 'sessionKey') }), [], false],
    ['by a malformed body, a cookie beside it', (one) => ({ body: 'x', headers: { cookie: one.cookie } }), [], false]
  ]
  for (const [name, named, ends, clears] of rows) {
    const sessions = { one: await server.signIn('cookie'), two: await server.signIn('cookie', { sub: 'bob' }) }
    const { headers = {}, body } = await named(sessions.one, sessions.two)
    const response = await logout(headers, body === undefined ? undefined : { refresh_token: body })
    t.strictSame(
      summaryOf(response),
      { status: 204, code: null, challenge: null, cookies: clears ? cleared : [], cacheControl: null },
      name
    )
    for (const [which, { sessionId, access }] of Object.entries(sessions)) {
      const ended = (ends as string[]).includes(which)
      t.equal((await store.find(sessionId)).row?.revokedAt, ended ? server.clock() : null, `${name}: ${which}`)
      if (!name.includes('expired')) {
        t.equal((await app.inject({ url: '/me', headers: bearer(access) })).statusCode, ended ? 401 : 200)
      }
    }
    // Access tokens of a session that the store has lost may be valid: the first half of the mac suffices to end it.
    t.equal(
      server.events().filter(({ type }) => type === 'session-revoked').length,
      name === 'by an unknown session' ? 1 : ends.length,
      name
    )
  }

  const { cookie, sessionId, refresh } = await server.signIn('cookie')
  for (const body of [null, 1, [], {}, false, [refresh]]) {
    t.strictSame(
      summaryOf(await logout({ cookie }, { refresh_token: body })),
      {
        status: 400,
        code: 'AUTH_MALFORMED_CREDENTIALS',
        challenge: challenges.malformed,
        cookies: [],
        cacheControl: null
      },
      JSON.stringify(body)
    )
  }
  t.equal((await store.find(sessionId)).row?.revokedAt, null)
  for (let time = 0; time < 3; time++) t.equal((await logout({ cookie })).statusCode, 204, 'again')
  const { revokedAt } = (await store.find(sessionId)).row!
  server.clock.advance(5)
  await logout({ cookie })
  t.equal((await store.find(sessionId)).row?.revokedAt, revokedAt)
  t.strictSame(server.warnings(), [])
})

t.test('reply.signOut() ends a session that the store has lost, here and everywhere', async (t) => {
  const lost = memoryStore({ clock: createClock() })
  const store = memoryStore({ clock: createClock() })
  const before = await createApp({ plugin: { store: lost } })
  const [here, elsewhere] = [await createApp({ plugin: { store } }), await createApp({ plugin: { store } })]
  const { access, cookie } = await before.signIn('cookie')
  const headers = bearer(access)
  t.equal(
    (await here.app.inject({ url: '/me', headers })).statusCode,
    200,
    'an access token needs no row, only the same secret'
  )
  t.equal((await here.app.inject({ method: 'POST', url: '/logout', headers: { cookie } })).statusCode, 204)
  t.equal(summaryOf(await here.app.inject({ url: '/me', headers })).code, 'AUTH_REVOKED_TOKEN')
  t.match(
    await store.readRevocations(null, 10),
    { entries: [{ kind: 'session', until: epoch + 86_460_000 }] },
    'the revocation log has it'
  )
  t.equal((await elsewhere.app.inject({ method: 'POST', url: '/logout', headers })).statusCode, 204, 'again')
  t.equal((await store.readRevocations(null, 10)).entries.length, 1)
})

t.test(
  'reply.signOut() returns 503 if the store fails, clears the cookies, refuses locally and retries the revocation',
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.teardown(() => mock.timers.reset())
    const clock = createClock()
    const memory = memoryStore({ clock })
    let down = false
    const failing =
      <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
      async (...args: A) => {
        if (down) throw new Error('down')
        return await method(...args)
      }
    const store: SessionStore = {
      ...memory,
      find: failing(memory.find),
      revoke: failing(memory.revoke),
      readRevocations: failing(memory.readRevocations),
      insert: failing(memory.insert),
      list: failing(memory.list),
      revokeAll: failing(memory.revokeAll),
      appendRevocations: failing(memory.appendRevocations)
    }
    const server = await createApp({ plugin: { store, clock } })
    t.teardown(() => server.app.close())
    const ways: [string, (session: SignedIn) => object, readonly string[]][] = [
      ['by cookies', ({ cookie }) => ({ headers: { cookie } }), cleared],
      ['by the refresh cookie', ({ refresh }) => ({ headers: { cookie: `__Host-refresh=${refresh}` } }), cleared],
      ['by header', ({ access }) => ({ headers: bearer(access) }), []],
      ['by body', ({ refresh }) => ({ payload: { refresh_token: refresh } }), []]
    ]
    for (const [name, named, cookies] of ways) {
      const session = await server.signIn('cookie')
      down = true
      const response = await server.app.inject({ method: 'POST', url: '/logout', ...named(session) })
      t.strictSame(summaryOf(response), { ...storeUnavailable, cookies }, name)
      t.equal(response.headers['retry-after'], '2')
      t.equal(
        summaryOf(await server.app.inject({ url: '/me', headers: bearer(session.access) })).code,
        'AUTH_REVOKED_TOKEN',
        'refused immediately'
      )
      mock.timers.tick(1000)
      await setImmediate()
      t.equal((await memory.find(session.sessionId)).row?.revokedAt, null, 'the store is still down')
      down = false
      const refreshed = await server.app.inject({
        method: 'POST',
        url: '/refresh',
        payload: { refresh_token: session.refresh }
      })
      t.equal(summaryOf(refreshed).code, 'AUTH_REFRESH_INVALID', 'its row is still live, but this node refuses it')
      mock.timers.tick(1000)
      await setImmediate()
      t.equal((await memory.find(session.sessionId)).row?.revokedAt, clock(), 'the store has it when it is up again')
    }
    const session = await server.signIn('cookie')
    down = true
    t.strictSame(
      summaryOf(
        await server.app.inject({ method: 'POST', url: '/login', payload: { sub: 'alice', transport: 'cookie' } })
      ),
      storeUnavailable,
      'signIn()'
    )
    t.strictSame(
      summaryOf(
        await server.app.inject({ method: 'POST', url: '/login', payload: { sub: 'alice', transport: 'bearer' } })
      ),
      storeUnavailable,
      'signIn() by bearer'
    )
    const calls: (() => Promise<unknown>)[] = [
      () => server.app.sessions.list('alice'),
      () => server.app.sessions.revoke(session.sessionId),
      () => server.app.sessions.revokeAll('alice')
    ]
    for (const call of calls) {
      await t.rejects(call(), { code: 'AUTH_STORE_UNAVAILABLE', statusCode: 503 })
    }
    t.equal(
      (await server.app.inject({ url: '/me', headers: bearer(session.access) })).statusCode,
      200,
      'authenticate() needs no store'
    )
    t.strictSame(
      await server.app
        .inject({ method: 'POST', url: '/logout', headers: { cookie: '__Host-access=x' } })
        .then(({ statusCode }) => statusCode),
      204,
      'a sign-out with nothing to end needs no store'
    )
    down = false
  }
)
