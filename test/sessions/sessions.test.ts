import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { AuthEvent, SessionStore } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { UnusableStoreError } from '../../plugin/stores/session-store.ts'
import { createApp, createClock, issuer, epoch, type TestApp } from '../fixtures/app.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

const me = async ({ app }: TestApp, token: string) => {
  const response = await app.inject({ url: '/me', headers: bearer(token) })
  return response.json().code ?? response.statusCode
}
const refresh = ({ app }: TestApp, token: string) =>
  app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: token } })
const logout = ({ app }: TestApp, token: string) =>
  app.inject({ method: 'POST', url: '/logout', headers: bearer(token) })

t.test(
  'a subject has at most `maxSessions` sessions: one more ends the least recently refreshed one, and the event says why',
  async (t) => {
    const server = await createApp({ plugin: { refreshToken: { maxSessions: 3 } } })
    const first = await server.signIn('bearer')
    server.clock.advance(60)
    const second = await server.signIn('bearer')
    const third = await server.signIn('cookie')
    const bobs = await server.signIn('bearer', { sub: 'bob' })
    server.clock.advance(60)
    await refresh(server, first.refresh)
    server.events()
    const response = await server.app.inject({
      method: 'POST',
      url: '/login',
      payload: { sub: 'alice', transport: 'bearer' }
    })
    t.equal(response.statusCode, 200)
    t.match(server.events(), [
      { type: 'session-revoked', sessionId: second.sessionId, reason: 'max-sessions' },
      { type: 'session-started' }
    ])
    t.strictSame(
      [
        await me(server, first.access),
        await me(server, second.access),
        await me(server, third.access),
        await me(server, bobs.access)
      ],
      [200, 'AUTH_REVOKED_TOKEN', 200, 200]
    )
    t.equal((await server.app.sessions.list('alice')).length, 3)
  }
)

t.test(
  'sessions beyond `maxSessions`, from before it was set, end in batches, and nobody waits for them',
  async (t) => {
    const clock = createClock()
    const store = memoryStore({ clock })
    const session = (index: number) => ({
      id: `old-${index}`,
      issuer: '',
      sub: 'alice',
      sessionKey: 'x',
      device: null,
      scope: null,
      claims: {},
      accessLifetimeSeconds: 600,
      idleMs: hourMs,
      absoluteMs: hourMs
    })
    for (let index = 0; index < 2100; index++) {
      await store.insert(session(index), { issuers: [issuer, ''], revoke: [], maxSessions: 1e9, lifetimeSeconds: 600 })
    }
    clock.advance(1)
    const server = await createApp({ plugin: { store, clock, refreshToken: { maxSessions: 2 } } })
    const { sessionId } = await server.signIn('bearer')
    while (
      (await server.app.sessions.list('alice')).length > 2 ||
      (await store.find('old-2000')).row?.revokedAt === null
    ) {
      await setImmediate()
    }
    const live = (await store.list({ issuers: [issuer, ''], sub: 'alice' }, { limit: 1e9 })).rows.map(({ id }) => id)
    t.strictSame([live.length, live.includes(sessionId)], [2, true])
  }
)

t.test(
  "app.sessions.revokeAll() ends all of a subject's sessions in one step, and the access tokens of thousands soon after",
  async (t) => {
    const clock = createClock()
    const store = memoryStore({ clock })
    const session = (index: number) => ({
      id: `old-${index}`,
      issuer,
      sub: 'alice',
      sessionKey: 'x',
      device: null,
      scope: null,
      claims: {},
      accessLifetimeSeconds: 600,
      idleMs: hourMs,
      absoluteMs: hourMs
    })
    let calls = 0
    const counting: SessionStore = {
      ...store,
      trim: (...args) => {
        calls++
        return store.trim(...args)
      }
    }
    const server = await createApp({ plugin: { store: counting, clock } })
    const first = await server.signIn('bearer')
    for (let index = 0; index < 2500; index++) {
      await store.insert(session(index), { issuers: [issuer], revoke: [], maxSessions: 1e9, lifetimeSeconds: 600 })
    }
    const last = await (
      await createApp({ plugin: { store, clock, refreshToken: { maxSessions: 10_000 } } })
    ).signIn('bearer')
    t.strictSame([await me(server, first.access), await me(server, last.access)], [200, 200])
    t.equal(await server.app.sessions.revokeAll('alice'), 2502)
    t.equal(calls, 2, 'a batch each')
    t.strictSame(
      [await me(server, first.access), await me(server, last.access)],
      ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN']
    )
    const events = server.events().filter(({ type }) => type !== 'token-refused')
    t.equal(events.length, 2502)
    t.ok(events.every((event) => event.type === 'session-revoked'))
  }
)

