import t from 'tap'
import type { SessionStore } from '../../../../plugin/stores/session-store.ts'
import { skipWithoutRedis } from '../../../fixtures/redis-server.ts'
import { serve } from '../../../fixtures/redis-store.ts'
import { ending, idsOf, revokedTokens } from '../../../fixtures/store-values.ts'

const append = (store: SessionStore, ...ids: string[]) => store.appendRevocations(revokedTokens(...ids), ending)
t.test('appendRevocations() writes 100,000 entries in batches, one script for each', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const entries = Array.from(
    { length: 100_000 },
    (_, index) => ({ kind: 'token', id: `${index}`, until: 1e15 + (index % 2) }) as const
  )
  await admin.config('RESETSTAT')
  await store.appendRevocations(entries, ending)
  const stats = await admin.info('commandstats')
  const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  t.ok(calls('evalsha') + calls('eval') <= 105, 'a round trip for 1000 entries')
  t.ok(calls('zadd') + calls('hset') <= 305, 'a write for 1000 entries')
  t.equal(await admin.zcard('{auth}:f'), 100_000)
})

t.test('readRevocations() resumes at an entry that was raised meanwhile', skipWithoutRedis, async (t) => {
  const { connect } = await serve(t)
  const store = await connect('ioredis')
  await append(store, 'a', 'b', 'c')
  const { cursor } = await store.readRevocations(null, 2)
  for (const until of [1e15 + 1, 1e15 + 2]) await store.appendRevocations([{ kind: 'token', id: 'b', until }], ending)
  const page = await store.readRevocations(cursor, 10)
  t.strictSame(
    [page.resumed, page.entries.map(({ id, until }) => [id, until])],
    [
      true,
      [
        ['c', 1e15],
        ['b', 1e15 + 2]
      ]
    ]
  )
  t.strictSame(idsOf((await store.readRevocations(null, 10)).entries), ['a', 'c', 'b'])
})

t.test('readRevocations() does not resume after FLUSHALL or from an invalid cursor', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('node-redis')
  await append(store, 'lost')
  const { cursor } = await store.readRevocations(null, 10)
  t.match(await store.readRevocations(cursor, 10), { resumed: true, entries: [] })
  await admin.flushall()
  t.match(await store.readRevocations(cursor, 10), { resumed: false, entries: [] })
  await append(store, 'with the same number')
  t.match(await store.readRevocations(cursor, 10), { resumed: false, entries: [{ id: 'with the same number' }] })
  for (const nonsense of ['', '.', '1', '1.', 'x.y', '-1.x', '-inf.', '0.x', '1e0.x', '(1.x', "1.' OR 1"]) {
    t.equal((await store.readRevocations(nonsense, 10)).resumed, false, nonsense)
  }
})

t.test('sweep() removes expired log entries, but never the newest', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const old = Array.from(
    { length: 2500 },
    (_, index) => ({ kind: 'token', id: `${index}`, until: 1000 + index }) as const
  )
  await store.appendRevocations(
    [...old, { kind: 'token', id: 'live', until: 1e15 }, { kind: 'token', id: 'newest', until: 1 }],
    ending
  )
  const { cursor } = await store.readRevocations(null, 10_000).then(() => store.readRevocations(null, 1))
  await store.sweep()
  const { entries } = await store.readRevocations(null, 10)
  t.strictSame(
    entries.map(({ id }) => id),
    ['live', 'newest']
  )
  t.equal((await store.readRevocations(cursor, 10)).resumed, false)
  t.strictSame(
    await Promise.all([admin.zcard('{auth}:f'), admin.zcard('{auth}:fu'), admin.hlen('{auth}:fm')]),
    [2, 2, 2]
  )
})
