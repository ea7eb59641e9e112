import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { shardedStore } from '../../../plugin/stores/sharded.ts'
import { createClock, epoch } from '../../fixtures/app.ts'
import { freezeMonotonic, recorded } from '../../fixtures/shards.ts'
import { ending, hourMs } from '../../fixtures/store-values.ts'

t.test("prepare() waits until the shard's own store is prepared", async (t) => {
  let finish = () => {}
  const { store, calls } = recorded(memoryStore(), {
    prepare: () =>
      new Promise((resolve) => {
        finish = () => resolve({ storeTime: epoch })
      })
  })
  const preparing = shardedStore({ a: store }).prepare!()
  await setImmediate()
  t.strictSame(calls(), ['prepare'])
  finish()
  await preparing
  t.strictSame(calls().slice(0, 2), ['find', 'insert'])
})

t.test('appendRevocations() asks a shard for its time before it converts the first entry', async (t) => {
  freezeMonotonic(t)
  const ahead = createClock(epoch + 2 * hourMs)
  const b = memoryStore({ clock: ahead })
  const store = shardedStore({ a: memoryStore({ clock: createClock() }), b })
  await store.appendRevocations([{ kind: 'token', id: 'i t', until: epoch + hourMs }], ending)
  const [entry] = (await b.readRevocations(null, 10)).entries
  t.equal(entry?.until, epoch + 3 * hourMs)
})

t.test('the error of a shard says what has failed, even if its message is empty', async (t) => {
  for (const [reason, message] of [
    [new Error('ECONNREFUSED'), 'shard "a": ECONNREFUSED'],
    [new AggregateError([]), 'shard "a": AggregateError'],
    ['closed', 'shard "a": closed']
  ] as const) {
    const { store } = recorded(memoryStore(), { find: () => Promise.reject(reason) })
    await t.rejects(shardedStore({ a: store }).find(`a~${'A'.repeat(22)}`), { message, cause: reason as object })
  }
})
