import t from 'tap'
import { PollPace } from '../../plugin/sessions/poll-pace.ts'
import { createClock } from '../fixtures/app.ts'

function create({ pollSeconds = 1, maxStalenessSeconds = 30 } = {}) {
  const monotonic = createClock(0)
  const nodeClock = createClock()
  const pace = new PollPace({ pollSeconds, maxStalenessSeconds, monotonic, nodeClock })
  const pass = (seconds: number) => {
    monotonic.advance(seconds)
    nodeClock.advance(seconds)
  }
  /** Polls every `pollSeconds`, as a node does, and returns the seconds at which it read. */
  function poll(seconds: number, { hears }: { hears: (second: number) => boolean }): number[] {
    const reads: number[] = []
    for (let second = pollSeconds; second <= seconds; second += pollSeconds) {
      pass(pollSeconds)
      if (hears(second)) pace.heartbeat()
      if (!pace.isDue()) continue
      reads.push(second)
      pace.read(monotonic())
    }
    return reads
  }
  pace.read(monotonic())
  return { pace, poll, pass, monotonic, nodeClock }
}

const always = () => true
const never = () => false

t.test('isDue() reads every 5 s while heartbeats arrive, and every `pollSeconds` otherwise', async (t) => {
  t.strictSame(create().poll(15, { hears: always }), [5, 10, 15])
  t.strictSame(create().poll(5, { hears: never }), [1, 2, 3, 4, 5])
  t.strictSame(create({ pollSeconds: 2 }).poll(12, { hears: always }), [6, 12], 'at whole polls')
  t.strictSame(create({ pollSeconds: 10 }).poll(30, { hears: always }), [10, 20, 30], 'never more often')
})

t.test('isDue() is true half a poll early, because a timer may be', async (t) => {
  const { pace, pass } = create()
  for (const [seconds, expected] of [
    [4.499, false],
    [0.001, true]
  ] as const) {
    pass(seconds)
    pace.heartbeat()
    t.equal(pace.isDue(), expected)
  }
})

t.test('isDue() is true from 3 s of silence on, until a heartbeat arrives again', async (t) => {
  t.strictSame(create().poll(14, { hears: (second) => second < 6 || second > 11 }), [5, 9, 10, 11])
})

t.test('isDue() reads twice within `maxStalenessSeconds`, or every `pollSeconds`', async (t) => {
  t.strictSame(create({ maxStalenessSeconds: 6 }).poll(9, { hears: always }), [3, 6, 9])
  t.strictSame(create({ pollSeconds: 2, maxStalenessSeconds: 10 }).poll(8, { hears: always }), [4, 8])
  for (const maxStalenessSeconds of [1, 2, 3]) {
    t.strictSame(create({ maxStalenessSeconds }).poll(3, { hears: always }), [1, 2, 3], `${maxStalenessSeconds}`)
  }
})

t.test('isDue() is true at each poll after a read that failed', async (t) => {
  const { pace, pass } = create()
  const due: boolean[] = []
  for (let second = 1; second <= 7; second++) {
    pass(1)
    pace.heartbeat()
    due.push(pace.isDue())
  }
  t.strictSame(due, [false, false, false, false, true, true, true])
})

t.test("isDue() is true if this node's clock was set, or the machine slept, until the log is read", async (t) => {
  for (const seconds of [3600, -3600, 1.5, -1.5]) {
    const { pace, nodeClock, monotonic } = create()
    pace.heartbeat()
    t.equal(pace.isDue(), false)
    nodeClock.advance(seconds)
    pace.heartbeat()
    t.equal(pace.isDue(), true, `${seconds} s`)
    pace.read(monotonic())
    t.equal(pace.isDue(), false)
  }
  const { pace, nodeClock } = create()
  pace.heartbeat()
  nodeClock.advance(1)
  t.equal(pace.isDue(), false, 'clocks drift')
})

t.test('isDue() is true after the process was stopped', async (t) => {
  const { pace, pass } = create()
  pace.heartbeat()
  pass(60)
  t.equal(pace.isDue(), true)
})
