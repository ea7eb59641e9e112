import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { AuthError } from '../../plugin/errors.ts'
import type { AuthEvent, SessionStore } from '../../plugin/index.ts'
import { Revocations } from '../../plugin/sessions/revocations.ts'
import { TimedStore } from '../../plugin/sessions/timed-store.ts'
import { resolveOptions, type Settings } from '../../plugin/options/options.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { Revocation } from '../../plugin/stores/session-store.ts'
import { tokenRevocationId, type AccessToken } from '../../plugin/tokens/access-token.ts'
import { createClock, issuer, secret, epoch } from '../fixtures/app.ts'

const lifetimeSeconds = 600
const session = (id: string, until = epoch + 100_000): Revocation => ({ kind: 'session', id, until })
const revokedEvent = (sessionId: string) => ({ type: 'session-revoked', sessionId, reason: null })

interface Node {
  readonly store?: SessionStore
  readonly clock?: ReturnType<typeof createClock>
  readonly revocation?: Partial<Settings['revocation']>
  readonly methods?: (memory: SessionStore) => Partial<SessionStore>
}

function createNode({
  clock = createClock(),
  store: memory = memoryStore({ clock }),
  revocation = {},
  methods = () => ({})
}: Node = {}) {
  const time = createClock(0)
  const events: AuthEvent[] = []
  const store = { ...memory, ...methods(memory) }
  const settings = resolveOptions({
    issuer,
    secret,
    clock,
    revocation: { maxStalenessSeconds: 30, ...revocation } as never
  })
  const revocations = new Revocations({
    settings,
    store: new TimedStore({ store, storeClock: { observe() {} }, clock }),
    now: clock,
    accessLifetime: () => lifetimeSeconds,
    emit: (event) => events.push(event),
    monotonic: time
  })
  const accepts = ({ sid = null, jti, iss = issuer }: { sid?: string | null; jti?: string; iss?: string }) => {
    try {
      return revocations.assertNotRevoked({ sessionId: sid, claims: { iss, jti } } as never) && true
    } catch (error) {
      return (error as AuthError).code
    }
  }
  /** Reads the log, and waits until what is to be written has been tried. */
  const poll = async () => {
    await revocations.poll()
    await setImmediate()
    await setImmediate()
  }
  return { revocations, accepts, poll, clock, time, store, memory, events: () => events.splice(0) }
}

async function serving(node: Node = {}) {
  const created = createNode(node)
  await created.poll()
  created.revocations.startServing()
  created.events()
  return created
}

const logOf = async (store: SessionStore) => (await store.readRevocations(null, 10_000)).entries

t.test('assertCurrent() passes on what is not revoked, by session or by issuer and jti', async (t) => {
  const { revocations, accepts, events } = await serving()
  revocations.record(session('s1'))
  revocations.record({ kind: 'token', id: `${issuer} j1`, until: epoch + 100_000 })
  const results = [
    { sid: 's1' },
    { sid: 's2', jti: 'j2' },
    { jti: 'j1' },
    { sid: 's2', jti: 'j1' },
    { jti: 's1' },
    { sid: 'j1' },
    { iss: 'https://other.example', jti: 'j1' },
    {}
  ].map(accepts)
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
  t.strictSame(events(), [revokedEvent('s1')])
  revocations.record(session('s1'))
  revocations.record(session('s1', epoch + 200_000))
  t.strictSame(events(), [], 'told once')
})

t.test('a token that was found valid is refused from the moment that it or its session is revoked', async (t) => {
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
  t.strictSame(current(), [false, false, false, true], 'by another one')
  revocations.revokeLocally(session('s4'))
  t.strictSame(current(), [false, false, false, false], 'without the store')
})

t.test(
  'poll() follows the log in pages, and tells of what others revoke, but not of what it reads before the first request',
  async (t) => {
    const { revocations, accepts, store, events, poll } = createNode()
    await store.appendRevocations(
      Array.from({ length: 2500 }, (_, index) => session(`old ${index}`)),
      { lifetimeSeconds }
    )
    t.equal(accepts({ sid: 'old 0' }), true)
    await poll()
    revocations.startServing()
    t.strictSame(
      ['old 0', 'old 1234', 'old 2499'].map((sid) => accepts({ sid })),
      Array(3).fill('AUTH_REVOKED_TOKEN')
    )
    t.strictSame(events(), [])
    await store.appendRevocations(
      [session('new'), { kind: 'token', id: `${issuer} j`, until: epoch + 1 }, session('past', epoch)],
      { lifetimeSeconds }
    )
    t.equal(accepts({ sid: 'new' }), true)
    await poll()
    t.strictSame(
      [accepts({ sid: 'new' }), accepts({ jti: 'j' }), accepts({ sid: 'past' })],
      ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', true]
    )
    t.strictSame(events(), [revokedEvent('new')])
  }
)

