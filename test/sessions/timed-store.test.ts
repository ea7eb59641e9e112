import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { TimedStore } from '../../plugin/sessions/timed-store.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { createClock, epoch } from '../fixtures/app.ts'

const silent = { observe() {} }

function createTimed(methods: Partial<SessionStore>, monotonic = createClock(0)) {
  const clock = createClock()
  return new TimedStore({ store: { ...memoryStore({ clock }), ...methods }, storeClock: silent, clock, monotonic })
}

t.test('withDeadline() gives all calls of one request one time limit of 2 s', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const monotonic = createClock(0)
  const store = createTimed({ revoke: () => new Promise(() => {}) }, monotonic).withDeadline()
  t.equal(store.remainingMs, 2000)
  await store.find('x')
  monotonic.set(1500)
  const outcome = store.revoke('x', { lifetimeSeconds: 600 }).catch((error: { code: string }) => error.code)
  let settled: unknown
  void outcome.then((code) => {
    settled = code
  })
  mock.timers.tick(499)
  await setImmediate()
  t.equal(settled, undefined)
  mock.timers.tick(1)
  t.equal(await outcome, 'AUTH_STORE_UNAVAILABLE', 'the second call has the time that the first has left')
  monotonic.set(2001)
  t.equal(store.remainingMs, 0)
  t.equal(createTimed({}, monotonic).withDeadline().remainingMs, 2000, 'the next request has its own time limit')
})

t.test(
  "TimedStore throws AUTH_STORE_UNAVAILABLE if a call rejects, with the database's error as its cause",
  async (t) => {
    const cause = new Error('relation "auth_sessions" does not exist')
    await t.rejects(
      createTimed({
        find: async () => {
          throw cause
        }
      }).find('x'),
      { code: 'AUTH_STORE_UNAVAILABLE', detail: cause.message, cause }
    )
  }
)

t.test(
  'TimedStore passes the time of each result to the clock, with when the call was sent and received',
  async (t) => {
    const clock = createClock()
    const reported: object[] = []
    const store = memoryStore({ clock: () => epoch + 5000 })
    const slow = {
      ...store,
      find: async (id: string) => {
        clock.advance(3)
        return await store.find(id)
      }
    }
    const timed = new TimedStore({
      store: slow,
      storeClock: { observe: (observation) => reported.push(observation) },
      clock
    })
    await timed.find('x')
    t.strictSame(reported, [{ storeTime: epoch + 5000, sentAt: epoch, receivedAt: epoch + 3000 }])
  }
)

