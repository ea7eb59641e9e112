import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { shardedStore } from '../../plugin/stores/sharded.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { createApp, createClock } from '../fixtures/app.ts'
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
  return { clock, state, store: shardedStore({ a: mayFail as unknown as SessionStore, b: memoryStore({ clock }) }) }
}

t.test('a shard that is down costs its own sessions 503, and nobody else', async (t) => {
  const { state, store } = createShards()
  const server = await createApp({
    plugin: { store, revocation: { whenStale: 'ask', maxStalenessSeconds: 1, pollSeconds: 3600 } }
  })
  const subjectOf = (shard: string) =>
    Array.from({ length: 50 }, (_, index) => `user ${index}`).find(
      (sub) => store.shards!.of(store.newId!(sub)) === shard
    )!
  const ofA = await server.signIn('bearer', { sub: subjectOf('a') })
  const ofB = await server.signIn('bearer', { sub: subjectOf('b') })
  const machine = bearer(await server.app.accessTokens.sign({ sub: 'machine' }))
  state.isAway = true
  server.clock.advance(2)
  const use = async (headers: Record<string, string>) => (await server.app.inject({ url: '/me', headers })).statusCode
  t.equal(await use(bearer(ofB.access)), 200)
  t.equal(await use(machine), 200)
  const refused = await server.app.inject({ url: '/me', headers: bearer(ofA.access) })
  t.match(refused, { statusCode: 503, headers: { 'retry-after': '2' } })
  t.equal((await refresh(server, ofA.refresh)).statusCode, 503)
  t.equal((await refresh(server, ofB.refresh)).statusCode, 200)
  await t.rejects(server.app.sessions.revokeAll(subjectOf('a')), { code: 'AUTH_STORE_UNAVAILABLE' })
  await t.resolves(server.app.sessions.revokeAll(subjectOf('b')))
  state.isAway = false
  t.equal(await use(bearer(ofA.access)), 200)
  t.equal((await refresh(server, ofA.refresh)).statusCode, 200)
  await t.resolves(server.app.sessions.revokeAll(subjectOf('a')))
  t.equal(await use(bearer(ofA.access)), 401)
})
