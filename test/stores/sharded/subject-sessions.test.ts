import t, { type Test } from 'tap'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { shardedStore } from '../../../plugin/stores/sharded.ts'
import { maxBatch, type SessionStore } from '../../../plugin/stores/session-store.ts'
import { createClock, epoch } from '../../fixtures/app.ts'
import { freezeMonotonic, recorded, sets, start, subjectOf } from '../../fixtures/shards.ts'
import { ending, idsOf, rotation, subject, times } from '../../fixtures/store-values.ts'

/** A subject with the shards `a` and `b`. `startOn()` starts a session of it on either, at this second. */
async function create(t: Test, ofA: Partial<SessionStore> = {}) {
  freezeMonotonic(t)
  const storeClock = createClock()
  const nodeClock = createClock()
  const [a, b] = [recorded(memoryStore({ clock: storeClock }), ofA), recorded(memoryStore({ clock: storeClock }))]
  const store = shardedStore({ a: a.store, b: b.store }, { sets, clock: nodeClock })
  await store.prepare!()
  const sub = subjectOf(store, 'b')
  async function startOn(shard: 'a' | 'b', second: number) {
    storeClock.set(epoch + second * 1000)
    nodeClock.set(shard === 'a' ? epoch - 1 : epoch)
    const { row } = await start(store, sub)
    nodeClock.set(epoch)
    return row
  }
  async function rotateAt(id: string, second: number) {
    storeClock.set(epoch + second * 1000)
    await store.rotate(id, rotation)
  }
  const calls = () => ({ a: a.calls(), b: b.calls() })
  /** What `trim()` revokes, and whether some are left. */
  async function trim(maxSessions: number, of = sub) {
    calls()
    const { revoked, more } = await store.trim(subject(of), { ...ending, maxSessions })
    return [idsOf(revoked), more]
  }
  return { store, sub, calls, startOn, rotateAt, trim }
}

t.test('trim() revokes the least recently rotated sessions of all shards, and of equals the oldest', async (t) => {
  await t.test('the least recently rotated', async (t) => {
    const { startOn, rotateAt, trim } = await create(t)
    const first = await startOn('a', 1)
    const second = await startOn('b', 2)
    const third = await startOn('a', 3)
    await rotateAt(first.id, 4)
    t.strictSame(await trim(2), [[second.id], false])
    t.strictSame(await trim(1), [[third.id], false])
    t.strictSame(await trim(1), [[], false])
  })
  for (const [older, newer] of [
    ['a', 'b'],
    ['b', 'a']
  ] as const) {
    await t.test(`the oldest is on ${older}`, async (t) => {
      const { startOn, rotateAt, trim } = await create(t)
      const first = await startOn(older, 1)
      await rotateAt(first.id, 2)
      await startOn(newer, 2)
      t.strictSame(await trim(1), [[first.id], false])
    })
  }
})

t.test('trim() compares the shards only if that can matter', async (t) => {
  await t.test('no limit', async (t) => {
    const { calls, startOn, trim } = await create(t)
    await startOn('a', 1)
    await startOn('b', 2)
    t.strictSame(await trim(Infinity), [[], false])
    t.strictSame(calls(), { a: ['trim'], b: ['trim'] })
  })
  await t.test('one shard', async (t) => {
    const { store, calls, trim } = await create(t)
    await trim(1, subjectOf(store, 'a'))
    t.strictSame(calls(), { a: ['trim'], b: [] })
  })
  await t.test('a shard with more to revoke', async (t) => {
    const { calls, startOn, trim } = await create(t, {
      trim: async () => ({ revoked: [], more: true, storeTime: epoch })
    })
    await startOn('a', 1)
    await startOn('b', 2)
    t.strictSame(await trim(1), [[], true])
    t.strictSame(calls(), { a: ['trim'], b: ['trim'] })
  })
})

t.test('trim() revokes at most a batch of what the shards have too many together, the oldest first', async (t) => {
  const { startOn } = await create(t)
  const row = await startOn('a', 1)
  const ids = times(maxBatch + 2, (index) => `a~${String(index).padStart(22, '0')}`)
  const { trim, calls } = await create(t, {
    list: async () => ({ rows: ids.map((id, index) => ({ ...row, id, rotatedAt: epoch + index })), storeTime: epoch }),
    revoke: async (id) => ({ revoked: { ...row, id, until: epoch }, storeTime: epoch })
  })
  t.strictSame(await trim(1), [ids.slice(0, maxBatch).reverse(), true])
  t.equal(calls().a.filter((name) => name === 'revoke').length, maxBatch)
})

t.test('trim() does not list a session that was revoked meanwhile', async (t) => {
  const { startOn, trim } = await create(t, { revoke: async () => ({ revoked: null, storeTime: epoch }) })
  await startOn('a', 1)
  await startOn('b', 2)
  t.strictSame(await trim(1), [[], false])
})

t.test('list() returns the most recently rotated sessions of all shards, the oldest first', async (t) => {
  const { store, sub, startOn, rotateAt } = await create(t)
  const list = async (limit: number) => idsOf((await store.list(subject(sub), { limit })).rows)
  const first = await startOn('a', 1)
  const second = await startOn('b', 2)
  const third = await startOn('b', 3)
  await rotateAt(first.id, 4)
  t.strictSame(await list(3), [first.id, second.id, third.id])
  t.strictSame(await list(2), [first.id, third.id])
  t.strictSame(await list(1), [first.id])
})

t.test('list() returns what the shard returns if the subject has only one', async (t) => {
  const { startOn } = await create(t)
  const row = await startOn('a', 1)
  const listed = { rows: [row, { ...row, id: 'other', createdAt: row.createdAt - 1 }], storeTime: epoch }
  const { store } = await create(t, { list: async () => listed })
  t.equal(await store.list(subject(subjectOf(store, 'a')), { limit: 10 }), listed)
})
