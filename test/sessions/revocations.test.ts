import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { tokenRevocationId, type AccessToken } from '../../plugin/tokens/access-token.ts'
import { createClock, epoch, issuer } from '../fixtures/app.ts'
import {
  createNode,
  inserting,
  lifetimeSeconds,
  logOf,
  revokedEvent,
  row,
  serving,
  session
} from '../fixtures/revocations.ts'

t.test(
  'assertNotRevoked() refuses tokens that are revoked by session, or by issuer and jti, and no others',
  async (t) => {
    const { revocations, accepts, events } = await serving()
    revocations.record(session('s1'))
    revocations.record({ kind: 'token', id: `${issuer} j1`, until: epoch + 100_000 })
    const results = await Promise.all(
      [
        { sid: 's1' },
        { sid: 's2', jti: 'j2' },
        { jti: 'j1' },
        { sid: 's2', jti: 'j1' },
        { jti: 's1' },
        { sid: 'j1' },
        { iss: 'https://other.example', jti: 'j1' },
        {}
      ].map(accepts)
    )
    t.strictSame(results, [
      'AUTH_REVOKED_TOKEN',
      true,
      'AUTH_REVOKED_TOKEN',
      'AUTH_REVOKED_TOKEN',
      true,
      true,
      true,
      true
    ])
    t.strictSame(events(), [revokedEvent('s1', { here: true }), { type: 'token-revoked', issuer, jti: 'j1' }])
    revocations.record(session('s1'))
    revocations.record(session('s1', epoch + 200_000))
    t.strictSame(events(), [], 'emitted once')
  }
)

t.test('isValid() turns false as soon as the token or its session is revoked', async (t) => {
  const { revocations, store, poll } = await serving()
  const token = (sessionId: string, jti: string) =>
    ({ sessionId, claims: { iss: issuer, jti }, checkedAtVersion: -1 }) as AccessToken
  const tokens = [token('s1', 'j1'), token('s2', 'j2'), token('s3', 'j3'), token('s4', 'j4')]
  const current = () => tokens.map((one) => revocations.isValid(one))
  t.strictSame(
    [current(), current()],
    [
      [true, true, true, true],
      [true, true, true, true]
    ]
  )
  revocations.record(session('s1'))
  t.strictSame(
    [current(), current()],
    [
      [false, true, true, true],
      [false, true, true, true]
    ],
    'by this process'
  )
  revocations.record({ kind: 'token', id: tokenRevocationId(issuer, 'j2'), until: epoch + 100_000 })
  t.strictSame(current(), [false, false, true, true])
  await store.appendRevocations([session('s3')], { lifetimeSeconds })
  await poll()
  t.strictSame(current(), [false, false, false, true], 'by another process')
  revocations.revokeLocally(session('s4'))
  t.strictSame(current(), [false, false, false, false], 'without the store')
})

t.test("isValid() is false while the list is stale, unless whenStale is 'accept'", async (t) => {
  for (const [whenStale, expected] of [
    ['accept', true],
    ['refuse', false],
    ['ask', false]
  ] as const) {
    const { revocations, time } = await serving({ revocation: { whenStale } })
    const token = { sessionId: 's', claims: { iss: issuer }, checkedAtVersion: -1 } as AccessToken
    time.set(30_000)
    t.equal(revocations.isValid(token), true, whenStale)
    time.set(30_001)
    t.equal(revocations.isValid(token), expected, whenStale)
  }
})

t.test("assertNotRevoked() with whenStale: 'ask' refuses a token that the read shows to be revoked", async (t) => {
  const { accepts, store, time } = await serving({ revocation: { whenStale: 'ask' } })
  await store.appendRevocations([session('s')], { lifetimeSeconds })
  t.equal(await accepts({ sid: 's' }), true, 'the list is not stale')
  time.set(30_001)
  t.strictSame([await accepts({ sid: 's' }), await accepts({ sid: 'other' })], ['AUTH_REVOKED_TOKEN', true])
})