t.test(
  'a node that started without its store tells of all that was revoked, because it has accepted it meanwhile',
  async (t) => {
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
    t.equal(accepts({ sid: 'signed out before' }), true, 'with whenStale: accept')
    down = false
    await poll()
    t.equal(accepts({ sid: 'signed out before' }), 'AUTH_REVOKED_TOKEN')
    t.strictSame(
      events().filter(({ type }) => type === 'session-revoked'),
      [revokedEvent('signed out before')]
    )
  }
)

t.test(
  'poll() shares one reading among calls that come together, and wake() adds one that begins after it',
  async (t) => {
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
    await Promise.all([revocations.poll(), revocations.poll(), revocations.poll()])
    t.equal(readings, 1)
    await Promise.all([revocations.poll(), revocations.wake(), revocations.wake()])
    t.equal(readings, 3)
  }
)

for (const whenStale of ['accept', 'refuse'] as const) {
  t.test(`with whenStale: '${whenStale}', a log that cannot be read for too long`, async (t) => {
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
    t.equal(accepts({ sid: 'a' }), stale, 'the start failed: it starts stale')
    t.strictSame(events(), [{ type: 'revocation-log-stale', silentMs: Infinity }])
    down = false
    await poll()
    t.equal(accepts({ sid: 'a' }), true)
    t.strictSame(events(), [{ type: 'revocation-log-recovered', silentMs: 0 }])
    down = true
    time.advance(30)
    clock.advance(86_400)
    await poll()
    t.equal(accepts({ sid: 'a' }), true, 'not yet, and the wall clock does not count')
    t.strictSame(events(), [])
    time.set(30_001)
    t.equal(accepts({ sid: 'a' }), stale)
    revocations.record(session('b', clock() + 1000))
    t.equal(accepts({ sid: 'b' }), 'AUTH_REVOKED_TOKEN', 'what is known is known')
    await poll()
    const told = [revokedEvent('b'), { type: 'revocation-log-stale', silentMs: 30_001 }]
    t.strictSame(events(), whenStale === 'refuse' ? told.reverse() : told, 'told by the first who looks')
    await poll()
    t.strictSame(events(), [], 'told once')
    down = false
    await poll()
    t.strictSame([accepts({ sid: 'a' }), events()], [true, [{ type: 'revocation-log-recovered', silentMs: 0 }]])
  })
}

/** A store that can be put in the place of another, as by a failover or a restored backup. */
function replaceable(clock: () => number) {
  let current = memoryStore({ clock })
  const store = new Proxy({} as SessionStore, {
    get: (_target, name: keyof SessionStore) => current[name],
    ownKeys: () => Reflect.ownKeys(current),
    getOwnPropertyDescriptor: (_target, name) => Reflect.getOwnPropertyDescriptor(current, name)
  })
  const live = Object.fromEntries(
    Object.keys(current).map((name) => [
      name,
      (...args: never[]) => (store as unknown as Record<string, (...args: never[]) => unknown>)[name]!(...args)
    ])
  ) as unknown as SessionStore
  return {
    store: live,
    replace: () => {
      current = memoryStore({ clock })
      return current
    }
  }
}

const row = (id: string) => ({
  id,
  issuer,
  sub: 'alice',
  sessionKey: 'x',
  device: null,
  scope: null,
  claims: {},
  accessLifetimeSeconds: 600,
  idleMs: 1e7,
  absoluteMs: 1e7
})
const inserting = { issuers: [issuer], revoke: [], maxSessions: 10, lifetimeSeconds }

t.test('poll() reads a log whole that does not resume, and gives back what it has lost', async (t) => {
  const clock = createClock()
  const { store, replace } = replaceable(clock)
  const { accepts, poll } = await serving({ clock, store })
  replace()
  await store.appendRevocations(
    [
      session('kept'),
      session('lost', epoch + 50_000),
      session('past', epoch + 10),
      { kind: 'token', id: `${issuer} j`, until: epoch + 70_000 }
    ],
    { lifetimeSeconds }
  )
  await poll()
  clock.advance(1)

  replace()
  await store.insert(row('lost'), inserting)
  await store.appendRevocations([session('kept'), session('theirs')], { lifetimeSeconds })
  await poll()
  t.strictSame(
    ['kept', 'lost', 'theirs', 'past'].map((sid) => accepts({ sid })),
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN', true]
  )
  t.strictSame(
    (await logOf(store)).map(({ kind, id, until }) => [kind, id, until]),
    [
      ['session', 'kept', epoch + 100_000],
      ['session', 'theirs', epoch + 100_000],
      ['session', 'lost', epoch + 661_000],
      ['token', `${issuer} j`, epoch + 70_000]
    ],
    'what is over is not written back'
  )
  t.equal((await store.find('lost')).row?.revokedAt, clock(), 'a session that came back to life is revoked again')
})

