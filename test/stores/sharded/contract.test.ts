import t, { type Test } from 'tap'
import { storeContract } from '../../../plugin/stores/contract.ts'
import type { OpenStore } from '../../../plugin/stores/contract.ts'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { postgresStore } from '../../../plugin/stores/postgres.ts'
import { redisStore } from '../../../plugin/stores/redis.ts'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import { shardedStore } from '../../../plugin/stores/sharded.ts'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import { skip as skipPostgres } from '../../fixtures/postgres-server.ts'
import { startPostgresStores } from '../../fixtures/postgres-store.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { serve } from '../../fixtures/redis-store.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'
import { hourMs, times } from '../../fixtures/store-values.ts'

t.setTimeout(600_000)

async function assertFulfils(t: Test, open: () => Promise<OpenStore>): Promise<void> {
  for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
}

async function close(stores: readonly SessionStore[]): Promise<void> {
  for (const store of stores) await store.close()
}

/** Stores over the same shards, as two nodes open them. */
async function openBoth(first: SessionStore, second = first): Promise<OpenStore> {
  await first.prepare!()
  return {
    store: first,
    async another() {
      await second.prepare!()
      return second
    },
    close: () => close([first, second])
  }
}

t.test('shardedStore() over three memory stores fulfils the contract', async (t) => {
  await assertFulfils(t, () => openBoth(shardedStore(times(3, () => memoryStore()))))
})

t.test('shardedStore() fulfils the contract while the clocks of its shards are hours apart', async (t) => {
  const hours = [0, 1, -3.5]
  const now = performance.now.bind(performance)
  const { timeOrigin } = performance
  await assertFulfils(t, async () => {
    const shards = hours.map((ahead) =>
      memoryStore({ clock: () => Math.floor(timeOrigin + performance.now()) + ahead * hourMs })
    )
    // The clocks stand still while they are compared, so that the difference is exact: no time moves by a millisecond.
    const stoppedAt = now()
    t.intercept(performance, 'now', { value: () => stoppedAt, configurable: true })
    const opened = await openBoth(shardedStore(shards))
    t.intercept(performance, 'now', { value: now, configurable: true })
    return opened
  })
})

t.test('shardedStore() fulfils the contract after a set was added', async (t) => {
  const sets = [{ shards: ['a'] }, { from: '2026-01-01T00:00:00Z', shards: ['b', 'c'] }]
  await assertFulfils(t, () =>
    openBoth(shardedStore({ a: memoryStore(), b: memoryStore(), c: memoryStore() }, { sets }))
  )
})

t.test('shardedStore() over three SQLite databases fulfils the contract', async (t) => {
  await assertFulfils(t, async () => {
    const databases = times(3, () => new DatabaseSync(':memory:'))
    const opened = await openBoth(shardedStore(databases.map((database) => sqliteStore(database))))
    return {
      ...opened,
      async close() {
        await opened.close()
        for (const database of databases) database.close()
      }
    }
  })
})

t.test('shardedStore() over three Redis servers fulfils the contract', skipWithoutRedis, async (t) => {
  const servers = await Promise.all(times(3, () => serve(t)))
  const clients = await Promise.all(servers.map((server) => server.connectClient('ioredis')))
  const others = await Promise.all(servers.map((server) => server.connectClient('node-redis')))
  let opened = 0
  await assertFulfils(t, async () => {
    const prefix = `contract ${++opened}`
    return await openBoth(
      shardedStore(clients.map((client) => redisStore(client, { prefix }))),
      shardedStore(others.map((client) => redisStore(client, { prefix })))
    )
  })
})

t.test('shardedStore() over three PostgreSQL servers fulfils the contract', { skip: skipPostgres }, async (t) => {
  const servers = await Promise.all(times(3, () => startPostgresStores(t)))
  const emptySchemas: string[] = []
  await assertFulfils(t, async () => {
    const schema = emptySchemas.pop() ?? servers.map(({ newSchema }) => newSchema())[0]!
    const opened = await openBoth(
      shardedStore(servers.map(({ pool }) => postgresStore(pool, { schema }))),
      shardedStore(servers.map(({ otherPool }) => postgresStore(otherPool, { schema })))
    )
    return {
      ...opened,
      async close() {
        await opened.close()
        const tables = ['auth_sessions', 'auth_subjects', 'auth_feed'].map((table) => `${schema}.${table}`)
        await Promise.all(servers.map(({ pool }) => pool.query(`TRUNCATE ${tables.join()} RESTART IDENTITY`)))
        emptySchemas.push(schema)
      }
    }
  })
})

t.test(
  'shardedStore() over SQLite, Redis and PostgreSQL together fulfils the contract',
  { skip: skipWithoutRedis.skip || skipPostgres },
  async (t) => {
    const { pool, newSchema } = await startPostgresStores(t)
    const { connectClient } = await serve(t)
    const client = await connectClient('ioredis')
    await assertFulfils(t, async () => {
      const schema = newSchema()
      const database = new DatabaseSync(':memory:')
      const opened = await openBoth(
        shardedStore({
          file: sqliteStore(database),
          redis: redisStore(client, { prefix: schema }),
          postgres: postgresStore(pool, { schema })
        })
      )
      return {
        ...opened,
        async close() {
          await opened.close()
          database.close()
        }
      }
    })
  }
)