t.test("a revocation matters until it has expired by the store's clock, which may be behind", async (t) => {
  const clock = createClock()
  const storeClock = createClock(epoch - 3_600_000)
  const entry = session('s', epoch - 3_600_000 + 1000)
  const { accepts, store, time, poll } = await serving({
    clock,
    store: memoryStore({ clock: storeClock }),
    storeNow: storeClock
  })
  await store.appendRevocations([entry], { lifetimeSeconds })
  await poll()
  t.equal(await accepts({ sid: 's' }), 'AUTH_REVOKED_TOKEN')
  storeClock.advance(0.999)
  time.advance(60)
  await poll()
  t.equal(await accepts({ sid: 's' }), 'AUTH_REVOKED_TOKEN')
  storeClock.advance(0.001)
  time.advance(60)
  await poll()
  t.equal(await accepts({ sid: 's' }), true)
})

t.test("record() writes an entry again, with a later `until`, if the store's clock was set back", async (t) => {
  const tokensEnd = epoch + lifetimeSeconds * 1000
  const rows: [behindMs: number, until: number, logged: number][] = [
    [60_000, tokensEnd, tokensEnd],
    [60_001, tokensEnd, tokensEnd + 60_000],
    [3_600_000, tokensEnd - 3_600_000, tokensEnd + 60_000],
    [3_600_000, tokensEnd + 60_001, tokensEnd + 60_001]
  ]
  for (const [behindMs, until, logged] of rows) {
    const storeNow = () => epoch - behindMs
    const { revocations, memory, poll } = await serving({ store: memoryStore({ clock: storeNow }), storeNow })
    await memory.appendRevocations([session('s', until)], { lifetimeSeconds })
    revocations.record(session('s', until))
    await poll()
    t.strictSame(await logOf(memory), [session('s', logged)], `${behindMs} ms, ${until}`)
  }
})

t.test('token-revoked names a known issuer as it is configured, although the log holds no spaces in it', async (t) => {
  const { revocations, events } = await serving({ issuers: ['our own name'] })
  revocations.revokeLocally({ kind: 'token', id: tokenRevocationId('our own name', 'j'), until: epoch + 1 })
  t.strictSame(events(), [{ type: 'token-revoked', issuer: 'our own name', jti: 'j' }])
})

t.test('poll() reads the log page by page, and emits events only after startServing()', async (t) => {
  const { revocations, accepts, store, events, poll } = createNode()
  await store.appendRevocations(
    Array.from({ length: 2500 }, (_, index) => session(`old ${index}`)),
    { lifetimeSeconds }
  )
  t.equal(await accepts({ sid: 'old 0' }), true)
  await poll()
  revocations.startServing()
  t.strictSame(
    await Promise.all(['old 0', 'old 1234', 'old 2499'].map((sid) => accepts({ sid }))),
    Array(3).fill('AUTH_REVOKED_TOKEN')
  )
  t.strictSame(events(), [])
  await store.appendRevocations(
    [session('new'), { kind: 'token', id: `${issuer} j`, until: epoch + 1 }, session('past', epoch)],
    { lifetimeSeconds }
  )
  t.equal(await accepts({ sid: 'new' }), true)
  await poll()
  t.strictSame(
    [await accepts({ sid: 'new' }), await accepts({ jti: 'j' }), await accepts({ sid: 'past' })],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', true]
  )
  t.strictSame(events(), [revokedEvent('new'), { type: 'token-revoked', issuer, jti: 'j' }])
})

t.test('poll() emits session-revoked for old entries too if the node started without its store', async (t) => {
  let down = true
  const { revocations, accepts, store, events, poll } = createNode({
    methods: (memory) => ({
      async readRevocations(cursor, limit) {
        if (down) throw new Error('down')
        return await memory.readRevocations(cursor, limit)
      }
    })
  })
  await store.appendRevocations([session('signed out before')], { lifetimeSeconds })
  await poll()
  revocations.startServing()
  events()
  t.equal(await accepts({ sid: 'signed out before' }), true, 'with whenStale: accept')
  down = false
  await poll()
  t.equal(await accepts({ sid: 'signed out before' }), 'AUTH_REVOKED_TOKEN')
  t.strictSame(
    events().filter(({ type }) => type === 'session-revoked'),
    [revokedEvent('signed out before')]
  )
})

