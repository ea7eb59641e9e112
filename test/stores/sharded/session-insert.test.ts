import t, { type Test } from 'tap'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { shardedStore } from '../../../plugin/stores/sharded.ts'
import type { InsertOptions, SessionStore } from '../../../plugin/stores/session-store.ts'
import { createClock, epoch } from '../../fixtures/app.ts'
import { faulty, freezeMonotonic, recorded, sets, start, subjectOf } from '../../fixtures/shards.ts'
import { ending, hourMs, idsOf, inserting, newSession, subject } from '../../fixtures/store-values.ts'

type Replaced = Partial<SessionStore>
const away = () => Promise.reject(new Error('ECONNREFUSED'))

/** A subject whose sessions begin on `b` now, with a former session on `a`. */
async function create(t: Test, { a: ofA = {}, b: ofB = {} }: { a?: Replaced; b?: Replaced } = {}) {
  freezeMonotonic(t)
  const clock = createClock()
  const [a, b] = [recorded(memoryStore({ clock }), ofA), recorded(memoryStore({ clock }), ofB)]
  const store = shardedStore({ a: a.store, b: b.store }, { sets, clock })
  await store.prepare!()
  const sub = subjectOf(store, 'b')
  clock.set(epoch - 1)
  const { row: former } = await start(store, sub)
  clock.set(epoch)
  for (const name of ['a', 'b']) await store.find(`${name}~${'A'.repeat(22)}`)
  const calls = () => ({ a: a.calls(), b: b.calls() })
  calls()
  return { store, sub, former, calls }
}

t.test('insert() ends a session of its own shard in the step that starts the new one', async (t) => {
  const { store: b, state } = faulty('insert')
  const store = shardedStore({ a: memoryStore(), b })
  await store.prepare!()
  const sub = subjectOf(store, 'b')
  const { row: former } = await start(store, sub)
  state.isFaulty = true
  await t.rejects(start(store, sub, { revoke: [former.id] }))
  t.equal((await store.find(former.id)).row?.revokedAt, null, 'the user stays signed in')
  state.isFaulty = false
  t.strictSame(idsOf((await start(store, sub, { revoke: [former.id] })).revoked), [former.id])
})

t.test('insert() asks the shard before it ends anything elsewhere, and otherwise is one call', async (t) => {
  const fresh = { authenticatedAge: () => -1 }
  const rows: [string, (former: string) => Partial<InsertOptions>, { a: string[]; b: string[] }][] = [
    ['nothing to end', () => fresh, { a: ['list', 'list', 'revoke'], b: ['insert', 'list'] }],
    ['no credential', (former) => ({ revoke: [former] }), { a: ['find', 'revoke', 'list'], b: ['insert'] }],
    [
      'a session',
      (former) => ({ ...fresh, revoke: [former] }),
      { a: ['find', 'revoke', 'list'], b: ['insert', 'insert'] }
    ],
    ['all others', () => ({ ...fresh, revokeOthers: true }), { a: ['revokeAll'], b: ['insert', 'insert'] }]
  ]
  for (const [name, optionsFor, expected] of rows) {
    await t.test(name, async (t) => {
      const { store, sub, former, calls } = await create(t)
      await start(store, sub, { maxSessions: 1, ...optionsFor(former.id) })
      t.strictSame(calls(), expected)
    })
  }
  await t.test('a subject with one shard', async (t) => {
    const { store, calls } = await create(t)
    const sub = subjectOf(store, 'a')
    const { row } = await start(store, sub)
    calls()
    await start(store, sub, { ...fresh, revoke: [row.id], revokeOthers: true })
    t.strictSame(calls(), { a: ['insert'], b: [] })
  })
})

t.test('insert() ends nothing on another shard if it refuses the credential', async (t) => {
  for (const [name, optionsFor] of [
    ['revoke', (former: string) => ({ revoke: [former] })],
    ['revokeOthers', () => ({ revokeOthers: true })]
  ] as const) {
    await t.test(name, async (t) => {
      const { store, sub, former } = await create(t)
      await store.revokeAll(subject(sub), { ...ending, except: former.id })
      const options = { ...inserting, ...optionsFor(former.id), authenticatedAge: () => hourMs }
      t.equal((await store.insert(newSession({ id: store.newId!(sub), sub }), options)).row, null)
      t.equal((await store.find(former.id)).row?.revokedAt, null)
    })
  }
})

t.test('insert() with `revokeOthers` ends the sessions of a former shard', async (t) => {
  const { store, sub, former } = await create(t)
  const { revoked, evicted, more } = await start(store, sub, { revokeOthers: true, maxSessions: 1 })
  t.strictSame([idsOf(revoked), evicted, more], [[former.id], [], false])
})

t.test('insert() says whether sessions are left to revoke, whichever shard has them', async (t) => {
  const b = memoryStore({ clock: createClock() })
  const rows: [string, Parameters<typeof create>[1], Partial<InsertOptions>, boolean][] = [
    ['none', {}, {}, false],
    ['its own', { b: { insert: async (...args) => ({ ...(await b.insert(...args)), more: true }) } }, {}, true],
    [
      'a former one',
      { a: { revokeAll: async () => ({ revoked: [], more: true, storeTime: epoch }) } },
      { revokeOthers: true },
      true
    ],
    ['a former one that does not respond', { a: { list: away } }, {}, true]
  ]
  for (const [name, shards, options, expected] of rows) {
    await t.test(name, async (t) => {
      const { store, sub } = await create(t, shards)
      t.equal((await start(store, sub, options)).more, expected)
    })
  }
})

t.test('insert() starts the session although an older one on another shard could not be evicted', async (t) => {
  const { store, sub } = await create(t, { a: { revoke: away } })
  const { row, evicted, more } = await start(store, sub, { maxSessions: 1 })
  t.strictSame([evicted, more], [[], true])
  t.equal((await store.find(row.id)).row?.revokedAt, null)
})

t.test('insert() counts the sessions on each of several former shards', async (t) => {
  const clock = createClock(epoch - 1)
  const store = shardedStore(
    { a: memoryStore({ clock }), b: memoryStore({ clock }), c: memoryStore({ clock }) },
    {
      clock,
      sets: [
        { shards: ['a'] },
        { from: new Date(epoch - hourMs).toISOString(), shards: ['b'] },
        { from: new Date(epoch).toISOString(), shards: ['c'] }
      ]
    }
  )
  await store.prepare!()
  const { row: former } = await start(store, 'alice')
  t.match(former.id, /^b~/)
  clock.set(epoch)
  t.strictSame(idsOf((await start(store, 'alice', { maxSessions: 1 })).evicted), [former.id])
  t.match(await start(store, 'bob', { maxSessions: 1 }), { evicted: [], more: false })
})