for (const failing of [2, 3]) {
  t.test(
    `a log that is read anew and breaks off at page ${failing} is read on, and is given back what it has lost`,
    async (t) => {
      const clock = createClock()
      const { store, replace } = replaceable(clock)
      let pages = Infinity
      const { poll } = await serving({
        clock,
        store,
        methods: ({ readRevocations }) => ({
          async readRevocations(cursor, limit) {
            if (--pages === 0) throw new Error('the failover is not over')
            return await readRevocations(cursor, limit)
          }
        })
      })
      await store.appendRevocations([session('lost', epoch + 50_000)], { lifetimeSeconds })
      await poll()

      replace()
      await store.appendRevocations(
        Array.from({ length: 2500 }, (_, index) => session(`kept ${index}`)),
        { lifetimeSeconds }
      )
      pages = failing
      await poll()
      t.equal((await logOf(store)).length, 2500, 'not read to its end')
      await poll()
      t.strictSame((await logOf(store)).slice(2500), [session('lost', epoch + 50_000)])
    }
  )
}

t.test('a lost log is given back though its sessions stayed revoked', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  await memory.insert(row('s'), inserting)
  const { revoked } = await memory.revoke('s', { lifetimeSeconds })
  let log = memory
  const node = await serving({
    clock,
    store: memory,
    methods: () => ({
      readRevocations: (...args) => log.readRevocations(...args),
      appendRevocations: (...args) => log.appendRevocations(...args)
    })
  })
  log = memoryStore({ clock })
  await node.poll()
  t.strictSame(
    await logOf(log),
    [{ kind: 'session', id: 's', until: revoked!.until }],
    'a node that starts now refuses its tokens'
  )
})

t.test(
  'a sign-out that a failover lost is written again by the node that did it, before it ever saw it in the log',
  async (t) => {
    const clock = createClock()
    const { store, replace } = replaceable(clock)
    const node = await serving({ clock, store })
    await store.insert(row('s'), inserting)
    const { revoked } = await store.revoke('s', { lifetimeSeconds })
    node.revocations.record({ kind: 'session', id: 's', until: revoked!.until })
    replace()
    await store.insert(row('s'), inserting)
    await node.poll()
    t.equal((await store.find('s')).row?.revokedAt, clock(), 'its row, that came back from the replica, is revoked')
    t.strictSame(await logOf(store), [{ kind: 'session', id: 's', until: revoked!.until }])
  }
)

t.test('a sign-out that a store forgets in silence, with its log going on, is written again', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  const forgotten = new Set(['s'])
  const writes: string[] = []
  const node = await serving({
    clock,
    store: memory,
    methods: () => ({
      async appendRevocations(entries, options) {
        writes.push(...entries.map(({ id }) => id))
        return await memory.appendRevocations(
          entries.filter(({ id }) => !forgotten.delete(id)),
          options
        )
      }
    })
  })
  await node.revocations.revokeEverywhere(session('s'))
  await node.revocations.revokeEverywhere(session('seen'))
  writes.length = 0
  await node.poll()
  await node.poll()
  t.strictSame(writes, ['s'], 'and what was seen is not')
  await node.poll()
  await node.poll()
  t.strictSame(writes, ['s'], 'nor is anything written for ever')
})

t.test('writing back goes on until everything is written, whatever fails on the way', async (t) => {
  const clock = createClock()
  const { store, replace } = replaceable(clock)
  const entries = Array.from({ length: 2500 }, (_, index) => session(`s${index}`))
  let failures = 0
  const node = await serving({
    clock,
    store,
    methods: (inner) => ({
      async appendRevocations(batch, options) {
        if (failures > 0) {
          failures--
          throw new Error('down')
        }
        return await inner.appendRevocations(batch, options)
      }
    })
  })
  await store.appendRevocations(entries, { lifetimeSeconds })
  await node.poll()
  replace()
  failures = 1
  await node.poll()
  t.equal((await logOf(store)).length, 0)
  failures = 0
  const append = store.appendRevocations
  let batches = 0
  Object.assign(store, {
    appendRevocations: async (batch: readonly Revocation[], options: { lifetimeSeconds: number }) => {
      if (++batches === 2) throw new Error('down')
      return await append(batch, options)
    }
  })
  await node.poll()
  t.equal((await logOf(store)).length, 1000)
  for (let turn = 0; turn < 3; turn++) await node.poll()
  t.strictSame((await logOf(store)).map(({ id }) => id).sort(), entries.map(({ id }) => id).sort())
})