t.test('poll() shares one read among concurrent calls, and wake() starts another one after it', async (t) => {
  let readings = 0
  const { revocations } = await serving({
    methods: (memory) => ({
      readRevocations(cursor, limit) {
        readings++
        return memory.readRevocations(cursor, limit)
      }
    })
  })
  readings = 0
  await Promise.all([revocations.reads.poll(), revocations.reads.poll(), revocations.reads.poll()])
  t.equal(readings, 1)
  await Promise.all([revocations.reads.poll(), revocations.reads.wake(), revocations.reads.wake()])
  t.equal(readings, 3)
})

for (const whenStale of ['accept', 'refuse'] as const) {
  t.test(`assertNotRevoked() with whenStale: '${whenStale}', while the log cannot be read`, async (t) => {
    let down = true
    const { revocations, accepts, time, clock, events, poll } = createNode({
      revocation: { whenStale },
      methods: (memory) => ({
        async readRevocations(cursor, limit) {
          if (down) throw new Error('down')
          return await memory.readRevocations(cursor, limit)
        }
      })
    })
    const stale = whenStale === 'refuse' ? 'AUTH_STORE_UNAVAILABLE' : true
    await poll()
    revocations.startServing()
    t.equal(await accepts({ sid: 'a' }), stale, 'the first poll failed: the log is stale')
    t.strictSame(events(), [{ type: 'revocation-log-stale', silentMs: Infinity }])
    down = false
    await poll()
    t.equal(await accepts({ sid: 'a' }), true)
    t.strictSame(events(), [{ type: 'revocation-log-recovered', silentMs: 0 }])
    down = true
    time.advance(30)
    clock.advance(86_400)
    await poll()
    t.equal(await accepts({ sid: 'a' }), true, 'not yet; the wall clock does not count')
    t.strictSame(events(), [])
    time.set(30_001)
    t.equal(await accepts({ sid: 'a' }), stale)
    revocations.record(session('b', clock() + 1000))
    t.equal(await accepts({ sid: 'b' }), 'AUTH_REVOKED_TOKEN', 'known revocations are refused in any case')
    await poll()
    const reported = [revokedEvent('b', { here: true }), { type: 'revocation-log-stale', silentMs: 30_001 }]
    t.strictSame(events(), whenStale === 'refuse' ? reported.reverse() : reported, 'emitted by the first check')
    await poll()
    t.strictSame(events(), [], 'emitted once')
    down = false
    await poll()
    t.strictSame([await accepts({ sid: 'a' }), events()], [true, [{ type: 'revocation-log-recovered', silentMs: 0 }]])
  })
}

t.test('poll() removes expired entries from the list once a minute', async (t) => {
  const { revocations, accepts, clock, time, poll } = await serving()
  revocations.record(session('short', epoch + 10_000))
  revocations.record(session('long', epoch + 100_000))
  revocations.record(session('long', epoch + 20_000))
  clock.advance(50)
  time.set(59_999)
  await poll()
  t.strictSame(
    [await accepts({ sid: 'short' }), await accepts({ sid: 'long' })],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN'],
    'an earlier `until` of the same session changes nothing'
  )
  time.set(60_000)
  await poll()
  t.strictSame([await accepts({ sid: 'short' }), await accepts({ sid: 'long' })], [true, 'AUTH_REVOKED_TOKEN'])
  clock.set(epoch + 100_000)
  time.set(120_000)
  await poll()
  t.equal(await accepts({ sid: 'long' }), true)
})

t.test('poll() does not remove entries by a wrong clock while the store is down', async (t) => {
  let down = false
  const { revocations, accepts, clock, time, poll } = await serving({
    methods: (memory) => ({
      async readRevocations(cursor, limit) {
        if (down) throw new Error('down')
        return await memory.readRevocations(cursor, limit)
      }
    })
  })
  revocations.record(session('signed out'))
  down = true
  clock.set(epoch + 3_600_000)
  time.set(60_000)
  await poll()
  clock.set(epoch)
  t.equal(await accepts({ sid: 'signed out' }), 'AUTH_REVOKED_TOKEN')
})

