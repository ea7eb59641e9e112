import { EventEmitter, once } from 'node:events'
import { rename } from 'node:fs/promises'
import { Redis } from 'ioredis'
import type { Cluster } from 'ioredis'
import type { RedisClientType, RedisClusterType, RedisSentinelType } from 'redis'
import t from 'tap'
import { redisStore } from '../../plugin/stores/redis.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { skipWithoutRedis } from '../fixtures/redis-server.ts'
import { ending, hourMs, inserting, issuer, kinds, newSession, rotation, serve, user } from '../fixtures/redis-store.ts'

const retry = { generation: 1, retries: [], keepRetries: [], idleMs: hourMs, accessLifetimeSeconds: 600 }
const list = async (store: SessionStore) => (await store.list(user, { limit: 100 })).rows
const append = (store: SessionStore, ...ids: string[]) =>
  store.appendRevocations(
    ids.map((id) => ({ kind: 'token', id, until: 1e15 })),
    ending
  )

function createAlarm() {
  const bell = new EventEmitter()
  return {
    wake: () => {
      bell.emit('wake')
    },
    next: () => once(bell, 'wake', { signal: AbortSignal.timeout(5000) })
  }
}

const subscribers = async (admin: Redis) => String(await admin.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))

for (const kind of kinds) {
  t.test(`redisStore() over ${kind} survives SCRIPT FLUSH`, skipWithoutRedis, async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect(kind)
    const calls: (() => Promise<unknown>)[] = [
      () => store.insert(newSession(), inserting),
      () => store.find('session'),
      () => store.rotate('session', rotation),
      () => store.countRetry('session', retry),
      () => list(store),
      () => store.revoke('session', ending),
      () => store.revokeAll(user, ending),
      () => append(store, 'issuer jti'),
      () => store.readRevocations(null, 10),
      () => store.sweep()
    ]
    for (const call of calls) {
      await admin.script('FLUSH')
      await t.resolves(call())
    }
    await admin.config('RESETSTAT')
    await store.rotate('session', rotation)
    t.match(await admin.info('commandstats'), /cmdstat_evalsha:calls=1,/, 'rotate() is one round trip')
  })

  t.test(
    `subscribe() over ${kind} wakes without polling, again after its connection was lost, and not after close()`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      const [store, other] = [await connect(kind), await connect(kind)]
      const { wake, next } = createAlarm()
      t.equal(await subscribers(admin), '')
      await store.subscribe!(wake)
      t.match(await subscribers(admin), /^id=\d+ .* sub=1 /)
      const { cursor } = await store.readRevocations(null, 10)

      const woken = next()
      await append(other, 'first')
      await woken
      const { entries, cursor: after } = await store.readRevocations(cursor, 10)
      t.strictSame(entries, [{ kind: 'token', id: 'first', until: 1e15 }])

      const back = next()
      await admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB')
      // Published while nobody listens: its return is a reason to wake by itself.
      await append(other, 'missed')
      await back
      t.strictSame(
        (await store.readRevocations(after, 10)).entries.map(({ id }) => id),
        ['missed']
      )
      const wokenAgain = next()
      await append(other, 'third')
      await wokenAgain

      await store.close()
      // By the time the server has answered on another connection it may not have seen the end of this one.
      for (let tries = 0; tries < 100 && (await subscribers(admin)) !== ''; tries++);
      t.equal(await subscribers(admin), '', 'nothing is left of it')
      t.ok((await store.find('session')).storeTime, 'and the client given still works')
      await t.rejects(store.subscribe!(wake), { message: /closed/ })
    }
  )

  t.test(
    `subscribe() over ${kind} rejects while Redis is away, and wakes when it is back; close() ends its attempts`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect, path } = await serve(t)
      const [store, closing] = [await connect(kind, { callMs: 500 }), await connect(kind, { callMs: 500 })]
      await rename(path, `${path}.away`)
      const { wake, next } = createAlarm()
      const away = { message: /^Redis did not respond within 500 ms/ }
      await Promise.all([
        t.rejects(store.subscribe!(wake), away),
        t.rejects(
          closing.subscribe!(() => t.fail('woken after close()')),
          away
        )
      ])
      await closing.close()
      const back = next()
      await rename(`${path}.away`, path)
      await back
      await store.subscribe!(() => {})
      t.match(await subscribers(admin), /^id=.*\n$/, 'one connection, however often it is subscribed')
    }
  )

  t.test(
    `readRevocations() over ${kind} does not resume after FLUSHALL, nor from nonsense`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      const store = await connect(kind)
      await append(store, 'lost')
      const { cursor } = await store.readRevocations(null, 10)
      t.match(await store.readRevocations(cursor, 10), { resumed: true, entries: [] })
      await admin.flushall()
      t.match(await store.readRevocations(cursor, 10), { resumed: false, entries: [] })
      await append(store, 'with the same number')
      t.match(await store.readRevocations(cursor, 10), { resumed: false, entries: [{ id: 'with the same number' }] })
      for (const nonsense of ['', '.', '1', '1.', 'x.y', '-1.x', '-inf.', '0.x', '1e0.x', '(1.x', "1.' OR 1"]) {
        t.equal((await store.readRevocations(nonsense, 10)).resumed, false, nonsense)
      }
    }
  )

  t.test(
    `redisStore() over ${kind}: no call hangs while the server is killed and started again, and none is forgotten`,
    skipWithoutRedis,
    async (t) => {
      const { connect, kill, start } = await serve(t, '--appendonly', 'yes', '--appendfsync', 'always')
      const store = await connect(kind)
      await store.insert(newSession(), inserting)
      await store.insert(newSession({ id: 'ended' }), inserting)
      const { revoked: ended } = await store.revoke('ended', ending)

      const tally = { running: true, slowest: 0, answered: 0, failed: 0, applied: 0 }
      const untilAnswered = async (count: number) => {
        while (tally.answered < count) await store.find('session').catch(() => {})
      }
      async function keepCalling(call: (count: number) => Promise<unknown>): Promise<void> {
        for (let count = 0; tally.running; count++) {
          const startedAt = performance.now()
          await call(count).then(
            () => tally.answered++,
            () => tally.failed++
          )
          tally.slowest = Math.max(tally.slowest, performance.now() - startedAt)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const callers = Promise.all([
        keepCalling((count) => store.insert(newSession({ id: `${count}`, sub: 'other' }), inserting)),
        keepCalling(() => store.find('session')),
        keepCalling(async () => {
          const from = (await store.find('session')).row!.generation
          if ((await store.rotate('session', { ...rotation, from, to: from + 1 })).applied) tally.applied++
        }),
        keepCalling(() => store.countRetry('session', { ...retry, generation: -1 })),
        keepCalling(() => store.revoke('ended', ending)),
        keepCalling(() => store.revokeAll({ issuers: [issuer], sub: 'nobody' }, ending)),
        keepCalling(() => list(store)),
        keepCalling((count) => append(store, `${count}`)),
        keepCalling(() => store.readRevocations(null, 10)),
        keepCalling(() => store.sweep())
      ])
      await untilAnswered(100)
      await kill()
      await t.rejects(store.find('session'), 'while it is away')
      t.ok(tally.failed > 0)
      await start()
      await untilAnswered(tally.answered + 100)
      tally.running = false
      await callers

      t.ok(tally.slowest < 2500, `the slowest call took ${Math.round(tally.slowest)} ms`)
      const { row } = await store.find('session')
      t.ok(row!.generation >= tally.applied, 'no rotation that was told of is forgotten')
      t.strictSame((await store.revoke('ended', ending)).revoked, ended)
    }
  )
}

t.test('rotate() is applied once when 100 come together, from clients of both kinds', skipWithoutRedis, async (t) => {
  const { connect } = await serve(t)
  const stores = [
    await connect('ioredis'),
    await connect('node-redis'),
    await connect('ioredis'),
    await connect('node-redis')
  ]
  await stores[0]!.insert(newSession(), inserting)
  const writes = await Promise.all(
    Array.from({ length: 100 }, (_, index) => stores[index % 4]!.rotate('session', rotation))
  )
  t.equal(writes.filter(({ applied }) => applied).length, 1)
  for (const { row } of writes) t.strictSame(row, writes[0]!.row)
})

t.test(
  'redisStore() keeps stores with different prefixes apart, also where the client adds one',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect, path } = await serve(t)
    const prefixing = new Redis(path, { keyPrefix: 'app:' })
    t.teardown(() => prefixing.disconnect())
    const stores = [
      await connect('ioredis', { prefix: 'a' }),
      await connect('node-redis', { prefix: 'a:s' }),
      redisStore(prefixing, { prefix: 'a' })
    ]
    for (const store of stores) {
      await store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
      await append(store, 'token')
    }
    await stores[0]!.revokeAll(user, ending)
    for (const store of stores.slice(1)) {
      t.equal((await list(store)).length, 1)
      t.equal((await store.readRevocations(null, 10)).entries.length, 1)
    }
    const keys = (await admin.keys('*')).sort()
    t.ok(
      keys.every((key) => /^(app:\{a\}|\{a\}|\{a:s\}):/.test(key)),
      keys.join(' ')
    )
    const { wake, next } = createAlarm()
    await stores[2]!.subscribe!(wake)
    const woken = next()
    await stores[2]!.revoke('session', ending)
    await woken
    await stores[2]!.close()
  }
)