t.test(
  'a store that goes away after revokeAll() has taken effect: what is left is logged when it is back',
  async (t) => {
    const clock = createClock()
    const store = memoryStore({ clock })
    const session = (index: number) => ({
      id: `old-${index}`,
      issuer,
      sub: 'alice',
      sessionKey: 'x',
      device: null,
      scope: null,
      claims: {},
      accessLifetimeSeconds: 600,
      idleMs: hourMs,
      absoluteMs: hourMs
    })
    for (let index = 0; index < 1001; index++) {
      await store.insert(session(index), { issuers: [issuer], revoke: [], maxSessions: 1e9, lifetimeSeconds: 600 })
    }
    let failures = 1
    const failing: SessionStore = {
      ...store,
      trim: async (...args) => {
        if (failures-- > 0) throw new Error('down')
        return await store.trim(...args)
      }
    }
    const server = await createApp({ plugin: { store: failing, clock } })
    t.equal(await server.app.sessions.revokeAll('alice'), 1001, 'and it is waited for within the time of a request')
    const { entries } = await store.readRevocations(null, 10_000)
    t.equal(new Set(entries.map(({ id }) => id)).size, 1001)
  }
)

t.test('what no database can hold names no session and no subject, and is not a failure of the store', async (t) => {
  const called: string[] = []
  const store = memoryStore({ clock: createClock() })
  const recording = new Proxy(store, {
    get: (target, name: keyof SessionStore) => {
      called.push(name)
      return target[name]
    }
  })
  const { app } = await createApp({ plugin: { store: recording } })
  called.length = 0
  for (const text of ['a\0b', 'a\ud800b', 'a'.repeat(1001)]) {
    t.equal(await app.sessions.revoke(text), false)
    t.equal(await app.sessions.revoke('an id', { sub: text }), false)
    t.strictSame(await app.sessions.list(text), [])
    t.equal(await app.sessions.revokeAll(text), 0)
  }
  for (const jti of ['a\0b', 'a\ud800b']) {
    await t.rejects(app.accessTokens.revoke(jti, epoch / 1000 + 60), {
      name: 'TypeError',
      message: '"jti" must be well-formed Unicode without U+0000'
    })
  }
  t.strictSame(
    called.filter((name) => name !== 'readRevocations'),
    []
  )
  t.equal(await app.sessions.revokeAll('alice', { except: 'a\0b' }), 0, 'a session that cannot be is not kept')
})

t.test('a revokeAll() whose rest is added while an earlier rest is being logged is logged to its end', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const insert = async (prefix: string, count: number) => {
    const session = (index: number) => ({
      id: `${prefix}-${index}`,
      issuer,
      sub: 'alice',
      sessionKey: 'x',
      device: null,
      scope: null,
      claims: {},
      accessLifetimeSeconds: 600,
      idleMs: hourMs,
      absoluteMs: hourMs
    })
    for (let index = 0; index < count; index++) {
      await store.insert(session(index), { issuers: [issuer], revoke: [], maxSessions: 1e9, lifetimeSeconds: 600 })
    }
  }
  const gate: { open?: () => void } = {}
  // A response that is on its way while the next call is made, as over a network.
  const slow: SessionStore = {
    ...store,
    trim: async (...args) => {
      const result = await store.trim(...args)
      if (gate.open === undefined) {
        await new Promise<void>((resolve) => {
          gate.open = resolve
        })
      }
      return result
    }
  }
  const server = await createApp({ plugin: { store: slow, clock } })
  await insert('first', 1001)
  const first = server.app.sessions.revokeAll('alice')
  while (gate.open === undefined) await setImmediate()
  await insert('second', 1001)
  const second = server.app.sessions.revokeAll('alice')
  for (let turn = 0; turn < 5; turn++) await setImmediate()
  gate.open()
  await Promise.all([first, second])
  const logged = new Set<string>()
  for (let cursor: string | null = null, more = true; more;) {
    const page = await store.readRevocations(cursor, 1000)
    for (const { id } of page.entries) logged.add(id)
    cursor = page.cursor
    more = page.more
  }
  t.equal(logged.size, 2002)
})

