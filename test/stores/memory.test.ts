import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { storeContract } from '../../plugin/stores/contract.ts'
import type { OpenStore } from '../../plugin/stores/contract.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import type { NewSession, SessionRow, SessionStore, CompareAndSetResult } from '../../plugin/stores/session-store.ts'
import { DatabaseSync } from '../fixtures/sqlite.ts'

const directory = t.testdir()
let files = 0
const newFile = () => join(directory, `${++files}.db`)
const newSession = (given: Partial<NewSession> = {}): NewSession => ({
  id: 'session',
  issuer: '',
  sub: 'user',
  sessionKey: 'sessionKey',
  device: null,
  scope: null,
  claims: {},
  details: {},
  accessLifetimeSeconds: 10,
  idleMs: 100,
  idleLimitMs: null,
  absoluteMs: 250,
  ...given
})
const user = { issuers: [''], sub: 'user' }
const ending = { lifetimeSeconds: 10 }
const inserting = { issuers: [''], revoke: [], maxSessions: 100, ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: 100, accessLifetimeSeconds: 10 }
/** When the access tokens of a session that is revoked at 0 have expired. */
const endedMs = 10_000 + 60_000

async function openMemory(): Promise<OpenStore> {
  return { store: memoryStore(), async close() {} }
}

async function openSqlite(): Promise<OpenStore> {
  const file = newFile()
  const databases: InstanceType<typeof DatabaseSync>[] = []
  const connect = () => {
    const database = new DatabaseSync(file)
    databases.push(database)
    return sqliteStore(database)
  }
  return {
    store: connect(),
    another: async () => connect(),
    async close() {
      for (const database of databases) database.close()
    }
  }
}

for (const [name, open] of Object.entries({ memoryStore: openMemory, sqliteStore: openSqlite })) {
  t.test(`${name}() fulfils the contract`, async (t) => {
    for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
  })
}

