import { Type } from '@sinclair/typebox'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { challenges, createApp, createClock, summaryOf, type SignedIn, type TestApp } from '../fixtures/app.ts'
import {
  claimsOf,
  cleared,
  deployed,
  issueToken,
  present,
  rowOf,
  types,
  withMethods,
  type Transport
} from '../fixtures/refresh.ts'
import { me } from '../fixtures/signed-in.ts'

t.test('refreshToken.claims is called before each access token that a refresh issues', async (t) => {
  type Claims = NonNullable<
    NonNullable<NonNullable<Parameters<typeof createApp>[0]>['plugin']>['refreshToken']
  >['claims']
  let currentClaims: Claims = async () => ({})
  const asked: unknown[] = []
  const server = await createApp({
    plugin: {
      refreshToken: {
        claims: async (session) => {
          asked.push(session)
          return await currentClaims!(session)
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

  const results: [string, Awaited<ReturnType<NonNullable<Claims>>>, Record<string, unknown>][] = [
    ['nothing changes', {}, { scope: 'a b c', roles: ['admin'], plan: 'gold' }],
    ['the claims change as a whole', { claims: { roles: ['user'] } }, { scope: 'a b c', roles: ['user'] }],
    ['no claims are left', { claims: {} }, { scope: 'a b c' }],
    ['the scope narrows', { scope: 'c a' }, { scope: 'c a', roles: ['admin'], plan: 'gold' }],
    ['the scope cannot widen', { scope: 'a d admin' }, { scope: 'a', roles: ['admin'], plan: 'gold' }],
    ['no scope is left', { scope: '' }, { roles: ['admin'], plan: 'gold' }],
    ['nothing of the scope is left', { scope: 'd' }, { roles: ['admin'], plan: 'gold' }]
  ]
  for (const [name, current, expected] of results) {
    await t.test(name, async (t) => {
      const session = await server.signIn('bearer', given)
      const before = await rowOf(store, session.sessionId)
      const authTime = claimsOf(session.access).auth_time
      currentClaims = async () => current
      const response = await refreshed(session)
      const { iss, aud, sub, iat, exp, jti, sid, ...own } = claimsOf(response.json().access_token)
      t.strictSame(own, { ...expected, auth_time: authTime })
      t.equal(response.json().scope, expected.scope, 'and the body says so')
      t.strictSame(await rowOf(store, session.sessionId), before, 'the row keeps what the user signed in for')
      currentClaims = async () => ({})
      t.equal((await refreshed(session)).json().scope, 'a b c', 'so that the scope can be restored')
    })
  }

  await t.test('null ends the session', async (t) => {
    const session = await server.signIn('cookie', given)
    currentClaims = async () => null
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

  await t.test('if it throws, the response is 503 and nothing changes', async (t) => {
    for (const thrown of [new Error('the database of users is down'), new TypeError('x'), 'a string', undefined]) {
      const session = await server.signIn('cookie', given)
      server.clock.advance(60)
      const before = await rowOf(store, session.sessionId)
      currentClaims = async () => {
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

  await t.test('claims that cannot be signed cause a 500, and nothing changes', async (t) => {
    for (const claims of [{ sub: 'root' }, { scope: 'admin' }, []]) {
      const session = await server.signIn('cookie', given)
      server.clock.advance(60)
      const before = await rowOf(store, session.sessionId)
      currentClaims = async () => ({ claims: claims as Record<string, unknown> })
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
    currentClaims = async () => ({ claims: { large: 'x'.repeat(4000) } })
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

  await t.test('if it does not settle within two seconds, the response is 503', async (t) => {
    const session = await server.signIn('cookie', given)
    const reached = new Promise<void>((resolve) => {
      currentClaims = () => {
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

  await t.test('for each verdict that issues a token, but not for one that refuses', async (t) => {
    currentClaims = async () => ({ claims: { asked: asked.length } })
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
      const response = await present(server, issueToken(session.sessionId, generation, sessionKey), 'bearer')
      t.equal(asked.length, askedThen, verdict)
      if (response.statusCode === 200) t.equal(claimsOf(response.json().access_token).asked, askedThen)
    }
  })
})

t.test('refreshToken.claims that do not match the schema cause a logged 500, and nothing is written', async (t) => {
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
})

t.test('refreshToken.claims receives the members of SessionInfo, and nothing more of the row', async (t) => {
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

t.test('refreshToken.claims that returns an undefined member does not keep what the sign-in gave', async (t) => {
  for (const value of [{ scope: undefined }, { claims: undefined, scope: 'a' }]) {
    const { clock, store, first, second, errors } = await deployed(
      {},
      { refreshToken: { claims: (async () => value) as never } }
    )
    const { refresh, sessionId } = await first.signIn('bearer', { scope: 'a b' })
    clock.advance(60)
    const response = await second.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
    t.equal(response.statusCode, 500)
    const name = Object.keys(value)[0]
    t.strictSame(errors(), [
      `the "${name}" that "refreshToken.claims" returned is undefined: give it a value, or leave it out`
    ])
    const { row } = await store.find(sessionId)
    t.strictSame([row?.generation, row?.revokedAt], [0, null])
  }
})

t.test(
  'refreshToken.claims that returns anything else causes a logged 500 that names it, and no session ends',
  async (t) => {
    const rows: [unknown, string][] = [
      [undefined, 'undefined (is a "return" missing?)'],
      ['text', 'a string'],
      [7, 'a number'],
      [true, 'a boolean'],
      [[], 'a list'],
      [{ roles: ['user'] }, 'unknown member "roles"'],
      [{ claims: {}, scopes: [] }, 'unknown member "scopes"']
    ]
    for (const [value, what] of rows) {
      const { clock, store, first, second, errors } = await deployed(
        {},
        { refreshToken: { claims: (async () => value) as never } }
      )
      const { refresh, sessionId } = await first.signIn('bearer')
      clock.advance(60)
      const response = await second.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
      t.equal(response.statusCode, 500, String(value))
      t.strictSame(errors(), [
        `"refreshToken.claims" must return { claims?, scope? }, or null to end the session: received ${what}`
      ])
      const { row } = await store.find(sessionId)
      t.strictSame([row?.generation, row?.revokedAt], [0, null])
    }
  }
)

t.test(
  'refreshToken.mayWidenScope: the scope is what refreshToken.claims returns, whatever the sign-in granted',
  async (t) => {
    let scope = ''
    const { clock, store, first, second } = await deployed(
      {},
      { refreshToken: { claims: async () => ({ scope }), mayWidenScope: true } }
    )
    const rows: [string | undefined, string, string | undefined][] = [
      ['a b', 'a b admin', 'a b admin'],
      ['a b', 'admin', 'admin'],
      ['a b', 'a', 'a'],
      ['a b', '', undefined],
      [undefined, 'a', 'a']
    ]
    for (const [granted, current, expected] of rows) {
      const { refresh, sessionId } = await first.signIn('bearer', granted === undefined ? {} : { scope: granted })
      clock.advance(60)
      scope = current
      const response = await second.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
      t.equal(response.json().scope, expected, `${granted} to ${current}`)
      t.equal(claimsOf(response.json().access_token).scope, expected)
      t.equal((await store.find(sessionId)).row?.scope, granted ?? null, 'the row keeps what the sign-in granted')
    }
  }
)

t.test('refreshToken.claims: the refresh of a known session is one call of the store', async (t) => {
  const clock = createClock()
  const calls: string[] = []
  const memory = memoryStore({ clock })
  const store = withMethods(memory, {
    find: (...input) => {
      calls.push('find')
      return memory.find(...input)
    },
    rotate: (...input) => {
      calls.push('rotate')
      return memory.rotate(...input)
    }
  })
  const plugin = { store, clock, refreshToken: { claims: async () => ({ claims: { roles: ['user'] } }) } }
  const [here, elsewhere] = [await createApp({ plugin }), await createApp({ plugin })]
  const refreshed = async (server: typeof here, token: string) => {
    clock.advance(60)
    calls.splice(0)
    const response = await present(server, token, 'bearer')
    t.strictSame(claimsOf(response.json().access_token).roles, ['user'])
    return response.json().refresh_token as string
  }
  const first = await refreshed(here, (await here.signIn('bearer')).refresh)
  t.strictSame(calls, ['rotate'])
  const second = await refreshed(elsewhere, first)
  t.strictSame(calls, ['find', 'rotate'], 'a session that this process does not know')
  await refreshed(here, second)
  t.strictSame(calls, ['rotate'], 'a session that another process has refreshed meanwhile')
})

/** After this, the first token is too old for a late retry. */
async function refreshThrice(
  server: TestApp,
  { refresh, clock }: { refresh: string; clock: ReturnType<typeof createClock> }
): Promise<void> {
  let token = refresh
  for (let generation = 0; generation < 3; generation++) {
    clock.advance(60)
    token = (await present(server, token, 'bearer')).json().refresh_token
  }
  clock.advance(60)
}

t.test('refreshToken.claims cannot hide a stolen token, whatever it does', async (t) => {
  type Claims = () => Promise<{ claims?: object } | null>
  const failing: Claims = async () => {
    throw new Error('the database of users is down')
  }
  for (const [name, broken] of Object.entries<Claims>({
    'it fails': failing,
    'it never settles': () => new Promise(() => {}),
    'it ends the session': async () => null
  })) {
    let claims: Claims = async () => ({})
    const { clock, store, first, second } = await deployed({}, { refreshToken: { claims: () => claims() as never } })
    const { refresh, sessionId } = await first.signIn('bearer')
    await present(second, refresh, 'bearer')
    await refreshThrice(first, { refresh, clock })
    const asked = new Promise<void>((resolve) => {
      claims = () => {
        resolve()
        return broken()
      }
    })
    second.events()
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    // The newest token that the second server has seen: it asks for the claims before it asks the store.
    const stolen = present(second, refresh, 'bearer')
    await asked
    mock.timers.tick(2000)
    t.equal((await stolen).json().code, 'AUTH_REFRESH_REUSED', name)
    mock.timers.reset()
    t.strictSame(types(second.events()), ['refresh-token-reused', 'session-revoked', 'token-refused'], name)
    t.equal((await rowOf(store, sessionId)).revokedAt, clock(), name)
  }
})

t.test('refreshToken.claims cannot use up the time that the store needs to notice a stolen token', async (t) => {
  const clock = createClock()
  let ms = 1000
  const memory = memoryStore({ clock })
  const store = withMethods(memory, {
    find: async (...input) => {
      mock.timers.tick(1)
      await setImmediate()
      return await memory.find(...input)
    }
  })
  const claims = async () => {
    ms += 2000
    throw new Error('the database of users does not respond')
  }
  const here = await createApp({ plugin: { clock, store, refreshToken: { claims } } })
  const elsewhere = await createApp({ plugin: { clock, store: memory } })
  const { refresh, sessionId } = await here.signIn('bearer')
  await refreshThrice(elsewhere, { refresh, clock })
  t.intercept(performance, 'now', { value: () => ms })
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  t.equal((await present(here, refresh, 'bearer')).json().code, 'AUTH_REFRESH_REUSED')
  t.equal((await rowOf(memory, sessionId)).revokedAt, clock())
})

t.test('refreshToken.claims and the store share the time limit of a refresh', async (t) => {
  const clock = createClock()
  let reach = () => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  let ms = 1000
  const server = await createApp({
    plugin: {
      clock,
      store: withMethods(memoryStore({ clock }), {
        rotate: () => {
          reach()
          return new Promise(() => {})
        }
      }),
      refreshToken: {
        claims: async () => {
          ms += 1500
          return {}
        }
      }
    }
  })
  const { refresh } = await server.signIn('bearer')
  clock.advance(60)
  t.intercept(performance, 'now', { value: () => ms })
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let responded = false
  const pending = present(server, refresh, 'bearer').finally(() => {
    responded = true
  })
  await reached
  mock.timers.tick(499)
  await setImmediate()
  t.equal(responded, false)
  mock.timers.tick(1)
  t.equal((await pending).json().code, 'AUTH_STORE_UNAVAILABLE')
})

t.test('refreshToken.claims that ends a session is 503 if the store fails, and it ends in this process', async (t) => {
  const clock = createClock()
  const store = withMethods(memoryStore({ clock }), {
    revoke: async () => {
      throw new Error('down')
    }
  })
  const server = await createApp({ plugin: { clock, store, refreshToken: { claims: async () => null } } })
  const { refresh, access } = await server.signIn('bearer')
  clock.advance(60)
  t.equal((await present(server, refresh, 'bearer')).json().code, 'AUTH_STORE_UNAVAILABLE')
  t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN')
})

t.test('refreshToken.claims receives frozen claims: what it changes would reach later refreshes', async (t) => {
  const { clock, first, second } = await deployed(
    {},
    {
      refreshToken: {
        claims: async ({ claims }) => {
          ;(claims.roles as string[]).push('admin')
          return { claims }
        }
      }
    }
  )
  const { refresh } = await first.signIn('bearer', { claims: { roles: ['user'] } })
  clock.advance(60)
  for (let time = 0; time < 2; time++) t.equal((await present(second, refresh, 'bearer')).statusCode, 503)
})