t.test('while a node writes back, it goes on reading, and staleness is judged', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  let release = () => {}
  const node = await serving({
    clock,
    store: memory,
    methods: () => ({
      appendRevocations: () =>
        new Promise((resolve) => {
          release = () => resolve({ storeTime: clock() })
        })
    })
  })
  node.revocations.revokeLocally(session('mine'))
  await node.poll()
  await memory.appendRevocations([session('theirs')], { lifetimeSeconds })
  await node.poll()
  t.equal(node.accepts({ sid: 'theirs' }), 'AUTH_REVOKED_TOKEN', 'though the write has not returned')
  node.time.advance(31)
  await node.poll()
  t.strictSame(
    node.events().filter(({ type }) => type.startsWith('feed')),
    [],
    'a log that is read is not stale'
  )
  release()
})

t.test('what the log has shown is not expected again, nor written again', async (t) => {
  const writes: string[] = []
  const node = await serving({
    methods: (memory) => ({
      async appendRevocations(entries, options) {
        writes.push(...entries.map(({ id }) => id))
        return await memory.appendRevocations(entries, options)
      }
    })
  })
  await node.memory.appendRevocations([session('s')], { lifetimeSeconds })
  await node.poll()
  node.revocations.record(session('s'))
  node.revocations.revokeLocally(session('s', epoch + 1000))
  for (let turn = 0; turn < 4; turn++) await node.poll()
  t.strictSame(writes, [])
})

t.test('what was revoked without the store is written as soon as it responds, and once', async (t) => {
  let down = true
  const calls: unknown[] = []
  const node = await serving({
    methods: (memory) => ({
      async appendRevocations(entries, options) {
        calls.push(...entries.map(({ id }) => id))
        if (down) throw new Error('down')
        return await memory.appendRevocations(entries, options)
      }
    })
  })
  node.revocations.revokeLocally(session('s'))
  t.equal(node.accepts({ sid: 's' }), 'AUTH_REVOKED_TOKEN')
  await node.poll()
  down = false
  await node.poll()
  for (let turn = 0; turn < 3; turn++) await node.poll()
  t.strictSame(calls, ['s', 's'])
  t.strictSame(await logOf(node.memory), [session('s')])
})

t.test(
  'what is revoked for longer than it was is written, whether the store was told of the shorter time or not',
  async (t) => {
    for (const isLogged of [true, false]) {
      const node = await serving()
      const shorter = session('s', epoch + 10_000)
      if (isLogged) await node.memory.appendRevocations([shorter], { lifetimeSeconds })
      else node.revocations.revokeLocally(shorter)
      if (isLogged) await node.poll()
      node.revocations.revokeLocally(session('s'))
      node.revocations.revokeLocally(shorter)
      await node.poll()
      t.equal(
        (await logOf(node.memory)).find(({ id }) => id === 's')?.until,
        epoch + 100_000,
        isLogged ? 'logged' : 'not logged'
      )
    }
  }
)

t.test('close() tries once more to write what the store could not be told', async (t) => {
  const node = await serving()
  node.revocations.revokeLocally(session('s'))
  await node.revocations.close()
  t.strictSame(await logOf(node.memory), [session('s')])
})

t.test('close() tries again although a try is under way, which fails', async (t) => {
  let fail: ((error: Error) => void) | null = null
  const node = await serving({
    methods: (memory) => ({
      async appendRevocations(...args) {
        if (fail === null) {
          await new Promise((_resolve, reject) => {
            fail = reject
          })
        }
        return await memory.appendRevocations(...args)
      }
    })
  })
  node.revocations.revokeLocally(session('s'))
  await node.poll()
  const closed = node.revocations.close()
  fail!(new Error('connection reset'))
  await closed
  t.strictSame(await logOf(node.memory), [session('s')])
})

t.test('the list is rid of what cannot be presented any more, once a minute', async (t) => {
  const { revocations, accepts, clock, time, poll } = await serving()
  revocations.record(session('short', epoch + 10_000))
  revocations.record(session('long', epoch + 100_000))
  revocations.record(session('long', epoch + 20_000))
  clock.advance(50)
  time.set(59_999)
  await poll()
  t.strictSame(
    [accepts({ sid: 'short' }), accepts({ sid: 'long' })],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN'],
    'a later end of the same session shortens nothing'
  )
  time.set(60_000)
  await poll()
  t.strictSame([accepts({ sid: 'short' }), accepts({ sid: 'long' })], [true, 'AUTH_REVOKED_TOKEN'])
  clock.set(epoch + 100_000)
  time.set(120_000)
  await poll()
  t.equal(accepts({ sid: 'long' }), true)
})

t.test('a clock that is set ahead for a moment, while the store is away, revives nothing', async (t) => {
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
  t.equal(accepts({ sid: 'signed out' }), 'AUTH_REVOKED_TOKEN')
})

t.test('longestRevocation() lasts as long as any access token may be valid, and a minute more', async (t) => {
  const { revocations } = createNode()
  t.strictSame(revocations.longestRevocation('s1'), session('s1', epoch + 86_400_000 + 60_000))
})
