import t from 'tap'
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