t.test('TimedStore throws a TypeError that names the method if a store returns an invalid result', async (t) => {
  const now = epoch
  const row = {
    id: 's',
    sub: 'a',
    issuer: 'i',
    sessionKey: 'x',
    generation: 0,
    rotatedAt: now,
    retries: [],
    idleExpiresAt: now,
    idleLimitMs: null,
    absoluteExpiresAt: now,
    accessLifetimeSeconds: 600,
    revokedAt: null,
    claims: {},
    details: {}
  }
  const inserted = { row, revoked: [], evicted: [], more: false, storeTime: now }
  const entry = { kind: 'session', id: 's', until: now }
  const read = { entries: [entry], cursor: '0', more: false, resumed: true, storeTime: now }
  const without = (result: object) => Object.keys(result).map((name) => ({ ...result, [name]: undefined }))
  const find = (store: TimedStore) => store.find('s')
  const insert = (store: TimedStore) => store.insert({} as never, {} as never)
  const readRevocations = (store: TimedStore) => store.readRevocations(null, 1)
  t.strictSame(await find(createTimed({ find: async () => ({ row, storeTime: now }) as never })), {
    row,
    storeTime: now
  })
  t.strictSame(await insert(createTimed({ insert: async () => inserted as never })), inserted)
  t.strictSame(await readRevocations(createTimed({ readRevocations: async () => read as never })), read)

  const wrong: [keyof SessionStore, unknown, (store: TimedStore) => Promise<unknown>][] = [
    ...without(row).map((row): (typeof wrong)[0] => ['find', { row, storeTime: now }, find]),
    ...without(inserted).map((result): (typeof wrong)[0] => ['insert', result, insert]),
    ...without(read).map((result): (typeof wrong)[0] => ['readRevocations', result, readRevocations]),
    ...without(entry).map((entry): (typeof wrong)[0] => [
      'readRevocations',
      { ...read, entries: [entry] },
      readRevocations
    ]),
    ['rotate', { row, storeTime: now }, (store) => store.rotate('s', {} as never)],
    ['rotate', { row: null, applied: 'yes', storeTime: now }, (store) => store.rotate('s', {} as never)],
    [
      'revokeAll',
      { revoked: [], more: false },
      (store) => store.revokeAll({ issuers: [], sub: 'a' }, { lifetimeSeconds: 1 })
    ],
    [
      'revoke',
      { revoked: { id: 's', until: now }, storeTime: now },
      (store) => store.revoke('s', { lifetimeSeconds: 1 })
    ],
    ['revoke', undefined, (store) => store.revoke('s', { lifetimeSeconds: 1 })],
    ['revoke', null, (store) => store.revoke('s', { lifetimeSeconds: 1 })],
    ['revoke', { storeTime: now }, (store) => store.revoke('s', { lifetimeSeconds: 1 })],
    [
      'revoke',
      { revoked: { id: 's', sub: 'a', until: Math.floor(now / 1000) + 660 }, storeTime: now },
      (store) => store.revoke('s', { lifetimeSeconds: 1 })
    ],
    [
      'revoke',
      { revoked: { id: 's', sub: 'a', until: new Date(now) }, storeTime: now },
      (store) => store.revoke('s', { lifetimeSeconds: 1 })
    ],
    ['revoke', { revoked: null }, (store) => store.revoke('s', { lifetimeSeconds: 1 })],
    [
      'revokeAll',
      { revoked: [], storeTime: now },
      (store) => store.revokeAll({ issuers: [], sub: 'a' }, { lifetimeSeconds: 1 })
    ],
    ['revokeAll', 3, (store) => store.revokeAll({ issuers: [], sub: 'a' }, { lifetimeSeconds: 1 })],
    [
      'trim',
      { revoked: [{}], more: false, storeTime: now },
      (store) => store.trim({ issuers: [], sub: 'a' }, { maxSessions: 1, lifetimeSeconds: 1 })
    ],
    ['find', { row: undefined, storeTime: now }, (store) => store.find('s')],
    ['find', { row: {}, storeTime: now }, (store) => store.find('s')],
    ['rotate', { row: null, applied: true, storeTime: now }, (store) => store.rotate('s', {} as never)],
    ['countRetry', { row: null, storeTime: now }, (store) => store.countRetry('s', {} as never)],
    ['countRepeat', undefined, (store) => store.countRepeat('s', {} as never)],
    ['insert', undefined, (store) => store.insert({} as never, {} as never)],
    [
      'insert',
      { row: {}, revoked: [], evicted: [], more: false, storeTime: now },
      (store) => store.insert({} as never, {} as never)
    ],
    ['list', { storeTime: now }, (store) => store.list({ issuers: [], sub: 'a' }, { limit: 1 })],
    ['appendRevocations', undefined, (store) => store.appendRevocations([], { lifetimeSeconds: 1 })],
    [
      'readRevocations',
      {
        entries: [{ kind: 'session', id: 's', until: Math.floor(now / 1000) }],
        cursor: '0',
        more: false,
        resumed: true,
        storeTime: now
      },
      (store) => store.readRevocations(null, 1)
    ],
    [
      'readRevocations',
      { entries: [], cursor: 0, more: false, resumed: true, storeTime: now },
      (store) => store.readRevocations(null, 1)
    ]
  ]
  for (const [name, result, call] of wrong) {
    const message = new RegExp(`^The store's ${name}\\(\\) returned an invalid result: `)
    await t.rejects(
      call(createTimed({ [name]: async () => result })),
      { name: 'TypeError', message },
      `${name}: ${JSON.stringify(result)}`
    )
  }
})
