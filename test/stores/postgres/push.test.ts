import { EventEmitter } from 'node:events'
import t from 'tap'
import { createPostgresStore } from '../../../plugin/stores/postgres/store.ts'
import type { PostgresPool } from '../../../plugin/stores/postgres.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { createEvent, startPostgresStores } from '../../fixtures/postgres-store.ts'
import { ending, idsOf, revokedTokens } from '../../fixtures/store-values.ts'
import { onPush } from '../../fixtures/push-listener.ts'

t.test('createPush()', { skip }, async (t) => {
  const { server, pool, otherPool, newPool, newSchema, newStore } = await startPostgresStores(t)

  await t.test('subscribe() wakes when another node commits, and after each reconnect', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(newPool(), { schema }), newStore(otherPool, { schema })]
    const { happen, next } = createEvent()
    const first = next()
    await store.subscribe!(onPush(happen))
    await first
    const pushed = next()
    await other.appendRevocations(revokedTokens('a'), ending)
    await pushed
    for (let round = 0; round < 3; round++) {
      const back = next()
      await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
      await back
    }
    const again = next()
    await other.appendRevocations(revokedTokens('b'), ending)
    await again
    await store.close()
    t.strictSame(idsOf((await other.readRevocations(null, 10)).entries), ['a', 'b'])
  })

  await t.test(
    'subscribe() leaves the pool one client that does not listen, however many stores share it',
    async (t) => {
      const pair = newPool({ max: 2 })
      const [first, second] = [newStore(pair, { schema: 'made' }), newStore(pair, { schema: 'made' })]
      await first.subscribe!(onPush())
      const none = {
        message: 'Cannot listen for revocations: the pool has no client to spare ("max" is 2, and 1 listen)'
      }
      await t.rejects(second.subscribe!(onPush()), none)
      t.match(await Promise.all([first.find('a'), second.find('a')]), [{ row: null }, { row: null }])
      t.strictSame([pair.totalCount, pair.idleCount], [2, 1])
      await first.close()
      t.strictSame([pair.totalCount, pair.idleCount], [1, 1])
      await t.rejects(first.subscribe!(onPush()), { message: 'Cannot subscribe: the store is closed' })
      await t.resolves(second.subscribe!(onPush()), 'the place that the first store freed')
      await t.rejects(newStore(newPool({ max: 1 }), { schema: 'made' }).subscribe!(onPush()), {
        message: /"max" is 1, and 0 listen/
      })
    }
  )

  await t.test('subscribe() rejects if notifications do not arrive, as behind a pooler', async (t) => {
    // Behind a pooler, a client receives only what it sends itself.
    const connect = async () => {
      const client = new EventEmitter()
      return Object.assign(client, {
        release: () => {},
        async query(text: string) {
          if (text.includes('pg_notify')) client.emit('notification')
          return { rows: [] }
        }
      })
    }
    const deaf: PostgresPool = { on: () => {}, removeListener: () => {}, connect }
    const store = createPostgresStore(deaf, { schema: 'made', limits: { pushMs: 300 } })
    t.teardown(() => store.close())
    await t.rejects(store.subscribe!(onPush()), {
      message: 'PostgreSQL did not deliver a notification: LISTEN does not work behind a pooler in transaction mode'
    })
  })

  await t.test('subscribe() rejects with the reason while the server is down, and wakes when it is back', async (t) => {
    const store = newStore(newPool(), { schema: 'made', limits: { pushRetryMs: { first: 50, longest: 100 } } })
    await store.find('a')
    await server.crash()
    await t.rejects(store.subscribe!(onPush()), { code: /ENOENT|ECONNREFUSED/ })
    const woken = new Promise<void>((resolve) => {
      store.subscribe!(onPush(resolve)).catch(() => {})
    })
    await server.start()
    await t.resolves(woken)
  })
})