t.test(
  'a revocation lives as long as any access token of the session, however lifetimes differ between deployments',
  async (t) => {
    for (const [first, second] of [
      [60, 3600],
      [3600, 60]
    ] as const) {
      const clock = createClock()
      const store = memoryStore({ clock })
      const options = (lifetimeSeconds: number) => ({
        plugin: { store, clock, accessToken: { lifetimeSeconds }, refreshToken: { retrySeconds: 10 } }
      })
      const [old, rolled] = [await createApp(options(first)), await createApp(options(second))]
      const { refresh: token } = await old.signIn('bearer')
      clock.advance(20)
      const { access_token: access, expires_in: lives } = (await refresh(rolled, token)).json()
      t.equal(lives, second)
      t.equal((await logout(old, access)).statusCode, 204)
      const [restarted, rolledLater] = [await createApp(options(first)), await createApp(options(second))]
      for (let seconds = 0; seconds < second; seconds += second / 10) {
        for (const [name, node] of Object.entries({ old, restarted, rolledLater })) {
          t.equal(await me(node, access), 'AUTH_REVOKED_TOKEN', `${name}, ${seconds} s later`)
        }
        clock.advance(second / 10)
        await store.sweep()
      }
      t.equal(await me(old, access), 'AUTH_EXPIRED_TOKEN')
    }
  }
)

