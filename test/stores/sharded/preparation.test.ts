import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { UnusableStoreError, type Timed } from '../../../plugin/stores/session-store.ts'
import { Preparation } from '../../../plugin/stores/sharded/preparation.ts'
import type { Shard } from '../../../plugin/stores/sharded/shard.ts'

type Attempt = () => Promise<Timed>

const responds: Attempt = async () => ({ storeTime: 1 })
const hangs: Attempt = () => new Promise(() => {})
const refuses: Attempt = async () => {
  throw new Error('ECONNREFUSED')
}

/** A preparation of these shards by a clock that the test moves. `attempts` holds when each shard was called. */
function create<Name extends string>(given: Record<Name, Attempt>) {
  let now = 0
  const pauses = new Set<{ readonly until: number; readonly end: () => void }>()
  const current: Record<string, Attempt> = { ...given }
  const attempts: Record<string, number[]> = {}
  const shards = Object.keys(given).map((name) => {
    attempts[name] = []
    return {
      name,
      find: responds,
      prepare() {
        attempts[name]!.push(now)
        return current[name]!()
      }
    } as unknown as Shard
  })
  const preparation = new Preparation(shards, async (ms, signal) => {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const pause = { until: now + ms, end: resolve }
      pauses.add(pause)
      signal.addEventListener('abort', () => resolve())
    })
  })
  return {
    preparation,
    attempts,
    shardIs: (name: Name, attempt: Attempt) => {
      current[name] = attempt
    },
    /** When `prepare()` resolved. */
    async prepare() {
      await preparation.prepare()
      return now
    },
    async pass(ms: number) {
      await setImmediate()
      for (const end = now + ms; now < end;) {
        now += 10
        for (const pause of [...pauses].filter(({ until }) => until <= now)) {
          pauses.delete(pause)
          pause.end()
        }
        await setImmediate()
      }
    }
  }
}

t.test('prepare() calls a shard that is down again, and then once a second, until it responds', async (t) => {
  const { prepare, attempts, shardIs, pass } = create({ a: responds, b: refuses })
  t.equal(await prepare(), 0, 'nobody waits for it')
  await pass(2500)
  shardIs('b', responds)
  await pass(5000)
  t.strictSame(attempts, { a: [0], b: [0, 0, 1000, 2000, 3000] })
})

t.test('prepare() begins no second series of calls for the same shard', async (t) => {
  const { prepare, attempts, pass } = create({ a: responds, b: refuses })
  await prepare()
  await pass(500)
  await prepare()
  await pass(2500)
  t.strictSame(attempts.b, [0, 0, 500, 1000, 2000, 3000])
})

t.test('prepare() makes one call for those that wait for it at the same time', async (t) => {
  const { prepare, attempts, pass } = create({ a: responds, b: hangs })
  void prepare()
  void prepare()
  await pass(5000)
  t.strictSame(attempts, { a: [0], b: [0] })
})

t.test('prepare() waits 2 s for a shard that does not respond, and then starts with the others', async (t) => {
  const { prepare, pass } = create({ a: responds, b: hangs })
  const preparing = prepare()
  await pass(5000)
  t.equal(await preparing, 2000)
})

t.test('prepare() waits until one shard is ready', async (t) => {
  let respond = (_response: Timed) => {}
  const slow = new Promise<Timed>((resolve) => {
    respond = resolve
  })
  const { prepare, pass } = create({ a: () => slow, b: hangs })
  const preparing = prepare()
  await pass(5050)
  respond({ storeTime: 1 })
  await pass(5000)
  t.equal(await preparing, 5200, 'it looks five times a second')
})

t.test('prepare() stops calling a shard that cannot work until its configuration changes, and warns', async (t) => {
  const warnings = t.capture(process, 'emitWarning')
  const { prepare, attempts, shardIs, pass } = create({ a: responds, b: refuses })
  await prepare()
  await pass(500)
  shardIs('b', async () => {
    throw new UnusableStoreError('the store is the shard "c" already')
  })
  await pass(5000)
  t.strictSame(attempts.b, [0, 0, 1000])
  t.strictSame(
    warnings().map(({ args }) => args),
    [['the store is the shard "c" already']]
  )
})

t.test('close() ends the calls for shards that are down', async (t) => {
  const { preparation, prepare, attempts, pass } = create({ a: responds, b: refuses })
  await prepare()
  await pass(1500)
  preparation.close()
  await pass(5000)
  t.strictSame(attempts.b, [0, 0, 1000])
})

t.test('close() ends a start that waits for shards none of which responds', async (t) => {
  let refuse = (_reason: Error) => {}
  const { preparation, prepare, pass } = create({
    a: () =>
      new Promise((_resolve, reject) => {
        refuse = reject
      }),
    b: hangs
  })
  const preparing = prepare()
  await pass(500)
  preparation.close()
  await pass(500)
  refuse(new Error('the client is closed'))
  await t.rejects(preparing, { message: 'the client is closed' })
})

t.test('waiting for a shard that is down does not keep the process alive', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const shard = (prepare: Attempt) => ({ prepare, find: responds }) as unknown as Shard
  const preparation = new Preparation([shard(responds), shard(refuses)])
  t.teardown(() => preparation.close())
  await preparation.prepare()
  t.equal(timers(), before)
})