t.test('redisStore() keeps claims of any size, in any alphabet', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  for (const text of ['a', 'é', '語', '😀', '\ud800', '\u0000', '"']) {
    for (const length of [1, 63, 64, 65, 1000, 5000]) {
      const id = `${text.codePointAt(0)} ${length}`
      const claims = { text: `${'x'.repeat(length % 7)}${text.repeat(length)}` }
      await store.insert(newSession({ id, claims, device: text, scope: text }), inserting)
      t.strictSame((await store.find(id)).row!.claims, claims)
    }
  }
  await store.insert(
    newSession({ id: 'compact', device: 'Mozilla/5.0 '.repeat(16), claims: { name: '語'.repeat(300) } }),
    inserting
  )
  t.equal(await admin.object('ENCODING', '{auth}:scompact'), 'listpack')
})

t.test('redisStore() warns once unless the eviction policy is noeviction', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const warnings: (string | undefined)[] = []
  const hear = (warning: Error & { code?: string }) => {
    warnings.push(warning.code)
  }
  process.on('warning', hear)
  t.teardown(() => {
    process.off('warning', hear)
  })
  const store = await connect('ioredis', { prefix: 'a' })
  await store.find('session')
  await store.find('session')
  t.strictSame(warnings, [])
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const warned = once(process, 'warning')
  const evicting = await connect('node-redis', { prefix: 'b' })
  await evicting.find('session')
  t.match((await warned)[0], { message: /allkeys-lru/, code: 'FASTIFY_AUTHENTICATE_REDIS_EVICTION' })
  await evicting.find('session')
  await admin.acl('SETUSER', 'default', '-info')
  await (await connect('node-redis', { prefix: 'c' })).find('session')
  await admin.ping()
  t.strictSame(warnings, ['FASTIFY_AUTHENTICATE_REDIS_EVICTION'])
})

