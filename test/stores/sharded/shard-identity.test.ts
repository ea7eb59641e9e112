import t from 'tap'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import { assertIdentity } from '../../../plugin/stores/sharded/shard-identity.ts'
import { createClock, epoch } from '../../fixtures/app.ts'
import { recorded } from '../../fixtures/shards.ts'

const centuryMs = 3_153_600_000_000

t.test('assertIdentity() names a store once, with a row that lasts a hundred years', async (t) => {
  const { store, calls } = recorded(memoryStore({ clock: createClock() }))
  await assertIdentity(store, 'a')
  t.strictSame(calls(), ['find', 'insert'])
  t.match((await store.find('~shard')).row, {
    device: 'a',
    accessLifetimeSeconds: 0,
    idleExpiresAt: epoch + centuryMs,
    absoluteExpiresAt: epoch + centuryMs
  })
  calls()
  t.strictSame(await assertIdentity(store, 'a'), { storeTime: epoch })
  t.strictSame(calls(), ['find'])
})

/** A store that another process names between this one's `find()` and `insert()`. */
function raced(named: string | null): SessionStore {
  const store = memoryStore()
  return {
    ...store,
    async insert(session, options) {
      if (named !== null) await store.insert({ ...session, device: named }, options)
      throw new Error('the id exists')
    }
  }
}

t.test('assertIdentity() accepts the name that another process gave the store meanwhile', async (t) => {
  await t.resolves(assertIdentity(raced('a'), 'a'))
  await t.rejects(assertIdentity(raced('b'), 'a'), {
    name: 'UnusableStoreError',
    message: 'the store is the shard "b" already, and must keep that name: received "a"'
  })
  await t.rejects(assertIdentity(raced(null), 'a'), { message: 'the id exists' })
})