t.test('a refresh that writes nothing signs no longer than the row says', async (t) => {
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

t.test('a sign-out that the store could not be told outlasts the longest token', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  let down = false
  const store: SessionStore = {
    ...memory,
    revoke: async (...args) => {
      if (down) throw new Error('down')
      return await memory.revoke(...args)
    },
    appendRevocations: async () => {
      throw new Error('down')
    }
  }
  const server = await createApp({
    plugin: { store, clock, accessToken: { lifetimeSeconds: 60, maxLifetimeSeconds: 3600 } }
  })
  // Another node, configured for an hour, may sign for as long.
  const elsewhere = await createApp({
    plugin: { store: memory, clock, accessToken: { lifetimeSeconds: 3600, maxLifetimeSeconds: 3600 } }
  })
  const { access, refresh: token } = await server.signIn('bearer')
  t.equal(claimsOf(access).exp, epoch / 1000 + 60)
  clock.advance(20)
  const { access_token: longer } = (await refresh(elsewhere, token)).json()
  t.equal(claimsOf(longer).exp, epoch / 1000 + 3620)
  down = true
  t.equal((await logout(server, longer)).statusCode, 503)
  for (const seconds of [0, 100, 3499]) {
    clock.advance(seconds)
    t.equal(await me(server, longer), 'AUTH_REVOKED_TOKEN', `${clock() - epoch} ms later`)
  }
  clock.advance(1)
  t.equal(await me(server, longer), 'AUTH_EXPIRED_TOKEN')
})

t.test(
  'signIn({ authenticatedAt }) compares no two clocks: a sign-in with the old password does not survive the change',
  async (t) => {
    for (const skewMs of [0, 2000, -2000, hourMs, -hourMs]) {
      const storeClock = createClock(epoch + skewMs)
      const clock = createClock()
      const store = memoryStore({ clock: storeClock })
      const node = await createApp({ plugin: { store, clock } })
      const pass = (seconds: number) => {
        clock.advance(seconds)
        storeClock.advance(seconds)
      }
      const signIn = (authenticatedAt: number) =>
        node.app.inject({
          method: 'POST',
          url: '/login',
          payload: { sub: 'alice', transport: 'bearer', authenticatedAt }
        })
      const readAt = clock()
      pass(1)
      await node.app.sessions.revokeAll('alice')
      pass(1)
      t.equal((await signIn(readAt)).json().code, 'AUTH_REVOKED_TOKEN', `${skewMs} ms: in the hash queue meanwhile`)
      t.equal((await signIn(clock() - 1000)).json().code, 'AUTH_REVOKED_TOKEN', `${skewMs} ms: in the same millisecond`)
      t.equal((await signIn(clock() - 999)).statusCode, 200, `${skewMs} ms: after it`)
    }
  }
)

t.test('a store clock that was ahead for a moment locks nobody out: the sign-in is refused once', async (t) => {
  const clock = createClock()
  const storeClock = createClock(epoch + hourMs)
  const server = await createApp({ plugin: { store: memoryStore({ clock: storeClock }), clock } })
  await server.app.sessions.revokeAll('alice')
  storeClock.set(epoch + 1000)
  clock.advance(1)
  const signIn = () =>
    server.app.inject({
      method: 'POST',
      url: '/login',
      payload: { sub: 'alice', transport: 'bearer', authenticatedAt: clock() }
    })
  t.equal((await signIn()).json().code, 'AUTH_REVOKED_TOKEN')
  storeClock.advance(1)
  clock.advance(1)
  t.equal((await signIn()).statusCode, 200)
})

t.test('signIn({ revokeOthers: true }) ends every other session of the subject in the same step', async (t) => {
  const server = await createApp()
  const [mine, stolen, bobs] = [
    await server.signIn('cookie'),
    await server.signIn('bearer'),
    await server.signIn('bearer', { sub: 'bob' })
  ]
  let calls = 0
  const insert = server.store.insert
  Object.assign(server.store, {
    insert: (...args: Parameters<typeof insert>) => {
      calls++
      return insert(...args)
    }
  })
  const { access, sessionId } = await server.signIn('bearer', { revokeOthers: true })
  t.equal(calls, 1)
  t.strictSame(
    [
      await me(server, mine.access),
      await me(server, stolen.access),
      await me(server, access),
      await me(server, bobs.access)
    ],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', 200, 200]
  )
  t.equal((await refresh(server, stolen.refresh)).json().code, 'AUTH_REFRESH_INVALID')
  t.strictSame(
    (await server.app.sessions.list('alice')).map(({ id }) => id),
    [sessionId]
  )
  const wrong = await server.app.inject({
    method: 'POST',
    url: '/login',
    payload: { sub: 'alice', transport: 'bearer', revokeOthers: 'yes' }
  })
  t.equal(wrong.statusCode, 500)
})

t.test('app.sessions.list() shows the last use to the hour only', async (t) => {
  const server = await createApp()
  const { refresh: token } = await server.signIn('bearer')
  server.clock.advance(3 * 3600 + 1234)
  await refresh(server, token)
  t.strictSame(
    (await server.app.sessions.list('alice')).map(({ lastUsedAt, createdAt }) => [
      createdAt.getTime(),
      lastUsedAt.getTime()
    ]),
    [[epoch, epoch + 3 * hourMs]]
  )
})

t.test('two issuers over one store see and end only their own sessions of one `sub`', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const [here, there] = [
    await createApp({ plugin: { store, clock } }),
    await createApp({ plugin: { store, clock, issuer: 'https://other.example' } })
  ]
  const [mine, theirs] = [await here.signIn('bearer'), await there.signIn('bearer')]
  t.strictSame(
    (await here.app.sessions.list('alice')).map(({ id }) => id),
    [mine.sessionId]
  )
  t.equal(await here.app.sessions.revoke(theirs.sessionId), false)
  t.equal(await here.app.sessions.revoke(theirs.sessionId, { sub: 'alice' }), false)
  t.equal(await here.app.sessions.revokeAll('alice'), 1)
  t.equal(await me(there, theirs.access), 200)
})

t.test(
  'a sign-out by refresh token of a session that the store has lost ends its access tokens everywhere',
  async (t) => {
    const clock = createClock()
    const before = await createApp({ plugin: { clock, store: memoryStore({ clock }) } })
    const store = memoryStore({ clock })
    const here = await createApp({ plugin: { store, clock } })
    const { access, refresh: token, sessionId } = await before.signIn('bearer')
    t.equal(await me(here, access), 200)
    t.equal(
      (await here.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: token } })).statusCode,
      204
    )
    t.equal(await me(here, access), 'AUTH_REVOKED_TOKEN')
    t.match((await store.readRevocations(null, 10)).entries, [{ kind: 'session', id: sessionId }])
    const started = await createApp({ plugin: { store, clock } })
    t.equal(await me(started, access), 'AUTH_REVOKED_TOKEN')
  }
)

t.test(
  'the theft of a refresh token is told before the write that ends the session, and though it fails',
  async (t) => {
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
    t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN', 'refused here at once')
    down = false
    t.equal((await refresh(server, token)).json().code, 'AUTH_REFRESH_INVALID', 'the thief does not refresh on here')
  }
)

