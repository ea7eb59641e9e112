import t from 'tap'
import { StoreClock } from '../../plugin/sessions/store-clock.ts'
import { createClock } from '../fixtures/app.ts'

const minute = 60_000
const hour = 60 * minute

/** A node whose clock and monotonic clock go together, beside a store whose clock is `skew` ahead. */
function createNode() {
  const clock = createClock()
  const monotonic = createClock(0)
  const told: [number, boolean][] = []
  const storeClock = new StoreClock({
    clock,
    monotonic,
    lifetimeMs: 10 * minute,
    onSkew: (skewMs, compensated) => told.push([skewMs, compensated])
  })
  let skew = 0
  return {
    told: () => told.splice(0),
    /** How far ahead of this node's clock it counts. */
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

t.test('StoreClock takes over what the first response tells, in either direction', async (t) => {
  for (const skew of [0, 4000, -4000, 30_000, -30_000, hour, -hour, 2 * hour, -2 * hour]) {
    const node = createNode()
    node.setSkew(skew)
    node.observe()
    t.equal(node.offset(), skew)
    t.strictSame(node.told(), skew === 0 ? [] : [[skew, true]], 'and tells of it once')
    node.observe()
    t.strictSame([node.offset(), node.told()], [skew, []])
  }
})

t.test('StoreClock does not compensate over two hours, and says so', async (t) => {
  for (const skew of [2 * hour + 1, -2 * hour - 1, 3 * hour]) {
    const node = createNode()
    node.setSkew(skew)
    node.observe()
    t.strictSame([node.offset(), node.told()], [0, [[skew, false]]])
  }
})

t.test('StoreClock does not move for a slow response that both clocks may explain', async (t) => {
  const node = createNode()
  node.observe()
  node.setSkew(900)
  node.observe(1800)
  t.equal(node.offset(), 0)
  node.observe(100)
  t.equal(node.offset(), 850, 'no further than the response demands')
})

t.test(
  'StoreClock follows a clock that is set forward at once, and one that is set back when no token can be revived',
  async (t) => {
    const node = createNode()
    node.observe()
    node.setSkew(hour)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs(), node.told()], [hour, 0, [[hour, true]]])
    node.setSkew(0)
    node.observe()
    t.strictSame(
      [node.offset(), node.aheadMs(), node.told()],
      [hour, hour, [[0, true]]],
      'not yet, and it knows by how much it is ahead'
    )
    node.pass(10 * minute - 1)
    node.observe()
    t.equal(node.offset(), hour)
    node.pass(1)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [0, 0])
  }
)

t.test('StoreClock forgets a step back that does not last', async (t) => {
  const node = createNode()
  node.observe()
  node.setSkew(-hour)
  node.observe()
  node.pass(5 * minute)
  node.setSkew(0)
  node.observe()
  node.pass(6 * minute)
  node.setSkew(-hour)
  node.observe()
  t.strictSame([node.offset(), node.aheadMs()], [0, hour], 'the time counts from the second one')
})

t.test(
  'StoreClock lets a step back wait its whole time, although a drift of a millisecond has waited before it',
  async (t) => {
    const node = createNode()
    node.observe()
    node.setSkew(-1)
    node.observe()
    node.pass(10 * minute - 1000)
    node.setSkew(-hour)
    node.observe()
    node.pass(1000)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [-1, hour - 1], 'a second after the step, no token is revived')
    node.pass(10 * minute - 1)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [-1, hour - 1])
    node.pass(1)
    node.observe()
    t.strictSame([node.offset(), node.aheadMs()], [-hour, 0])
  }
)

t.test("StoreClock does not move when this node's own clock is set", async (t) => {
  for (const step of [hour, -hour]) {
    const node = createNode()
    node.observe()
    node.step(step)
    node.observe()
    t.equal(node.offset(), -step, "the sum is the store's time as before")
    t.equal(node.aheadMs(), 0)
  }
})

t.test('StoreClock takes no step of the store for one of its own', async (t) => {
  const small = createNode()
  small.observe()
  small.setSkew(-500)
  small.observe()
  t.strictSame([small.offset(), small.aheadMs()], [0, 500], 'a small one back')

  const beside = createNode()
  beside.observe()
  beside.step(1000)
  beside.setSkew(-hour)
  beside.observe()
  t.strictSame([beside.offset(), beside.aheadMs()], [0, hour], 'an hour back, beside a second of its own forward')
})

t.test("StoreClock corrects a step of this node's own clock though a call was under way", async (t) => {
  const clock = createClock()
  const monotonic = createClock(0)
  const storeClock = new StoreClock({ clock, monotonic, lifetimeMs: 10 * minute, onSkew: () => {} })
  const storeTime = clock()
  storeClock.observe({ storeTime, sentAt: clock(), receivedAt: clock() })
  const sentAt = clock()
  clock.advance(3600)
  storeClock.observe({ storeTime, sentAt, receivedAt: clock() })
  t.equal(storeClock.now() - storeTime, hour, 'the range of that call hides the step')
  storeClock.observe({ storeTime, sentAt: clock(), receivedAt: clock() })
  t.strictSame([storeClock.now() - storeTime, storeClock.aheadMs], [0, 0])
})
