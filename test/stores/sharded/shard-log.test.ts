import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { RevocationPage } from '../../../plugin/stores/session-store.ts'
import type { Shard } from '../../../plugin/stores/sharded/shard.ts'
import { ShardLog } from '../../../plugin/stores/sharded/shard-log.ts'

t.test('read() waits 1.8 s for a shard, and 250 ms for one that failed last time, until it responds', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const page = { entries: [], cursor: '1', more: false, resumed: true, storeTime: 1 } satisfies RevocationPage
  let respond = (_page: RevocationPage) => {}
  let refuse = (_error: Error) => {}
  const log = new ShardLog({
    name: 'a',
    readRevocations: () =>
      new Promise((resolve, reject) => {
        respond = resolve
        refuse = reject
      })
  } as unknown as Shard)

  /** How long a read has waited before it gave up. */
  async function waited(): Promise<number> {
    const reading = log.read({ cursor: null, limit: 1 })
    const state = { isDone: false }
    void reading.then(() => {
      state.isDone = true
    })
    let ms = 0
    for (; !state.isDone && ms < 5000; ms++) {
      mock.timers.tick(1)
      await setImmediate()
    }
    t.equal(await reading, null)
    t.match(log.error, { message: `shard "a": no response within ${ms} ms` })
    return ms
  }

  t.equal(await waited(), 1800)
  t.equal(await waited(), 250)
  respond(page)
  await setImmediate()
  t.equal(await waited(), 1800, 'a late response shows that it is back')

  const refused = log.read({ cursor: null, limit: 1 })
  refuse(new Error('ECONNREFUSED'))
  t.equal(await refused, null)
  t.equal(await waited(), 250)
  const read = log.read({ cursor: null, limit: 1 })
  respond(page)
  t.equal(await read, page)
  t.equal(await waited(), 1800)
})