/** Refreshes as the victim, and then with the same token as a thief who waits for that. */
t.test('a token that is presented twice for each generation shows as a growing streak', async (t) => {
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
  t.strictSame([streaks(), writes], [[1, 1, 1, 2, 2, 2, 3, 3, 3], 3], 'one write for a generation')
  server.clock.advance(60)
  const alone = (await refresh(server, token)).json().refresh_token
  server.clock.advance(60)
  await refresh(server, alone)
  await refresh(server, alone)
  t.strictSame(streaks(), [1], 'a generation that was presented once ends the streak')
})

t.test('skews between a node and its store, within two hours, change nothing that a caller sees', async (t) => {
  for (const skewMs of [4000, -4000, 30_000, -30_000, hourMs, -hourMs]) {
    const storeClock = createClock(epoch + skewMs)
    const clock = createClock()
    const server = await createApp({ plugin: { store: memoryStore({ clock: storeClock }), clock } })
    const pass = (seconds: number) => {
      clock.advance(seconds)
      storeClock.advance(seconds)
    }
    const session = await server.signIn('bearer')
    t.equal(await me(server, session.access), 200, `${skewMs} ms`)
    t.match(server.warnings(), [/clock is \d+ ms (ahead of|behind) this node's. The difference is compensated/])
    pass(599)
    t.equal(await me(server, session.access), 200)
    pass(1)
    t.equal(await me(server, session.access), 'AUTH_EXPIRED_TOKEN')
    const { access_token: access } = (await refresh(server, session.refresh)).json()
    t.equal(await me(server, access), 200)
    const machine = await server.app.accessTokens.sign({ sub: 'robot' })
    t.equal(await me(server, machine), 200)
    t.equal((await logout(server, access)).statusCode, 204)
    t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN')
    pass(599)
    t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN')
    await server.app.close()
  }
})

t.test('a skew of three hours stops the start, with both sides named', async (t) => {
  for (const [skewMs, words] of [
    [3 * hourMs, 'ahead of'],
    [-3 * hourMs, 'behind']
  ] as const) {
    const store = memoryStore({ clock: createClock(epoch + skewMs) })
    await t.rejects(createApp({ plugin: { store, clock: createClock() } }), {
      message: new RegExp(
        `its clock is 10800 s ${words} this node's, and at most 7200 s are compensated. Correct one of the clocks`
      )
    })
  }
})

t.test('a store clock that jumps while the node runs loses no sign-out and signs nobody out', async (t) => {
  for (const jumpMs of [hourMs, -hourMs]) {
    const storeClock = createClock()
    const clock = createClock()
    const server = await createApp({ plugin: { store: memoryStore({ clock: storeClock }), clock } })
    const pass = (seconds: number) => {
      clock.advance(seconds)
      storeClock.advance(seconds)
    }
    const [kept, leaving] = [await server.signIn('bearer'), await server.signIn('bearer')]
    pass(60)
    storeClock.advance(jumpMs / 1000)
    const refreshed = (await refresh(server, kept.refresh)).json()
    t.equal(await me(server, refreshed.access_token), 200, 'what is signed now is accepted now')
    t.equal(
      (await server.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: leaving.refresh } }))
        .statusCode,
      204
    )
    t.not(await me(server, leaving.access), 200)
    storeClock.advance(-jumpMs / 1000)
    for (let minute = 0; minute < 20; minute++) {
      pass(60)
      await server.app.sessions.list('alice')
      t.not(await me(server, leaving.access), 200, `${minute} minutes after it jumped back`)
    }
    t.equal((await refresh(server, refreshed.refresh_token)).statusCode, 200)
    await server.app.close()
  }
})

t.test(
  'a sign-out counts at a node that is ahead of its store, whose clock was set back, whoever signs out',
  async (t) => {
    const storeClock = createClock()
    const store = memoryStore({ clock: storeClock })
    let wake = () => {}
    const ahead = await createApp({
      plugin: {
        store: {
          ...store,
          subscribe: async (listener) => {
            wake = listener
          }
        },
        clock: createClock()
      }
    })
    const [here, elsewhere] = [await ahead.signIn('bearer'), await ahead.signIn('bearer')]
    storeClock.advance(-3600)
    t.equal((await logout(ahead, here.access)).statusCode, 204, 'the first call that the store answers after it')
    t.equal(await me(ahead, here.access), 'AUTH_REVOKED_TOKEN')
    const newcomer = await createApp({ plugin: { store, clock: createClock(epoch - hourMs) } })
    t.equal(
      await newcomer.app.sessions.revoke(elsewhere.sessionId),
      true,
      'another node knows nothing of the earlier time'
    )
    wake()
    await setImmediate()
    t.equal(await me(ahead, elsewhere.access), 'AUTH_REVOKED_TOKEN')
    await Promise.all([ahead.app.close(), newcomer.app.close()])
  }
)

