import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { refusal, type AuthError } from '../../plugin/errors.ts'
import type { AuthEvent } from '../../plugin/events.ts'
import { RevocationReads } from '../../plugin/sessions/revocation-reads.ts'
import { storeTimeoutMs } from '../../plugin/sessions/timed-store.ts'
import { createClock, epoch } from '../fixtures/app.ts'

const limitMs = 30_000

interface Setup {
  readonly whenStale?: 'accept' | 'refuse' | 'ask'
  readonly timeoutMs?: number
  /** Names of shards. The first letter of a session's id names its shard. */
  readonly shards?: readonly string[]
  /** The shards that no read after the first one reads. */
  readonly unread?: readonly string[]
}

/** Reads of a log, which the test ends one by one. They are numbered from 1. */
async function createReads({ whenStale = 'ask', timeoutMs, shards, unread = [] }: Setup = {}) {
  const monotonic = createClock(0)
  const nodeClock = createClock()
  const events: AuthEvent[] = []
  const running: { resolve: () => void; reject: (error: unknown) => void }[] = []
  let begun = 0
  let afterReads = 0
  let missed: readonly string[] = []
  const reads = new RevocationReads({
    revocation: { pollSeconds: 1, maxStalenessSeconds: limitMs / 1000, whenStale },
    read: () =>
      new Promise<readonly string[]>((resolve, reject) => {
        begun++
        running.push({ resolve: () => resolve(missed), reject })
      }),
    afterRead: () => {
      afterReads++
    },
    shards: shards && { names: shards, of: (id) => id[0]! },
    monotonic,
    nodeClock,
    emit: (event) => events.push(event),
    timeoutMs
  })
  /** Ends the read that is running. Resolves when everybody who waited for it has continued. */
  async function end(): Promise<void> {
    running.shift()!.resolve()
    await setImmediate()
  }
  async function fail(error: unknown): Promise<void> {
    running.shift()!.reject(error)
    await setImmediate()
  }
  const first = reads.poll()
  await end()
  await first
  begun = 0
  afterReads = 0
  missed = unread
  return {
    reads,
    monotonic,
    nodeClock,
    end,
    fail,
    begun: () => begun,
    afterReads: () => afterReads,
    events: () => events.splice(0)
  }
}

/** What became of a request. */
function outcomeOf(promise: Promise<void>) {
  const outcome = { is: 'waiting' }
  promise.then(
    () => (outcome.is = 'usable'),
    (error: AuthError) => (outcome.is = error.code)
  )
  return outcome
}

t.test("isUsable() with whenStale: 'ask' counts the clock that has advanced more", async (t) => {
  const rows: [what: string, monotonicMs: number, wallMs: number, isUsable: boolean][] = [
    ['both at the limit', limitMs, limitMs, true],
    ['a process that was stopped', limitMs + 1, limitMs + 1, false],
    ['a machine that slept: its monotonic clock did not advance', 0, limitMs + 1, false],
    ['a wall clock that was set back', limitMs + 1, -3_600_000, false],
    ['a wall clock that was set back, shortly after a read', limitMs, -3_600_000, true],
    ['a wall clock that was set forward', 0, 3_600_000, false]
  ]
  for (const [what, monotonicMs, wallMs, isUsable] of rows) {
    const { reads, monotonic, nodeClock, end, begun, events } = await createReads()
    monotonic.set(monotonicMs)
    nodeClock.set(epoch + wallMs)
    t.equal(reads.isUsable(null), isUsable, what)
    const request = reads.becomeUsable([null])
    await setImmediate()
    t.equal(begun(), isUsable ? 0 : 1, `${what}: reads`)
    if (!isUsable) await end()
    await request
    t.equal(reads.isUsable(null), true)
    t.strictSame(events(), [], 'a pause is not an incident')
  }
})

for (const whenStale of ['accept', 'refuse'] as const) {
  t.test(`isUsable() with whenStale: '${whenStale}' ignores the wall clock, and nobody reads`, async (t) => {
    const { reads, monotonic, nodeClock, begun } = await createReads({ whenStale })
    nodeClock.advance(86_400)
    t.equal(reads.isUsable(null), true)
    monotonic.set(limitMs + 1)
    t.equal(reads.isUsable(null), whenStale === 'accept')
    const request = outcomeOf(reads.becomeUsable([null]))
    await setImmediate()
    t.strictSame([request.is, begun()], [whenStale === 'accept' ? 'usable' : 'AUTH_STORE_UNAVAILABLE', 0])
  })
}

