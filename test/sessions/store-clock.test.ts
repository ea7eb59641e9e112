import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { StoreClock } from '../../plugin/sessions/store-clock.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, epoch } from '../fixtures/app.ts'
import { hourMs, logout, me, refresh } from '../fixtures/signed-in.ts'
import type { PushListener } from '../../plugin/stores/session-store.ts'

const minute = 60_000

/** A node with a clock and a monotonic clock, and a store whose clock is `skew` ahead. */
function createNode() {
  const clock = createClock()
  const monotonic = createClock(0)
  const reported: [number, boolean][] = []
  const storeClock = new StoreClock({
    clock,
    monotonic,
    lifetimeMs: 10 * minute,
    onSkew: (skewMs, compensated) => reported.push([skewMs, compensated])
  })
  let skew = 0
  return {
    reported: () => reported.splice(0),
    /** How far the corrected clock is ahead of this node's own. */
    offset: () => storeClock.now() - clock(),
    aheadMs: () => storeClock.aheadMs,
    setSkew: (ms: number) => {
      skew = ms
    },
    step: (ms: number) => {
      clock.set(clock() + ms)
      skew -= ms
    },
    pass: (ms: number) => {
      clock.set(clock() + ms)
      monotonic.set(monotonic() + ms)
    },
    /** A call that takes `ms`, half of it each way. */
    observe: (ms = 0) => {
      const sentAt = clock()
      const storeTime = clock() + ms / 2 + skew
      storeClock.observe({ storeTime, sentAt, receivedAt: sentAt + ms })
    }
  }
}

t.test('StoreClock adopts the difference of the first response, in either direction', async (t) => {
  for (const skew of [0, 4000, -4000, 30_000, -30_000, hourMs, -hourMs, 2 * hourMs, -2 * hourMs]) {
    const node = createNode()
    node.setSkew(skew)
    node.observe()
    t.equal(node.offset(), skew)
    t.strictSame(node.reported(), skew === 0 ? [] : [[skew, true]], 'reported once')
    node.observe()
    t.strictSame([node.offset(), node.reported()], [skew, []])
  }
})

t.test('StoreClock reports a difference of over two hours, and does not compensate it', async (t) => {
  for (const skew of [2 * hourMs + 1, -2 * hourMs - 1, 3 * hourMs]) {
    const node = createNode()
    node.setSkew(skew)
    node.observe()
    t.strictSame([node.offset(), node.reported()], [0, [[skew, false]]])
  }
})

t.test('StoreClock does not change for a slow response that fits the difference in use', async (t) => {
  const node = createNode()
  node.observe()
  node.setSkew(900)
  node.observe(1800)
  t.equal(node.offset(), 0)
  node.observe(100)
  t.equal(node.offset(), 850, 'no further than the response requires')
})

t.test('StoreClock follows a step forward immediately, and a step back when no token can be revived', async (t) => {
  const node = createNode()
  node.observe()
  node.setSkew(hourMs)
  node.observe()
  t.strictSame([node.offset(), node.aheadMs(), node.reported()], [hourMs, 0, [[hourMs, true]]])
  node.setSkew(0)
  node.observe()
  t.strictSame(
    [node.offset(), node.aheadMs(), node.reported()],
    [hourMs, hourMs, [[0, true]]],
    'not yet; `aheadMs` is the rest'
  )
  node.pass(10 * minute - 1)
  node.observe()
  t.equal(node.offset(), hourMs)
  node.pass(1)
  node.observe()
  t.strictSame([node.offset(), node.aheadMs()], [0, 0])
})

t.test('StoreClock ignores a step back that does not last', async (t) => {
  const node = createNode()
  node.observe()
  node.setSkew(-hourMs)
  node.observe()
  node.pass(5 * minute)
  node.setSkew(0)
  node.observe()
  node.pass(6 * minute)
  node.setSkew(-hourMs)
  node.observe()
  t.strictSame([node.offset(), node.aheadMs()], [0, hourMs], 'the waiting time starts at the second step')
})

t.test(
  'StoreClock delays a step back for the full time, even if a drift of a millisecond is already waiting',
  async (t) => {
    const node = createNode()
    node.observe()
    node.setSkew(-1)
    node.observe()
    node.pass(10 * minute - 1000)
    node.setSkew(-hourMs)
    node.observe()
    node.pass(1000)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [-1, hourMs - 1], 'a second after the step, no token is revived')
    node.pass(10 * minute - 1)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [-1, hourMs - 1])
    node.pass(1)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [-hourMs, 0])
  }
)

t.test("StoreClock.now() does not change when this node's own clock is set", async (t) => {
  for (const step of [hourMs, -hourMs]) {
    const node = createNode()
    node.observe()
    node.step(step)
    node.observe()
    t.equal(node.offset(), -step, "the sum is the store's time as before")
    t.equal(node.aheadMs(), 0)
  }
})

t.test("StoreClock does not mistake a step of the store's clock for one of this node's", async (t) => {
  const small = createNode()
  small.observe()
  small.setSkew(-500)
  small.observe()
  t.strictSame([small.offset(), small.aheadMs()], [0, 500], 'a small one back')

  const beside = createNode()
  beside.observe()
  beside.step(1000)
  beside.setSkew(-hourMs)
  beside.observe()
  t.strictSame(
    [beside.offset(), beside.aheadMs()],
    [0, hourMs],
    'an hour back, while its own clock was set a second forward'
  )
})