t.test("a sign-out outlasts a moment in which the store's clock was behind", async (t) => {
  const storeClock = createClock()
  const memory = memoryStore({ clock: storeClock })
  const wakes: (() => void)[] = []
  const store = {
    ...memory,
    subscribe: async (wake: () => void) => {
      wakes.push(wake)
    }
  }
  const read = async () => {
    for (const wake of wakes) wake()
    for (let turn = 0; turn < 5; turn++) await setImmediate()
  }
  const [here, there] = [
    await createApp({ plugin: { store, clock: createClock() } }),
    await createApp({ plugin: { store, clock: createClock() } })
  ]
  const session = await here.signIn('bearer')
  storeClock.advance(-3600)
  t.equal((await logout(here, session.access)).statusCode, 204)
  await read()
  storeClock.advance(3600)
  await read()
  const newcomer = await createApp({ plugin: { store, clock: createClock() } })
  t.strictSame(
    await Promise.all([here, there, newcomer].map((node) => me(node, session.access))),
    Array(3).fill('AUTH_REVOKED_TOKEN')
  )
  storeClock.advance(-3600)
  t.strictSame(
    await Promise.all([here, there, newcomer].map((node) => me(node, session.access))),
    Array(3).fill('AUTH_REVOKED_TOKEN')
  )
  for (const { app } of [here, there, newcomer]) await app.close()
})

t.test(
  'a store that cannot work until its configuration is changed stops the start, with its own reason',
  async (t) => {
    const store: SessionStore = {
      ...memoryStore(),
      prepare: async () => {
        throw new UnusableStoreError('permission denied for schema public: grant CREATE')
      }
    }
    await t.rejects(createApp({ plugin: { store } }), {
      message: 'fastify-authenticate cannot use its store: permission denied for schema public: grant CREATE'
    })
  }
)

t.test(
  'a store that is away starts with one warning that names the reason and what is accepted meanwhile',
  async (t) => {
    for (const [whenStale, meanwhile] of [
      ['accept', 'access tokens are accepted even if they are revoked'],
      ['refuse', 'so do all requests with a token']
    ] as const) {
      const clock = createClock()
      const store: SessionStore = {
        ...memoryStore({ clock }),
        prepare: async () => {
          throw new Error('connect ECONNREFUSED 127.0.0.1:5432')
        }
      }
      const server = await createApp({ plugin: { store, clock, revocation: { whenStale } } })
      t.strictSame(server.warnings(), [
        'fastify-authenticate starts without its store: connect ECONNREFUSED 127.0.0.1:5432. ' +
          `Until it responds, sign-in, refresh and sign-out return 503, and ${meanwhile}`
      ])
      await server.app.close()
    }
  }
)

t.test('a cookie sign-in ends the session of the cookies though the store has lost it', async (t) => {
  const clock = createClock()
  const before = await createApp({ plugin: { clock, store: memoryStore({ clock }) } })
  const store = memoryStore({ clock })
  const here = await createApp({ plugin: { store, clock } })
  const lost = await before.signIn('cookie')
  const onlyAccess = await before.signIn('cookie')
  for (const { access } of [lost, onlyAccess]) t.equal(await me(here, access), 200)
  const signIn = (cookie: string) => here.signIn('cookie', {}, { cookie })
  await signIn(lost.cookie)
  await signIn(`__Host-access=${onlyAccess.access}`)
  for (const { access } of [lost, onlyAccess]) t.equal(await me(here, access), 'AUTH_REVOKED_TOKEN')
})

t.test('a cookie sign-in over a session that has ended writes nothing more', async (t) => {
  const server = await createApp()
  const { cookie, access, sessionId } = await server.signIn('cookie')
  await logout(server, access)
  const { cursor } = await server.store.readRevocations(null, 10)
  const next = await server.signIn('cookie', {}, { cookie })
  t.equal(await me(server, next.access), 200)
  t.strictSame((await server.store.readRevocations(cursor, 10)).entries, [], sessionId)
})
