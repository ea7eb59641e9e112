import t from 'tap'
import type { SessionStore } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, epoch } from '../fixtures/app.ts'
import { claimsOf, hourMs, logout, me, refresh } from '../fixtures/signed-in.ts'

t.test('app.sessions does not call the store for a text that no database can store', async (t) => {
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
  t.equal(
    await app.sessions.revokeAll('alice', { except: 'a\0b' }),
    0,
    'a session id that cannot exist spares no session'
  )
})

t.test(
  'a revocation outlasts every access token of its session, however lifetimes differ between deployments',
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

t.test('a sign-out while the store is down outlasts the longest-lived access token', async (t) => {
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
  // Another node has a lifetime of an hour.
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

t.test('app.sessions.list() rounds the time of the last use down to the hour', async (t) => {
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

t.test("app.sessions lists and revokes only sessions of the application's own issuer", async (t) => {
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

t.test('signOut() by refresh token revokes the access tokens of a session that the store has lost', async (t) => {
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
})