t.test("StoreClock corrects a step of this node's own clock even if a call was running", async (t) => {
  const clock = createClock()
  const monotonic = createClock(0)
  const storeClock = new StoreClock({ clock, monotonic, lifetimeMs: 10 * minute, onSkew: () => {} })
  const storeTime = clock()
  storeClock.observe({ storeTime, sentAt: clock(), receivedAt: clock() })
  const sentAt = clock()
  clock.advance(3600)
  storeClock.observe({ storeTime, sentAt, receivedAt: clock() })
  t.equal(storeClock.now() - storeTime, hourMs, 'the duration of that call hides the step')
  storeClock.observe({ storeTime, sentAt: clock(), receivedAt: clock() })
  t.strictSame([storeClock.now() - storeTime, storeClock.aheadMs], [0, 0])
})

t.test('a clock difference of up to two hours between node and store does not affect callers', async (t) => {
  for (const skewMs of [4000, -4000, 30_000, -30_000, hourMs, -hourMs]) {
    const storeClock = createClock(epoch + skewMs)
    const clock = createClock()
    const server = await createApp({ plugin: { store: memoryStore({ clock: storeClock }), clock } })
    const pass = (seconds: number) => {
      clock.advance(seconds)
      storeClock.advance(seconds)
    }
    const session = await server.signIn('bearer')
    t.equal(await me(server, session.access), 200, `${skewMs} ms`)
    t.match(server.warnings(), [/clock is \d+ ms (ahead of|behind) this node's. The difference is compensated/])
    pass(599)
    t.equal(await me(server, session.access), 200)
    pass(1)
    t.equal(await me(server, session.access), 'AUTH_EXPIRED_TOKEN')
    const { access_token: access } = (await refresh(server, session.refresh)).json()
    t.equal(await me(server, access), 200)
    const machine = await server.app.accessTokens.sign({ sub: 'robot' })
    t.equal(await me(server, machine), 200)
    t.equal((await logout(server, access)).statusCode, 204)
    t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN')
    pass(599)
    t.equal(await me(server, access), 'AUTH_REVOKED_TOKEN')
    await server.app.close()
  }
})

t.test("a jump of the store's clock revives no session that was signed out, and signs nobody out", async (t) => {
  for (const jumpMs of [hourMs, -hourMs]) {
    const storeClock = createClock()
    const clock = createClock()
    const server = await createApp({ plugin: { store: memoryStore({ clock: storeClock }), clock } })
    const pass = (seconds: number) => {
      clock.advance(seconds)
      storeClock.advance(seconds)
    }
    const [kept, leaving] = [await server.signIn('bearer'), await server.signIn('bearer')]
    pass(60)
    storeClock.advance(jumpMs / 1000)
    const refreshed = (await refresh(server, kept.refresh)).json()
    t.equal(await me(server, refreshed.access_token), 200, 'what is signed now is accepted now')
    t.equal(
      (await server.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: leaving.refresh } }))
        .statusCode,
      204
    )
    t.not(await me(server, leaving.access), 200)
    storeClock.advance(-jumpMs / 1000)
    for (let minute = 0; minute < 20; minute++) {
      pass(60)
      await server.app.sessions.list('alice')
      t.not(await me(server, leaving.access), 200, `${minute} minutes after it jumped back`)
    }
    t.equal((await refresh(server, refreshed.refresh_token)).statusCode, 200)
    await server.app.close()
  }
})

t.test("a sign-out takes effect at a node whose clock is ahead of the store's, whichever node signs out", async (t) => {
  const storeClock = createClock()
  const store = memoryStore({ clock: storeClock })
  let wake = () => {}
  const ahead = await createApp({
    plugin: {
      store: {
        ...store,
        subscribe: async (listener) => {
          wake = () => listener.wake()
        }
      },
      clock: createClock()
    }
  })
  const [here, elsewhere] = [await ahead.signIn('bearer'), await ahead.signIn('bearer')]
  storeClock.advance(-3600)
  t.equal((await logout(ahead, here.access)).statusCode, 204, 'the first call after the step')
  t.equal(await me(ahead, here.access), 'AUTH_REVOKED_TOKEN')
  const newcomer = await createApp({ plugin: { store, clock: createClock(epoch - hourMs) } })
  t.equal(
    await newcomer.app.sessions.revoke(elsewhere.sessionId),
    true,
    'another node knows nothing of the earlier time'
  )
  wake()
  await setImmediate()
  t.equal(await me(ahead, elsewhere.access), 'AUTH_REVOKED_TOKEN')
  await Promise.all([ahead.app.close(), newcomer.app.close()])
})

t.test("a sign-out stays in effect although the store's clock was behind for a moment", async (t) => {
  const storeClock = createClock()
  const memory = memoryStore({ clock: storeClock })
  const wakes: (() => void)[] = []
  const store = {
    ...memory,
    subscribe: async (listener: PushListener) => {
      wakes.push(() => listener.wake())
    }
  }
  const read = async () => {
    for (const wake of wakes) wake()
    for (let turn = 0; turn < 5; turn++) await setImmediate()
  }
  const [here, there] = [
    await createApp({ plugin: { store, clock: createClock() } }),
    await createApp({ plugin: { store, clock: createClock() } })
  ]
  const session = await here.signIn('bearer')
  storeClock.advance(-3600)
  t.equal((await logout(here, session.access)).statusCode, 204)
  await read()
  storeClock.advance(3600)
  await read()
  const newcomer = await createApp({ plugin: { store, clock: createClock() } })
  t.strictSame(
    await Promise.all([here, there, newcomer].map((node) => me(node, session.access))),
    Array(3).fill('AUTH_REVOKED_TOKEN')
  )
  storeClock.advance(-3600)
  t.strictSame(
    await Promise.all([here, there, newcomer].map((node) => me(node, session.access))),
    Array(3).fill('AUTH_REVOKED_TOKEN')
  )
  for (const { app } of [here, there, newcomer]) await app.close()
})
