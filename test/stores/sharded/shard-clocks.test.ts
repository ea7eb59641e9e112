import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Timed } from '../../../plugin/stores/session-store.ts'
import { ShardClocks } from '../../../plugin/stores/sharded/shard-clocks.ts'

/** Shards whose clocks can be set, all of which a process reads by its monotonic clock. */
function createClocks(ahead: number[], { tripMs = 2 } = {}) {
  let monotonic = 0
  const asked: number[] = []
  const away = new Set<number>()
  const read = (shard: number) => {
    monotonic += tripMs / 2
    const storeTime = Math.floor(1e12 + monotonic + ahead[shard]!)
    monotonic += tripMs / 2
    return { storeTime }
  }
  const clocks = new ShardClocks({
    ask: ahead.map((_ms, shard) => async () => {
      asked.push(shard)
      if (away.has(shard)) throw new Error('away')
      return read(shard)
    }),
    monotonic: () => monotonic
  })
  return {
    clocks,
    read,
    now: () => monotonic,
    away,
    asked: () => asked.splice(0),
    pass: (ms: number) => {
      monotonic += ms
    },
    async respond(shard: number) {
      const sentAt = monotonic
      await clocks.observe(shard, { ...read(shard), sentAt })
      return clocks.aheadMs(shard)
    }
  }
}

t.test('aheadMs() stays 0 for clocks that agree, however slow a response is', async (t) => {
  for (const tripMs of [0, 0.3, 40, 3000]) {
    const { respond, pass } = createClocks([0, 0], { tripMs })
    for (let turn = 0; turn < 50; turn++) {
      pass(turn * 7.3)
      t.equal(await respond(turn % 2), 0)
    }
  }
})

t.test('aheadMs() is right within the time of a round trip, and then stays', async (t) => {
  const { respond, asked, pass } = createClocks([0, 3_600_000])
  await respond(0)
  const aheadMs = await respond(1)
  t.ok(Math.abs(aheadMs - 3_600_000) <= 4, String(aheadMs))
  asked()
  for (let turn = 0; turn < 50; turn++) {
    pass(500)
    t.equal(await respond(1), aheadMs)
    await respond(0)
  }
  t.strictSame(asked(), [], 'nothing was asked that calls did not show')
})

t.test('observe() asks the first shard before it moves an estimate: the process may have slept', async (t) => {
  // All clocks advance while the monotonic clock stands still.
  const ahead = [0, 0]
  const { respond, asked } = createClocks(ahead)
  await respond(0)
  await respond(1)
  ahead.fill(600_000)
  t.equal(await respond(1), 0)
  t.strictSame(asked(), [0, 0], 'once at first, once after the pause')
  ahead[1] = 660_000
  t.ok(Math.abs((await respond(1)) - 60_000) <= 4, 'only this clock was set')
})

t.test('observe() moves no estimate while the first shard is down, and calls that once a second', async (t) => {
  const ahead = [0, 0]
  const { respond, asked, away, pass } = createClocks(ahead)
  await respond(0)
  await respond(1)
  asked()
  away.add(0)
  ahead[1] = 5000
  for (let turn = 0; turn < 5; turn++) t.equal(await respond(1), 0)
  t.strictSame(asked(), [0])
  pass(1000)
  away.delete(0)
  t.ok(Math.abs((await respond(1)) - 5000) <= 4)
})

t.test('observe() takes the earliest shard that has responded for the first, until that responds', async (t) => {
  const { respond, clocks, away } = createClocks([0, 1_000_000, 2_000_000])
  away.add(0)
  t.equal(await respond(1), 0)
  t.ok(Math.abs((await respond(2)) - 1_000_000) <= 4)
  away.delete(0)
  t.equal(await respond(0), 0)
  t.equal(clocks.isKnown(1), false)
  t.ok(Math.abs((await respond(1)) - 1_000_000) <= 4)
  t.ok(Math.abs((await respond(2)) - 2_000_000) <= 4)
})

