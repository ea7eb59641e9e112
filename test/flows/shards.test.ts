import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { shardedStore } from '../../plugin/stores/sharded.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { createApp, createClock, type TestApp } from '../fixtures/app.ts'
import { bearer, refresh } from '../fixtures/signed-in.ts'

/** Two shards over one clock, of which `a` can be down. */
function createShards() {
  const clock = createClock()
  const state = { isAway: false }
  const a = memoryStore({ clock })
  const mayFail = Object.fromEntries(
    Object.entries(a).map(([name, method]) => [
      name,
      async (...args: unknown[]) => {
        if (state.isAway) throw new Error('ECONNREFUSED')
        return await (method as (...args: unknown[]) => Promise<unknown>)(...args)
      }
    ])
  )
  const store = shardedStore({ a: mayFail as unknown as SessionStore, b: memoryStore({ clock }) })
  const subjectOf = (shard: string) =>
    Array.from({ length: 50 }, (_, index) => `user ${index}`).find(
      (sub) => store.shards!.of(store.newId!(sub)) === shard
    )!
  return { clock, state, a, store, subjectOf }
}

const use = async ({ app }: TestApp, headers: Record<string, string>) => {
  const { statusCode, headers: sent, json } = await app.inject({ url: '/me', headers })
  return statusCode === 200 ? 200 : [statusCode, json().code, sent['retry-after']]
}
const unavailable = [503, 'AUTH_STORE_UNAVAILABLE', '2']
const revoked = [401, 'AUTH_REVOKED_TOKEN', undefined]

t.test('a shard that is down costs its own sessions 503, and nobody else', async (t) => {
  const { state, store, subjectOf } = createShards()
  const server = await createApp({
    plugin: { store, revocation: { whenStale: 'ask', maxStalenessSeconds: 1, pollSeconds: 3600 } }
  })
  const ofA = await server.signIn('bearer', { sub: subjectOf('a') })
  const ofB = await server.signIn('bearer', { sub: subjectOf('b') })
  const machine = bearer(await server.app.accessTokens.sign({ sub: 'machine' }))
  state.isAway = true
  server.clock.advance(2)
  t.equal(await use(server, bearer(ofB.access)), 200)
  t.equal(await use(server, machine), 200)
  t.strictSame(await use(server, bearer(ofA.access)), unavailable)
  t.equal((await refresh(server, ofA.refresh)).statusCode, 503)
  t.equal((await refresh(server, ofB.refresh)).statusCode, 200)
  await t.rejects(server.app.sessions.revokeAll(subjectOf('a')), { code: 'AUTH_STORE_UNAVAILABLE' })
  await t.resolves(server.app.sessions.revokeAll(subjectOf('b')))
  state.isAway = false
  t.equal(await use(server, bearer(ofA.access)), 200)
  t.equal((await refresh(server, ofA.refresh)).statusCode, 200)
  await t.resolves(server.app.sessions.revokeAll(subjectOf('a')))
  t.strictSame(await use(server, bearer(ofA.access)), revoked)
})

/** A node polls once in each second that passes, by all clocks. */
function createSeconds(t: Test, clock: ReturnType<typeof createClock>) {
  mock.timers.enable({ apis: ['setInterval'] })
  const monotonic = createClock(1000)
  t.intercept(performance, 'now', { value: () => monotonic(), configurable: true })
  t.teardown(() => mock.timers.reset())
  return async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1)
      monotonic.advance(1)
      mock.timers.tick(1000)
      for (let turn = 0; turn < 3; turn++) await setImmediate()
    }
  }
}

t.test("with whenStale: 'refuse', only the sessions of a shard whose log is stale cause 503", async (t) => {
  const { clock, state, a, store, subjectOf } = createShards()
  const pass = createSeconds(t, clock)
  const revocation = { whenStale: 'refuse', maxStalenessSeconds: 3, pollSeconds: 1 } as const
  const server = await createApp({ plugin: { store, clock, revocation } })
  const signIn = async (shard: string) => {
    const { access, sessionId, refresh: token } = await server.signIn('bearer', { sub: subjectOf(shard) })
    return { headers: bearer(access), sessionId, token }
  }
  const [ofA, endedOfA, ofB, endedOfB] = [await signIn('a'), await signIn('a'), await signIn('b'), await signIn('b')]
  const machine = bearer(await server.app.accessTokens.sign({ sub: 'machine' }))
  const everyone = [ofA.headers, endedOfA.headers, ofB.headers, endedOfB.headers, machine]
  const outcomes = async () => await Promise.all(everyone.map((headers) => use(server, headers)))
  const ending = { lifetimeSeconds: 600 }

  state.isAway = true
  await pass(3)
  t.strictSame(await outcomes(), [200, 200, 200, 200, 200], 'as old as a list may be')
  // Another node reaches the shard.
  await a.revoke(endedOfA.sessionId, ending)
  await store.revoke(endedOfB.sessionId, ending)
  await pass(1)
  t.strictSame(await outcomes(), [unavailable, unavailable, 200, revoked, 200])
  t.equal((await refresh(server, ofA.token)).statusCode, 503)
  t.equal((await refresh(server, ofB.token)).statusCode, 200)
  await pass(60)
  t.strictSame(await outcomes(), [unavailable, unavailable, 200, revoked, 200], 'however long it takes')

  const late = await createApp({ plugin: { store, clock, revocation } })
  t.strictSame(await use(late, ofA.headers), unavailable, 'a node that starts meanwhile knows nothing of the shard')
  t.strictSame([await use(late, ofB.headers), await use(late, endedOfB.headers)], [200, revoked])

  state.isAway = false
  await pass(1)
  t.strictSame(await outcomes(), [200, revoked, 200, revoked, 200])
  t.strictSame(
    server.events().filter(({ type }) => type.startsWith('revocation-log-')),
    [
      { type: 'revocation-log-stale', silentMs: 4000, shard: 'a' },
      { type: 'revocation-log-recovered', silentMs: 0, shard: 'a' }
    ]
  )
})
