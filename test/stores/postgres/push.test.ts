import { EventEmitter, once } from 'node:events'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createPostgresStore } from '../../../plugin/stores/postgres/store.ts'
import type { PostgresPool } from '../../../plugin/stores/postgres.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { createEvent, newSession, startPostgresStores } from '../../fixtures/postgres-store.ts'
import { ending, idsOf, inserting, revokedTokens } from '../../fixtures/store-values.ts'
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

  await t.test('subscribe() receives what was committed, and wakes for what no notification can hold', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(newPool(), { schema }), newStore(otherPool, { schema })]
    const bell = new EventEmitter()
    await store.subscribe!({
      wake: () => bell.emit('change', 'wake'),
      revoked: (entries) => bell.emit('change', entries),
      heartbeat() {}
    })
    const changed = async (change: () => Promise<unknown>) =>
      (await Promise.all([once(bell, 'change'), change()]))[0][0]
    const session = newSession()
    await other.insert(session, inserting)
    const token = (id: string, until = 1e15) => ({ kind: 'token', id, until }) as const
    const pushed = await changed(() => other.revoke(session.id, ending))
    t.strictSame(pushed, (await store.readRevocations(null, 10)).entries)
    t.strictSame(
      await changed(() => other.appendRevocations([token('i a'), token('i "é\\語😀', 2e15)], ending)),
      [token('i a'), token('i "é\\語😀', 2e15)],
      'in their order'
    )
    t.strictSame(
      await changed(() => other.appendRevocations([token('i a'), token('i a', 3e15), token('i b')], ending)),
      [token('i a', 3e15), token('i b')],
      'only what has changed'
    )
    const many = Array.from({ length: 101 }, (_, index) => token(`i ${index}`))
    t.strictSame(await changed(() => other.appendRevocations(many.slice(1), ending)), many.slice(1))
    t.equal(
      await changed(() => other.appendRevocations(revokedTokens(...many.map(({ id }) => `x${id}`)), ending)),
      'wake'
    )
    t.equal(await changed(() => other.appendRevocations([token(`i ${'x'.repeat(8000)}`)], ending)), 'wake')
  })

  await t.test('subscribe() receives what its own call has revoked after the caller has', async (t) => {
    const order: string[] = []
    const delivered = createEvent()
    const heard = delivered.next()
    const own = newPool()
    const slow: PostgresPool = {
      on: own.on.bind(own),
      removeListener: own.removeListener.bind(own),
      async connect() {
        const client = await own.connect()
        return new Proxy(client, {
          get(target, name) {
            if (name === 'on') {
              return (event: 'notification', listen: (notification: unknown) => void) =>
                target.on(event, (notification) => {
                  listen(notification)
                  if (event === 'notification' && notification.payload!.startsWith('{')) delivered.happen()
                })
            }
            if (name === 'query') {
              return async (text: string, values: unknown[]) => {
                const result = await target.query(text, values)
                // The response is slower than the notification.
                if (text.includes('auth_revoke(')) await heard
                return result
              }
            }
            const value: unknown = Reflect.get(target, name, target)
            return typeof value === 'function' ? value.bind(target) : value
          }
        })
      }
    }
    const store = createPostgresStore(slow, { schema: newSchema() })
    t.teardown(() => store.close())
    const session = newSession()
    await store.insert(session, inserting)
    await store.subscribe!({ wake() {}, revoked: () => order.push('pushed'), heartbeat() {} })
    await store.revoke(session.id, ending).then(() => order.push('called'))
    await setImmediate()
    t.strictSame(order, ['called', 'pushed'])
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
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const store = createPostgresStore(deaf, { schema: 'made' })
    t.teardown(() => store.close())
    const rejected = t.rejects(store.subscribe!(onPush()), {
      message: 'PostgreSQL did not deliver a notification: LISTEN does not work behind a pooler in transaction mode'
    })
    await setImmediate()
    mock.timers.tick(2000)
    await rejected
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