// Exact times cannot be in the contract: real databases have clocks of their own.
for (const [name, open] of Object.entries({
  memoryStore: (clock: () => number) => memoryStore({ clock }),
  sqliteStore: (clock: () => number) => sqliteStore(new DatabaseSync(newFile()), { clock })
})) {
  const outcomeOf = ({ applied, row }: CompareAndSetResult) => [
    applied,
    row?.generation,
    row?.rotatedAt,
    row?.idleExpiresAt,
    row?.retries.join()
  ]
  const live = (rows: readonly SessionRow[]) => rows.map(({ id }) => id).join()
  const rotate =
    (from: number, minAgeMs = 0) =>
    async (store: SessionStore) =>
      outcomeOf(await store.rotate('session', { ...rotation, from, to: from + 1, minAgeMs }))
  const countRetry =
    (retries: number[], keepRetries = retries) =>
    async (store: SessionStore) =>
      outcomeOf(
        await store.countRetry('session', {
          generation: 1,
          retries,
          keepRetries,
          idleMs: 100,
          accessLifetimeSeconds: 10
        })
      )
  const insert = (given: Partial<NewSession>, age?: number) => async (store: SessionStore) =>
    (
      await store.insert(newSession(given), {
        ...inserting,
        authenticatedAge: age === undefined ? undefined : () => age
      })
    ).row?.createdAt
  const list = async (store: SessionStore) => live((await store.list(user, { limit: 10 })).rows)
  const revokeAll = async (store: SessionStore) => (await store.revokeAll(user, ending)).revoked
  const revokeOne = async (store: SessionStore) => (await store.revoke('ended', ending)).revoked?.until
  const sweep = (store: SessionStore) => store.sweep()
  const logged = async (store: SessionStore) =>
    (await store.readRevocations(null, 10)).entries.map(({ id }) => id).join()
  const append = (id: string, until: number) => async (store: SessionStore) => {
    await store.appendRevocations([{ kind: 'token', id, until }], ending)
  }
  const revokedAt = async (store: SessionStore) => (await store.find('ended')).row?.revokedAt
  type Step = [now: number, what: string, call: (store: SessionStore) => Promise<unknown>, expected: unknown]

  const stories: Record<string, Step[]> = {
    'rotate() and countRetry() by the clock, to the millisecond': [
      [1000, 'starts', insert({}), 1000],
      [1049, 'too young by 1 ms', rotate(0, 50), [false, 0, 1000, 1100, '']],
      [1050, 'old enough', rotate(0, 50), [true, 1, 1050, 1150, '']],
      [1149, 'lives for 1 ms more', list, 'session'],
      [1149, 'counts', countRetry([]), [true, 1, 1050, 1249, '1149']],
      [1200, 'counts again', countRetry([1149]), [true, 1, 1050, 1250, '1149,1200']],
      [1201, 'forgets one', countRetry([1149, 1200], [1200]), [true, 1, 1050, 1250, '1200,1201']],
      [1249, 'rotates', rotate(1), [true, 2, 1249, 1250, '1200,1201']],
      [1250, 'has reached its absolute expiry', rotate(2), [false, 2, 1249, 1250, '1200,1201']],
      [1250, 'is not listed', list, '']
    ],
    'insert(), rotate() and countRetry() with `idleLimitMs`, to the millisecond': [
      [1000, 'starts', insert({ idleLimitMs: 60 }), 1000],
      [1059, 'lives for 1 ms more', list, 'session'],
      [1059, 'rotates', rotate(0), [true, 1, 1059, 1119, '']],
      [1100, 'counts', countRetry([]), [true, 1, 1059, 1160, '1100']],
      [1159, 'rotates', rotate(1), [true, 2, 1159, 1219, '1100']],
      [1200, 'reaches its absolute expiry', rotate(2), [true, 3, 1200, 1250, '1100']],
      [1250, 'is removed', sweep, 1]
    ],
    'rotate() works on when the clock was set back': [
      [1000, 'starts', insert({}), 1000],
      [990, 'too near', rotate(0, 11), [false, 0, 1000, 1100, '']],
      [990, 'far enough', rotate(0, 10), [true, 1, 990, 1090, '']],
      [980, 'at any distance', rotate(1, 0), [true, 2, 980, 1080, '']]
    ],
    'insert() with `authenticatedAge` by the clock, to the millisecond': [
      [1900, 'a subject without revokeAll()', insert({ id: 'first', sub: 'other' }, 0), 1900],
      [1900, 'that has a session', insert({ id: 'second', sub: 'other' }, 0), 1900],
      [1900, 'is not a number', insert({ id: 'third', sub: 'other' }, NaN), undefined],
      [2000, 'revokes all', revokeAll, []],
      [2005, 'before', insert({}, 6), undefined],
      [2005, 'at the same time', insert({}, 5), undefined],
      [2005, 'after', insert({ id: 'after' }, 4), 2005],
      [2005, 'is not a number', insert({}, NaN), undefined],
      [1500, 'a clock that was set back: refused once', insert({}, 0), undefined],
      [1501, 'and then compared with the moment of that', insert({}, 1), undefined],
      [1501, 'after', insert({ id: 'after that' }, 0), 1501],
      [1500 + 86_399_999, 'remembered for a day', sweep, 4],
      [1500 + 86_399_999, 'before', insert({}, 86_400_000), undefined],
      [2000 + 86_400_000, 'and no longer', sweep, 0],
      [2000 + 86_400_000, 'before', insert({}, 86_400_001), 86_402_000]
    ],
    'find() returns when a session was revoked first': [
      [1000, 'starts', insert({ id: 'ended' }), 1000],
      [1001, 'revokes it', revokeOne, 1001 + endedMs],
      [1002, 'revokes all', revokeAll, []],
      [1002, 'was revoked before', revokedAt, 1001]
    ],
    'sweep() removes a session in time whose expiry became earlier': [
      [0, 'starts', insert({ idleMs: 1e6, absoluteMs: 1e6 }), 0],
      [0, 'starts another', insert({ id: 'ended', idleMs: 1e6, absoluteMs: 1e6 }), 0],
      [10, 'rotates', rotate(0), [true, 1, 10, 110, '']],
      [109, 'too early', sweep, 0],
      [110, 'the rotated one', sweep, 1],
      [110, 'ends the other', revokeOne, 110 + endedMs],
      [110 + endedMs - 1, 'too early', sweep, 0],
      [110 + endedMs, 'the ended one', sweep, 1]
    ],
    'sweep() keeps an entry whose `until` was raised': [
      [0, 'logs', append('raised', 100), undefined],
      [0, 'raises', append('raised', 200), undefined],
      [0, 'logs another', append('newest', 1000), undefined],
      [100, 'nothing has expired', sweep, 0],
      [199, 'still logged', logged, 'raised,newest'],
      [199, 'nothing has expired', sweep, 0],
      [199, 'does not log it again', append('raised', 200), undefined],
      [199, 'still logged', logged, 'raised,newest'],
      [200, 'expires', sweep, 0],
      [200, 'no longer logged', logged, 'newest']
    ],
    'sweep() by the clock, to the millisecond': [
      [0, 'starts', insert({}), 0],
      [0, 'starts another', insert({ id: 'ended' }), 0],
      [0, 'ends that', revokeOne, endedMs],
      [
        0,
        'logs',
        (store) => store.appendRevocations([{ kind: 'token', id: 'newest', until: 1e6 }], ending),
        { storeTime: 0 }
      ],
      [99, 'too early', sweep, 0],
      [100, 'the expired one', sweep, 1],
      [endedMs - 1, 'too early', sweep, 0],
      [endedMs - 1, 'still logged', logged, 'ended,newest'],
      [endedMs - 1, 'still known', revokeOne, endedMs],
      [endedMs, 'the ended one', sweep, 1],
      [endedMs, 'no longer logged', logged, 'newest'],
      [endedMs, 'is gone', revokeOne, undefined]
    ]
  }
  for (const [title, steps] of Object.entries(stories)) {
    t.test(`${name}(): ${title}`, async (t) => {
      let now = 0
      const store = open(() => now)
      for (const [at, what, call, expected] of steps) {
        now = at
        t.strictSame(await call(store), expected, `${at}: ${what}`)
      }
    })
  }
}