t.test('wasJustReplaced() is true for `retrySeconds` after markReplaced()', async (t) => {
  const { revocations, clock } = createNode()
  t.equal(revocations.wasJustReplaced('s'), false)
  revocations.markReplaced(['s', 'other'])
  clock.set(epoch + 9999)
  t.strictSame(
    ['s', 'other', 'third'].map((id) => revocations.wasJustReplaced(id)),
    [true, true, false]
  )
  clock.set(epoch + 10_000)
  t.equal(revocations.wasJustReplaced('s'), false)
})

t.test('longestRevocation() lasts as long as any access token may be valid, and a minute more', async (t) => {
  const { revocations } = createNode()
  t.strictSame(revocations.longestRevocation('s1'), session('s1', epoch + 86_400_000 + 60_000))
})

t.test('recordPushed() takes effect and emits its event once, however often the entry arrives', async (t) => {
  const { revocations, accepts, store, events, poll } = await serving()
  await store.appendRevocations([session('s')], { lifetimeSeconds })
  t.equal(await accepts({ sid: 's' }), true)
  revocations.recordPushed([session('s'), { kind: 'token', id: `${issuer} j`, until: epoch + 100_000 }])
  t.strictSame([await accepts({ sid: 's' }), await accepts({ jti: 'j' })], Array(2).fill('AUTH_REVOKED_TOKEN'))
  revocations.recordPushed([session('s'), session('past', epoch)])
  await poll()
  t.strictSame(events(), [revokedEvent('s'), { type: 'token-revoked', issuer, jti: 'j' }])
})

t.test('recordPushed() leaves the cursor: an entry before a pushed one is read later', async (t) => {
  const { revocations, accepts, store, poll } = await serving()
  await store.appendRevocations([session('lost'), session('pushed')], { lifetimeSeconds })
  revocations.recordPushed([session('pushed')])
  t.strictSame([await accepts({ sid: 'lost' }), await accepts({ sid: 'pushed' })], [true, 'AUTH_REVOKED_TOKEN'])
  await poll()
  t.equal(await accepts({ sid: 'lost' }), 'AUTH_REVOKED_TOKEN')
})

t.test('recordPushed(): an entry that a failover lost after it was pushed is written again', async (t) => {
  const { revocations, store, poll } = await serving()
  await store.insert(row('revived'), inserting)
  revocations.recordPushed([session('revived')])
  t.strictSame(await logOf(store), [], 'the log never had it, or has lost it')
  await poll()
  t.match(await logOf(store), [{ id: 'revived' }])
  t.type((await store.find('revived')).row?.revokedAt, 'number', 'with its session')
})

t.test('recordPushed() writes nothing if the log shows the entry', async (t) => {
  let writes = 0
  const { revocations, store, poll, memory } = await serving({
    methods: ({ appendRevocations }) => ({
      async appendRevocations(...args) {
        writes++
        return await appendRevocations(...args)
      }
    })
  })
  await memory.appendRevocations([session('s')], { lifetimeSeconds })
  revocations.recordPushed([session('s')])
  await poll()
  await poll()
  t.strictSame([writes, (await logOf(store)).length], [0, 1])
})

t.test('recordPushed() reads the log instead if it receives anything that is not an entry', async (t) => {
  const until = epoch + 100_000
  for (const wrong of [
    null,
    'text',
    {},
    [null],
    [{ kind: 'session', id: 's' }],
    [{ kind: 'other', id: 's', until }],
    [{ kind: 'session', id: 7, until }],
    [{ kind: 'session', id: 's', until: epoch / 1000 }],
    [{ kind: 'session', id: 's', until: NaN }],
    [session('good'), { kind: 'session', id: 's', until: '1' }]
  ]) {
    const { revocations, accepts, store } = await serving()
    await store.appendRevocations([session('logged')], { lifetimeSeconds })
    revocations.recordPushed(wrong as never)
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    t.strictSame(
      await Promise.all(['logged', 's', 'good'].map((sid) => accepts({ sid }))),
      ['AUTH_REVOKED_TOKEN', true, true],
      JSON.stringify(wrong)
    )
  }
})
