import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { shardedStore } from '../../plugin/stores/sharded.ts'
import type { ShardedStoreOptions } from '../../plugin/stores/sharded.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'

const [a, b] = [memoryStore(), memoryStore()]
const first = { shards: ['a'] }

t.test('shardedStore() throws a TypeError for anything that is not a list or an object of stores', async (t) => {
  const rows: [shards: unknown, message: string][] = [
    [undefined, '"shards" must be stores, as a list or by name: received undefined'],
    [null, '"shards" must be stores, as a list or by name: received null'],
    // A connection string may contain a password, and errors are logged.
    ['redis://:password@localhost', '"shards" must be stores, as a list or by name: received a string'],
    [a, '"shards" must be stores, as a list or by name: received a plain object'],
    [[], '"shards" must be at least one store: received none'],
    [{}, '"shards" must be at least one store: received none'],
    [[a, undefined], '"shards.1" must be a SessionStore, such as redisStore(client): received undefined'],
    [{ a: {} }, '"shards.a" must be a SessionStore, such as redisStore(client): received a plain object'],
    [
      ['redis://:password@localhost'],
      '"shards.0" must be a SessionStore, such as redisStore(client): received a string'
    ],
    [{ a, b: a }, '"shards.b" must be another store: received that of "a"'],
    [{ 'a~b': a }, '"shards" must be named by 1 to 16 letters, digits and "-": received "a~b"'],
    [{ '': a }, '"shards" must be named by 1 to 16 letters, digits and "-": received ""'],
    [
      { [`${'x'.repeat(17)}`]: a },
      `"shards" must be named by 1 to 16 letters, digits and "-": received "${'x'.repeat(17)}"`
    ],
    ...[shardedStore([b]), { ...a, newId: () => 'id' }, { ...a, shards: { names: [], of: () => '' } }].map(
      (store): [unknown, string] => [
        { a: store },
        '"shards.a" must be a store that makes no ids of its own: received one with newId()'
      ]
    )
  ]
  for (const [shards, message] of rows) {
    t.throws(() => shardedStore(shards as SessionStore[]), new TypeError(`Cannot create a shardedStore: ${message}`))
  }
})

t.test('shardedStore() throws a TypeError that names a wrong option', async (t) => {
  const later = '2027-01-31T09:00:00Z'
  const rows: [options: object, message: string][] = [
    [{ ttl: 1 }, '"ttl" is not an option: expected sets or removed or clock'],
    [{ sets: [] }, '"sets" must be a list of shard sets, the oldest first: received an empty list'],
    [{ sets: first }, '"sets" must be a list of shard sets, the oldest first: received a plain object'],
    [{ sets: [null] }, '"sets.0" must be { from, shards }: received null'],
    [{ sets: [{ ...first, until: 1 }] }, '"sets.0" must be { from, shards }: received "until"'],
    [{ sets: [{ shards: [] }] }, '"sets.0.shards" must be a list of names of shards: received an empty list'],
    [{ sets: [{ shards: 'a' }] }, '"sets.0.shards" must be a list of names of shards: received "a"'],
    [{ sets: [{ shards: ['a', 'c'] }] }, '"sets.0.shards" must be different names out of a, b: received "c"'],
    [{ sets: [{ shards: ['a', 'a'] }] }, '"sets.0.shards" must be different names out of a, b: received "a"'],
    [{ sets: [first] }, '"sets" must be sets with every shard: received none with "b"'],
    [
      { sets: [first, { shards: ['b'] }] },
      '"sets.1.from" must be present, and later than that of the set before: received undefined'
    ],
    [
      {
        sets: [
          { ...first, from: later },
          { from: later, shards: ['b'] }
        ]
      },
      `"sets.1.from" must be present, and later than that of the set before: received "${later}"`
    ],
    ...['2027-01-31', '2027-01-31T09:00:00', '2027-13-31T09:00:00Z', 'tomorrow', 5, null].map(
      (from): [object, string] => [
        { sets: [first, { from, shards: ['b'] }] },
        '"sets.1.from" must be a time with its zone, such as "2027-01-31T09:00:00Z": ' +
          `received ${JSON.stringify(from)}`
      ]
    ),
    [{ removed: 'c' }, '"removed" must be a list of names of former shards: received "c"'],
    [{ removed: ['a'] }, '"removed" must be names of shards that are no longer listed: received "a"'],
    [{ removed: ['a~b'] }, '"removed" must be names of shards that are no longer listed: received "a~b"'],
    [{ removed: [1] }, '"removed" must be names of shards that are no longer listed: received 1'],
    [{ clock: 1 }, '"clock" must be a function that returns milliseconds since the epoch: received 1']
  ]
  for (const [options, message] of rows) {
    const create = () => shardedStore({ a, b }, options as ShardedStoreOptions)
    t.throws(create, new TypeError(`Cannot create a shardedStore: ${message}`))
  }
})

t.test('shardedStore() distributes subjects evenly, by the names of the shards and not by their order', async (t) => {
  const names = ['a', 'b', 'c', 'd']
  const storeOf = (order: readonly string[]) =>
    shardedStore(Object.fromEntries(order.map((name) => [name, memoryStore()])))
  const [one, other, smaller] = [storeOf(names), storeOf(names.toReversed()), storeOf(names.slice(1))]
  const shardOf = (store: SessionStore, sub: string) => store.shards!.of(store.newId!(sub))
  const counts = new Map(names.map((name) => [name, 0]))
  const moved: string[] = []
  for (let index = 0; index < 4000; index++) {
    const sub = `user ${index}`
    const shard = shardOf(one, sub)
    counts.set(shard, counts.get(shard)! + 1)
    // Without "a", only the subjects of "a" move.
    if (shardOf(other, sub) !== shard || (shard !== 'a' && shardOf(smaller, sub) !== shard)) moved.push(sub)
  }
  t.strictSame(moved, [])
  for (const count of counts.values()) t.ok(count > 900 && count < 1100, `${count} of 4000 subjects`)
})

t.test('shardedStore() keeps the shard of a subject from release to release', async (t) => {
  const store = shardedStore({ a: memoryStore(), b: memoryStore(), c: memoryStore() })
  const shardOf = (sub: string) => store.shards!.of(store.newId!(sub))
  t.equal(['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'].map(shardOf).join(), 'b,b,a,a,a,a,c,b')
})

t.test('shardedStore() begins with the first set, also before its time', async (t) => {
  const store = shardedStore(
    { a: memoryStore(), b: memoryStore() },
    {
      clock: () => Date.UTC(2027, 0, 1),
      sets: [
        { from: '2027-02-01T00:00Z', shards: ['a'] },
        { from: '2027-03-01T00:00Z', shards: ['b'] }
      ]
    }
  )
  t.match(store.newId!('alice'), /^a~/)
})