t.test('becomeUsable() shares one read among 100 requests', async (t) => {
  const { reads, monotonic, end, begun } = await createReads()
  monotonic.advance(31)
  const requests = Array.from({ length: 100 }, () => outcomeOf(reads.becomeUsable([null])))
  await setImmediate()
  const late = outcomeOf(reads.becomeUsable([null]))
  await setImmediate()
  t.strictSame(new Set([...requests, late].map(({ is }) => is)), new Set(['waiting']))
  await end()
  t.strictSame(new Set([...requests, late].map(({ is }) => is)), new Set(['usable']))
  t.equal(begun(), 1)
})

t.test('becomeUsable() shares a poll that is running, if it was sent recently', async (t) => {
  const { reads, monotonic, end, begun } = await createReads()
  monotonic.advance(31)
  const poll = reads.poll()
  const request = outcomeOf(reads.becomeUsable([null]))
  await end()
  await poll
  t.strictSame([request.is, begun()], ['usable', 1])
})

t.test('wake() reads after the read that is running, and waits for both', async (t) => {
  const { reads, end, begun } = await createReads()
  const poll = outcomeOf(reads.poll())
  const wake = outcomeOf(reads.wake())
  await end()
  t.strictSame([poll.is, wake.is, begun()], ['usable', 'waiting', 2])
  await end()
  t.equal(wake.is, 'usable')
})

t.test('becomeUsable() does not trust a read that was sent before the process was stopped', async (t) => {
  const { reads, monotonic, end, begun } = await createReads()
  const poll = reads.poll()
  // Its response is received, and the process is stopped before it is processed.
  monotonic.advance(31)
  const request = outcomeOf(reads.becomeUsable([null]))
  await end()
  await poll
  t.strictSame([request.is, begun()], ['waiting', 2], 'a second read, sent after the pause')
  t.equal(reads.isUsable(null), false)
  await end()
  t.strictSame([request.is, begun(), reads.isUsable(null)], ['usable', 2, true])
})

t.test('becomeUsable() reads itself if the read that was running fails', async (t) => {
  const { reads, monotonic, end, fail, begun } = await createReads()
  monotonic.advance(31)
  const poll = reads.poll()
  const request = outcomeOf(reads.becomeUsable([null]))
  await fail(new Error('the connection was lost while the machine slept'))
  await poll
  t.strictSame([request.is, begun()], ['waiting', 2])
  await end()
  t.strictSame([request.is, begun()], ['usable', 2])
})

t.test('becomeUsable() accepts a read of its own that takes longer than maxStalenessSeconds', async (t) => {
  const { reads, monotonic, end, begun } = await createReads()
  monotonic.advance(31)
  const request = outcomeOf(reads.becomeUsable([null]))
  await setImmediate()
  monotonic.advance(31)
  await end()
  t.strictSame([request.is, begun(), reads.isUsable(null)], ['usable', 1, false], 'the next request reads again')
})

t.test(
  'becomeUsable([null]) throws AUTH_STORE_UNAVAILABLE if the read fails, and each request has its own error',
  async (t) => {
    const { reads, monotonic, end, fail, begun, events } = await createReads()
    monotonic.advance(31)
    const requests = [reads.becomeUsable([null]), reads.becomeUsable([null])].map((request) =>
      request.catch((error) => error)
    )
    await setImmediate()
    const cause = new Error('down')
    await fail(cause)
    const [one, other] = await Promise.all(requests)
    t.match(one, { code: 'AUTH_STORE_UNAVAILABLE', detail: 'the revocation log could not be read: down', cause })
    t.match(one.headers, { 'retry-after': '2' })
    t.match(other, { code: 'AUTH_STORE_UNAVAILABLE' })
    t.not(one, other)
    t.equal(begun(), 1)
    t.strictSame(events(), [{ type: 'revocation-log-stale', silentMs: 31_000 }])

    const next = outcomeOf(reads.becomeUsable([null]))
    await setImmediate()
    await end()
    t.strictSame([next.is, begun()], ['usable', 2], 'the next request tries again')
    t.strictSame(events(), [{ type: 'revocation-log-recovered', silentMs: 0 }])
  }
)

