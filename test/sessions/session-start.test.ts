import t from 'tap'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createSessionStart } from '../../plugin/sessions/session-start.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, epoch, issuer, secret } from '../fixtures/app.ts'
import { rowOf } from '../fixtures/refresh.ts'
import { hourMs, logout, me, refresh } from '../fixtures/signed-in.ts'

t.test(
  'signIn() revokes the least recently refreshed session beyond `maxSessions`, and the event says why',
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
      { type: 'session-revoked', sessionId: second.sessionId, reason: 'max-sessions', here: true },
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
  'signIn({ authenticatedAt }) refuses a credential from before revokeAll(), however the clocks differ',
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

t.test("signIn({ authenticatedAt }) is refused only once after the store's clock was ahead for a moment", async (t) => {
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

t.test('signIn({ authenticatedAt }) refuses a credential that was read more than a day ago', async (t) => {
  const server = await createApp()
  for (const [ageMs, expected] of [
    [24 * hourMs, 200],
    [24 * hourMs + 1, 'AUTH_REVOKED_TOKEN']
  ]) {
    const response = await server.app.inject({
      method: 'POST',
      url: '/login',
      payload: { sub: 'alice', transport: 'bearer', authenticatedAt: server.clock() - Number(ageMs) }
    })
    t.equal(response.json().code ?? response.statusCode, expected, `${ageMs} ms`)
  }
})

t.test('signIn() makes an id and a session key of 128 random bits each', async (t) => {
  const server = await createApp()
  const { sessionId } = await server.signIn('bearer')
  const { sessionKey } = await rowOf(server.store, sessionId)
  const [id, key] = [sessionId, sessionKey].map((text) => Buffer.from(text, 'base64url'))
  t.strictSame([id!.length, key!.length], [16, 16])
  t.notOk(id!.equals(key!))
})

t.test('startSession() inserts nothing if what signs cannot be loaded', async (t) => {
  const steps: string[] = []
  const step = (name: string) => () => steps.push(name) as never
  const unloadable = new Error('cannot be loaded')
  const startSession = createSessionStart({
    settings: resolveOptions({ issuer, secret }),
    store: { insert: step('insert') },
    newSessionId: () => 'id',
    accessLifetime: () => 600,
    clock: createClock(),
    nodeClock: createClock(),
    tokenIssuer: { loadSigner: () => Promise.reject(unloadable), prepare: step('prepare'), issue: step('issue') },
    knownSessions: { remember: step('remember') },
    revocations: {
      markReplaced: step('replace'),
      markRevoked: step('revoke'),
      isSessionRevoked: () => false,
      revokeLocally: step('revoke'),
      longestRevocation: step('revoke')
    },
    trimmer: { add: step('trim') },
    emit: step('emit')
  })
  const options = { revoke: [], assertFits() {}, transport: 'bearer' } as const
  await t.rejects(startSession({ sub: 'alice' }, options), unloadable)
  t.strictSame(steps, [])
})

t.test('signIn({ revokeOthers: true }) revokes all other sessions of the subject in the same step', async (t) => {
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

t.test('signIn() by cookie revokes the session of the cookies even if the store has lost it', async (t) => {
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

t.test('signIn() by cookie appends nothing to the log for a session that is already revoked', async (t) => {
  const server = await createApp()
  const { cookie, access, sessionId } = await server.signIn('cookie')
  await logout(server, access)
  const { cursor } = await server.store.readRevocations(null, 10)
  const next = await server.signIn('cookie', {}, { cookie })
  t.equal(await me(server, next.access), 200)
  t.strictSame((await server.store.readRevocations(cursor, 10)).entries, [], sessionId)
})