t.test('list() keeps the order of insertion within a millisecond', async (t) => {
  for (const store of [memoryStore({ clock: () => 1 }), sqliteStore(new DatabaseSync(newFile()), { clock: () => 1 })]) {
    for (const id of ['b', 'c', 'a']) await store.insert(newSession({ id }), inserting)
    t.strictSame(
      (await store.list(user, { limit: 10 })).rows.map(({ id }) => id),
      ['b', 'c', 'a']
    )
  }
})

t.test('list() returns the sessions under all issuers in one order, oldest first', async (t) => {
  let now = 0
  const clock = () => ++now
  for (const store of [memoryStore({ clock }), sqliteStore(new DatabaseSync(newFile()), { clock })]) {
    for (const [id, issuer] of Object.entries({ first: 'b', second: 'a', third: 'b' })) {
      await store.insert(newSession({ id, issuer }), inserting)
    }
    const { rows } = await store.list({ issuers: ['a', 'b'], sub: 'user' }, { limit: 10 })
    t.strictSame(
      rows.map(({ id }) => id),
      ['first', 'second', 'third']
    )
  }
})

t.test('memoryStore() reads its log from the beginning for a cursor that it did not return', async (t) => {
  const store = memoryStore({ clock: () => 0 })
  const entry = { kind: 'token', id: 'first', until: 1000 } as const
  await store.appendRevocations([entry], ending)
  const { cursor } = await store.readRevocations(null, 10)
  for (const wrong of ['', '.', 'x', cursor.replace('1.', '2.'), cursor.replace('1.', 'x.'), `${cursor}x`]) {
    t.match(await store.readRevocations(wrong, 10), { entries: [entry], cursor, resumed: false, more: false }, wrong)
  }
})

t.test('memoryStore() returns entries of its log that cannot be changed from outside', async (t) => {
  const store = memoryStore({ clock: () => 0 })
  const entry = { kind: 'token', id: 'first', until: 1000 } as const
  await store.appendRevocations([entry], ending)
  const { entries } = await store.readRevocations(null, 10)
  t.throws(() => Object.assign(entries[0]!, { until: 0 }), TypeError)
  t.strictSame((await store.readRevocations(null, 10)).entries, [entry])
})

t.test("memoryStore() keeps a subject's other sessions when sweep() removes one", async (t) => {
  let now = 0
  const store = memoryStore({ clock: () => now })
  await store.insert(newSession({ id: 'short' }), inserting)
  await store.insert(newSession({ id: 'long', idleMs: 200 }), inserting)
  now = 150
  t.equal(await store.sweep(), 1)
  t.strictSame(
    (await store.list(user, { limit: 10 })).rows.map(({ id }) => id),
    ['long']
  )
})

t.test('memoryStore() sweeps in slices of 10 ms, and lets other work run in between', async (t) => {
  let now = 0
  const store = memoryStore({ clock: () => now })
  for (let index = 0; index < 2500; index++) {
    await store.insert(newSession({ id: `${index}`, sub: `${index}` }), inserting)
    await store.revokeAll({ issuers: [''], sub: `revoked ${index}` }, ending)
  }
  const entries = Array.from({ length: 2500 }, (_, index) => ({ kind: 'token', id: `${index}`, until: 100 }) as const)
  await store.appendRevocations(entries, ending)
  now = 100_000_000
  // A row takes a millisecond: a slice is 10 rows.
  let ms = 0
  t.intercept(performance, 'now', { value: () => ms++ })
  let turns = 0
  const state = { isDone: false }
  const sweeping = store.sweep().finally(() => {
    state.isDone = true
  })
  while (!state.isDone) {
    await setImmediate()
    turns++
  }
  t.equal(await sweeping, 2500)
  t.equal(turns, 750, '250 for the sessions, for the subjects and for the log')
})

t.test('revoke() outlasts the tokens of the last rotation although the clock was set back since', async (t) => {
  const hourMs = 3_600_000
  for (const open of [
    (clock: () => number) => memoryStore({ clock }),
    (clock: () => number) => sqliteStore(new DatabaseSync(newFile()), { clock })
  ]) {
    let now = 10 * hourMs
    const store = open(() => now)
    await store.insert(newSession({ idleMs: 9 * hourMs, absoluteMs: 9 * hourMs }), inserting)
    now -= hourMs
    const { revoked } = await store.revoke('session', { lifetimeSeconds: 600 })
    t.equal(revoked?.until, 10 * hourMs + 660_000)
  }
})