t.test('becomeUsable() throws AUTH_STORE_UNAVAILABLE if the read takes too long, and the read continues', async (t) => {
  const { reads, monotonic, end, begun } = await createReads({ timeoutMs: 1 })
  monotonic.advance(31)
  await t.rejects(reads.becomeUsable([null]), {
    code: 'AUTH_STORE_UNAVAILABLE',
    cause: { message: 'no response within 1 ms' }
  })
  t.equal(begun(), 1)
  await end()
  t.equal(reads.isUsable(null), true)
})

t.test('becomeUsable() waits for a read as long as for any other call of the store', async (t) => {
  const { reads, monotonic, end } = await createReads()
  monotonic.advance(31)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const request = outcomeOf(reads.becomeUsable([null]))
  mock.timers.tick(storeTimeoutMs - 1)
  await setImmediate()
  t.equal(request.is, 'waiting')
  mock.timers.tick(1)
  await setImmediate()
  t.equal(request.is, 'AUTH_STORE_UNAVAILABLE')
  await end()
})

t.test('becomeUsable() says in its detail why the log could not be read', async (t) => {
  const rows: [thrown: unknown, detail: string][] = [
    [refusal('AUTH_STORE_UNAVAILABLE', 'connect ECONNREFUSED'), 'connect ECONNREFUSED'],
    [new TypeError('an invalid result'), 'an invalid result'],
    ['a text', 'a text'],
    [undefined, 'undefined']
  ]
  for (const [thrown, detail] of rows) {
    const { reads, monotonic, fail } = await createReads()
    monotonic.advance(31)
    const refused = t.rejects(reads.becomeUsable([null]), {
      code: 'AUTH_STORE_UNAVAILABLE',
      detail: `the revocation log could not be read: ${detail}`
    })
    await setImmediate()
    await fail(thrown)
    await refused
  }
})

t.test('pollIfDue() reads, and waits for it, unless heartbeats arrive and the last read is recent', async (t) => {
  const { reads, monotonic, end, begun, afterReads } = await createReads()
  monotonic.advance(1)
  reads.heartbeat()
  await reads.pollIfDue()
  t.strictSame([begun(), afterReads()], [0, 1], 'what is queued is written all the same')
  monotonic.advance(4)
  reads.heartbeat()
  const polling = outcomeOf(reads.pollIfDue())
  await setImmediate()
  t.strictSame([begun(), polling.is], [1, 'waiting'])
  await end()
  t.strictSame([afterReads(), polling.is], [2, 'usable'])
})

t.test('becomeUsable() refuses several sessions if the list is stale for one of them', async (t) => {
  const { reads, monotonic, end } = await createReads({ whenStale: 'refuse', shards: ['a', 'b'], unread: ['b'] })
  monotonic.advance(29)
  const polling = reads.poll()
  await end()
  await polling
  monotonic.advance(2)
  t.strictSame(['a1', 'b1'].map(reads.isUsable), [true, false])
  await t.resolves(reads.becomeUsable(['a1']))
  for (const sessionIds of [['b1'], ['a1', 'b1'], ['b1', 'a1']]) {
    await t.rejects(reads.becomeUsable(sessionIds), { code: 'AUTH_STORE_UNAVAILABLE' })
  }
})

t.test("becomeUsable() with whenStale: 'ask' reads for all of several sessions, or refuses them", async (t) => {
  for (const sessionIds of [
    ['a1', 'b1'],
    ['b1', 'a1']
  ]) {
    const { reads, monotonic, end, begun } = await createReads({ shards: ['a', 'b'], unread: ['b'] })
    monotonic.advance(31)
    const polling = reads.poll()
    const refused = t.rejects(reads.becomeUsable(sessionIds), {
      code: 'AUTH_STORE_UNAVAILABLE',
      detail: 'the revocation log could not be read: no response of shard "b"'
    })
    await end()
    await polling
    t.strictSame([['a1', 'b1'].map(reads.isUsable), begun()], [[true, false], 2], 'the poll has read one shard')
    await end()
    await refused
  }
})
