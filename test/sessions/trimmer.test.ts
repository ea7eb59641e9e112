import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { SessionStore } from '../../plugin/index.ts'
import { Trimmer } from '../../plugin/sessions/trimmer.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, issuer } from '../fixtures/app.ts'
import { hourMs, me } from '../fixtures/signed-in.ts'

/** Keeps the process alive, as a listening server does: the trimmer's timer is unreferenced. */
const listening = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(listening))

/** Inserts sessions of alice: `old-0`, `old-1` and so on. */
async function insertMany(
  store: SessionStore,
  { count, prefix = 'old', issuer: iss = issuer }: { count: number; prefix?: string; issuer?: string }
): Promise<void> {
  for (let index = 0; index < count; index++) {
    const session = {
      id: `${prefix}-${index}`,
      issuer: iss,
      sub: 'alice',
      sessionKey: 'x',
      device: null,
      scope: null,
      claims: {},
      details: {},
      accessLifetimeSeconds: 600,
      idleMs: hourMs,
      idleLimitMs: null,
      absoluteMs: hourMs
    }
    const options = { issuers: [issuer, ''], revoke: [], maxSessions: 1e9, lifetimeSeconds: 600 }
    await store.insert(session, options)
  }
}

t.test('signIn() does not wait while sessions beyond a lowered `maxSessions` are revoked in batches', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  await insertMany(store, { count: 2100, issuer: '' })
  clock.advance(1)
  const server = await createApp({ plugin: { store, clock, refreshToken: { maxSessions: 2 } } })
  const { sessionId } = await server.signIn('bearer')
  while (
    (await server.app.sessions.list('alice')).length > 2 ||
    (await store.find('old-2000')).row?.revokedAt === null
  ) {
    await setImmediate()
  }
  const live = (await store.list({ issuers: [issuer, ''], sub: 'alice' }, { limit: 1e9 })).rows.map(({ id }) => id)
  t.strictSame([live.length, live.includes(sessionId)], [2, true])
})

t.test('app.sessions.revokeAll() revokes thousands of sessions, and then refuses their access tokens', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  let calls = 0
  const counting: SessionStore = {
    ...store,
    trim: (...args) => {
      calls++
      return store.trim(...args)
    }
  }
  const server = await createApp({ plugin: { store: counting, clock } })
  const first = await server.signIn('bearer')
  await insertMany(store, { count: 2500 })
  const last = await (
    await createApp({ plugin: { store, clock, refreshToken: { maxSessions: 10_000 } } })
  ).signIn('bearer')
  t.strictSame([await me(server, first.access), await me(server, last.access)], [200, 200])
  t.equal(await server.app.sessions.revokeAll('alice'), 2502)
  t.equal(calls, 2, 'one call for each batch')
  t.strictSame(
    [await me(server, first.access), await me(server, last.access)],
    ['AUTH_REVOKED_TOKEN', 'AUTH_REVOKED_TOKEN']
  )
  const events = server.events().filter(({ type }) => type !== 'token-refused')
  t.equal(events.length, 2502)
  t.ok(events.every((event) => event.type === 'session-revoked'))
})

t.test('add() logs the rest of the sessions although the store fails meanwhile', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const alice = { issuers: [issuer], sub: 'alice' }
  await insertMany(store, { count: 1001 })
  const { revoked, more } = await store.revokeAll(alice, { lifetimeSeconds: 600 })
  t.strictSame([revoked.length, more], [1000, true])
  let failures = 2
  const rest: string[] = []
  const trimmer = new Trimmer({
    store: {
      trim: async (...args) => {
        if (failures-- > 0) throw new Error('down')
        return await store.trim(...args)
      }
    },
    maxSessions: 100,
    accessLifetime: () => 600,
    onRevoked: (sessions) => rest.push(...sessions.map(({ id }) => id)),
    retryMs: 1
  })
  t.equal(await trimmer.add(alice), 1)
  t.equal(new Set([...rest, ...revoked.map(({ id }) => id)]).size, 1001)
  const { entries } = await store.readRevocations(null, 10_000)
  t.equal(new Set(entries.map(({ id }) => id)).size, 1001)
})

t.test('app.sessions.revokeAll() logs all sessions even if it is called again while the first call runs', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const gate: { open?: () => void } = {}
  // A response that arrives after the next call was sent.
  const slow: SessionStore = {
    ...store,
    trim: async (...args) => {
      const result = await store.trim(...args)
      if (gate.open === undefined) {
        await new Promise<void>((resolve) => {
          gate.open = resolve
        })
      }
      return result
    }
  }
  const server = await createApp({ plugin: { store: slow, clock } })
  await insertMany(store, { prefix: 'first', count: 1001 })
  const first = server.app.sessions.revokeAll('alice')
  while (gate.open === undefined) await setImmediate()
  await insertMany(store, { prefix: 'second', count: 1001 })
  const second = server.app.sessions.revokeAll('alice')
  for (let turn = 0; turn < 5; turn++) await setImmediate()
  gate.open()
  await Promise.all([first, second])
  const logged = new Set<string>()
  for (let cursor: string | null = null, more = true; more;) {
    const page = await store.readRevocations(cursor, 1000)
    for (const { id } of page.entries) logged.add(id)
    cursor = page.cursor
    more = page.more
  }
  t.equal(logged.size, 2002)
})
