import t from 'tap'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { shardedStore } from '../../../plugin/stores/sharded.ts'
import { createClock, epoch } from '../../fixtures/app.ts'
import { freezeMonotonic, recorded, start, subjectOf } from '../../fixtures/shards.ts'
import { ending, hourMs, idsOf, times } from '../../fixtures/store-values.ts'

const until = epoch + hourMs
const entriesOf = (id: string, count: number) =>
  times(count, (index) => ({ kind: 'session', id: `${id}~${String(index).padStart(22, 'A')}`, until }) as const)

t.test('readRevocations() shares a page among the shards, and reads at least one entry of each', async (t) => {
  for (const [shards, limit, share] of [
    [1, 100, 100],
    [2, 25, 12],
    [3, 100, 33],
    [10, 100, 10],
    [12, 100, 8],
    [3, 2, 1],
    [2, 1, 1]
  ] as const) {
    const limits: number[] = []
    const clock = createClock()
    const stores = times(shards, () => {
      const store = memoryStore({ clock })
      return {
        ...store,
        async readRevocations(cursor: string | null, count: number) {
          limits.push(count)
          return await store.readRevocations(cursor, count)
        }
      }
    })
    await shardedStore(stores).readRevocations(null, limit)
    t.strictSame(limits, Array(shards).fill(share), `${limit} entries of ${shards} shards`)
  }
})

t.test('readRevocations() returns `more` as long as one of the shards has more', async (t) => {
  freezeMonotonic(t)
  const clock = createClock()
  const store = shardedStore({ a: memoryStore({ clock }), b: memoryStore({ clock }) })
  await store.appendRevocations([...entriesOf('a', 3), ...entriesOf('b', 1)], ending)
  const pages: [number, boolean][] = []
  let cursor: string | null = null
  for (let more = true; more;) {
    const page = await store.readRevocations(cursor, 2)
    t.notOk('lost' in page)
    pages.push([page.entries.length, page.more])
    cursor = page.cursor
    more = page.more
  }
  t.strictSame(pages, [
    [2, true],
    [2, false]
  ])
})

t.test('readRevocations() names a shard whose log lost its place in either of two reads for the page', async (t) => {
  for (const [name, lostIn, expected] of [
    ['neither', 0, { reads: 2, entries: 4, resumed: true, lost: undefined }],
    ['the first', 1, { reads: 2, entries: 4, resumed: false, lost: ['b'] }],
    ['the second, which starts again', 2, { reads: 2, entries: 2, resumed: false, lost: ['b'] }]
  ] as const) {
    const clock = createClock()
    const [a, b] = [memoryStore({ clock }), memoryStore({ clock })]
    let reads = 0
    const readRevocations: typeof b.readRevocations = async (cursor, limit) =>
      await b.readRevocations(++reads === lostIn ? '7.nonce' : cursor, limit)
    const store = shardedStore({ a, b: { ...b, readRevocations } })
    const { cursor } = await store.readRevocations(null, 4)
    await store.appendRevocations(entriesOf('b', 5), ending)
    reads = 0
    const { entries, resumed, lost } = await store.readRevocations(cursor, 4)
    t.strictSame({ reads, entries: entries.length, resumed, lost }, expected, name)
  }
})

t.test('appendRevocations() calls only the shards that have an entry, or the first', async (t) => {
  freezeMonotonic(t)
  const clock = createClock()
  const [a, b] = [recorded(memoryStore({ clock })), recorded(memoryStore({ clock }))]
  const store = shardedStore({ a: a.store, b: b.store })
  await store.prepare!()
  const { row } = await start(store, subjectOf(store, 'b'))
  const calls = () => ({ a: a.calls(), b: b.calls() })
  calls()
  await store.appendRevocations([{ kind: 'session', id: row.id, until }], ending)
  t.strictSame(calls(), { a: [], b: ['appendRevocations'] })
  t.equal((await store.appendRevocations([], ending)).storeTime, epoch)
  t.strictSame(calls(), { a: ['appendRevocations'], b: [] })
})

t.test('appendRevocations() writes a token to every shard, whatever its id looks like', async (t) => {
  freezeMonotonic(t)
  const clock = createClock()
  const [a, b] = [memoryStore({ clock }), memoryStore({ clock })]
  const id = `b~${'A'.repeat(22)}`
  await shardedStore({ a, b }).appendRevocations([{ kind: 'token', id, until }], ending)
  for (const shard of [a, b]) t.strictSame(idsOf((await shard.readRevocations(null, 10)).entries), [id])
})

t.test('appendRevocations() writes nothing if an id is one that not every database can hold', async (t) => {
  const a = memoryStore({ clock: createClock() })
  const entries = ['good', 'b\0d'].map((id) => ({ kind: 'token', id, until }) as const)
  await t.rejects(shardedStore({ a }).appendRevocations(entries, ending), {
    message: 'Cannot append an id with U+0000 to the log'
  })
  t.strictSame((await a.readRevocations(null, 10)).entries, [])
})