t.test('a difference below the rounding of two clocks counts as none', async (t) => {
  for (const [aheadMs, expected] of [
    [0, 0],
    [2, 0],
    [3, 3],
    [-2, 0],
    [-3, -3],
    [3_600_000, 3_600_000],
    [-3_600_000, -3_600_000]
  ] as const) {
    const { respond, clocks } = createClocks([0, aheadMs], { tripMs: 0 })
    await respond(0)
    t.strictSame([clocks.aheadMs(1), clocks.isKnown(1)], [0, false])
    t.equal(await respond(1), expected, `${aheadMs} ms`)
    t.equal(clocks.isKnown(1), true)
  }
})

t.test('an estimate moves only if it is impossible, and then as little as possible', async (t) => {
  const ahead = [0, 0]
  const { respond, asked } = createClocks(ahead, { tripMs: 0 })
  await respond(0)
  await respond(1)
  asked()
  for (const [aheadMs, expected, asks] of [
    [2, 0, false],
    [-2, 0, false],
    [5, 3, true],
    [1, 3, false],
    [0, 2, true],
    [-60_000, -59_998, true]
  ] as const) {
    ahead[1] = aheadMs
    t.equal(await respond(1), expected, `${aheadMs} ms`)
    t.strictSame(asked(), asks ? [0] : [])
  }
})

t.test('clocks may drift apart by 1 ms a second while the first shard is not called', async (t) => {
  for (const [driftMs, asks] of [
    [1002, false],
    [-1002, false],
    [1003, true],
    [-1003, true]
  ] as const) {
    const ahead = [0, 0]
    const { respond, asked, pass } = createClocks(ahead, { tripMs: 0 })
    await respond(0)
    await respond(1)
    asked()
    pass(1_000_000)
    ahead[1] = driftMs
    await respond(1)
    t.strictSame(asked(), asks ? [0] : [], `${driftMs} ms`)
  }
})

t.test('a first shard that is down is called again after exactly a second', async (t) => {
  const ahead = [0, 0]
  const { respond, asked, away, pass } = createClocks(ahead, { tripMs: 0 })
  await respond(0)
  await respond(1)
  asked()
  away.add(0)
  ahead[1] = 5000
  await respond(1)
  pass(999)
  await respond(1)
  t.strictSame(asked(), [0])
  pass(1)
  await respond(1)
  t.strictSame(asked(), [0])
})

t.test('calls that wait for the time of the first shard share one request', async (t) => {
  const { clocks, read, now, respond, asked } = createClocks([0, 60_000, 120_000], { tripMs: 0 })
  await respond(0)
  await Promise.all([1, 2].map((shard) => clocks.observe(shard, { ...read(shard), sentAt: now() })))
  t.strictSame([asked(), clocks.aheadMs(1), clocks.aheadMs(2)], [[0], 60_000, 120_000])
})

/** Clocks of which every request for a time waits until the test ends it. */
function createManual() {
  let respond = (_response: Timed) => {}
  const ask = () =>
    new Promise<Timed>((resolve) => {
      respond = resolve
    })
  const clocks = new ShardClocks({ ask: [ask, ask, ask], monotonic: () => 0 })
  const observe = (shard: number, storeTime: number) => clocks.observe(shard, { storeTime, sentAt: 0 })
  return { clocks, observe, respond: (storeTime: number) => respond({ storeTime }) }
}

t.test('a comparison with a clock that no longer stands for the first shard is dropped', async (t) => {
  const { clocks, observe, respond } = createManual()
  await observe(1, 60_000)
  const comparing = observe(2, 120_000)
  await observe(0, 0)
  respond(60_000)
  await comparing
  t.equal(clocks.isKnown(2), false, 'it is compared with the first shard when it responds again')
})

t.test('a call waits half a second for the time of the first shard', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { clocks, observe } = createManual()
  await observe(0, 0)
  let isDone = false
  void observe(1, 60_000)?.then(() => {
    isDone = true
  })
  mock.timers.tick(499)
  await setImmediate()
  t.equal(isDone, false)
  mock.timers.tick(1)
  await setImmediate()
  t.strictSame([isDone, clocks.isKnown(1)], [true, false])
})