t.test(
  'redisStore() sends nothing later that it refused while there was no connection',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect, path } = await serve(t)
    const stores = [await connect('ioredis', { callMs: 500 }), await connect('node-redis', { callMs: 500 })]
    await stores[0]!.insert(newSession(), inserting)
    // So that Redis knows the script: one that it has forgotten is not sent again anyway.
    await stores[0]!.rotate('session', { ...rotation, from: 9 })
    await rename(path, `${path}.away`)
    await admin.call('CLIENT', 'KILL', 'TYPE', 'NORMAL')
    await Promise.all(stores.map((store) => t.rejects(store.find('session'), 'its connection is known to be lost')))
    await Promise.all(
      stores.map((store) =>
        t.rejects(store.rotate('session', rotation), { message: /^Redis did not respond within 500 ms/ })
      )
    )
    await rename(`${path}.away`, path)
    for (const store of stores) {
      let read = null
      while (read === null) read = await store.find('session').catch(() => null)
      t.equal(read.row!.generation, 0)
    }
  }
)

/**
 * Never called: what must compile. By the types' names, because `ReturnType<typeof createCluster>` takes the compiler
 * seconds.
 */
export function acceptEveryClient(
  ioredis: Cluster,
  client: RedisClientType,
  cluster: RedisClusterType,
  sentinel: RedisSentinelType
) {
  return [ioredis, client, cluster, sentinel].map((each) => redisStore(each))
}
