import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import t from 'tap'
import { redisStore } from '../../../plugin/stores/redis.ts'
import type { RedisClient } from '../../../plugin/stores/redis.ts'
import { createRedisStore } from '../../../plugin/stores/redis/store.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import { becomes } from '../../fixtures/fault-client.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { kinds, prepareError, serve } from '../../fixtures/redis-store.ts'
import { freePort } from '../../fixtures/free-port.ts'

t.test('prepare() rejects a client of node-redis that is not connected', async (t) => {
  const error = await prepareError(createClient() as RedisClient)
  t.ok(error instanceof UnusableStoreError)
  t.equal(error.message, 'The Redis client is not open: call client.connect() first')
})

t.test('prepare() rejects a client of ioredis that has ended', skipWithoutRedis, async (t) => {
  const { path } = await serve(t)
  const client = new Redis(`${path}.away`, { retryStrategy: () => null }).on('error', () => {})
  await new Promise<void>((resolve) => client.once('end', resolve))
  const error = await prepareError(client)
  t.ok(error instanceof UnusableStoreError)
  t.match(error.message, /retryStrategy gave up/)
})

t.test('prepare() connects a client of ioredis that has `lazyConnect`', skipWithoutRedis, async (t) => {
  const { path } = await serve(t)
  const client = new Redis(path, { lazyConnect: true })
  t.teardown(() => client.disconnect())
  t.ok(Number.isSafeInteger((await redisStore(client).prepare!()).storeTime))
})

for (const kind of kinds) {
  t.test(
    `prepare() with ${kind} resolves to the time of Redis, read again for each call`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      const store = await connect(kind)
      const first = await store.prepare!()
      while ((await store.find('x')).storeTime <= first.storeTime);
      t.ok((await store.prepare!()).storeTime > first.storeTime)
      t.strictSame(await admin.keys('*'), ['{auth}:version'])
      t.strictSame(await admin.hgetall('{auth}:version'), { version: '3', usableFrom: '2' })
    }
  )

  t.test(
    `prepare() with ${kind} gives up on a wrong or missing password after three tries`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open } = await serve(t)
      await admin.config('SET', 'requirepass', 'secret')
      for (const login of [{ password: 'wrong password' }, {}]) {
        const error = await prepareError(open(kind, login), { timeoutMs: 30_000 })
        t.ok(error instanceof UnusableStoreError)
        t.match(error.message, /^Redis refused the client's password 3 times: (WRONGPASS|NOAUTH) /)
        t.notMatch(error.message, /wrong password/)
      }
    }
  )

  t.test(`prepare() with ${kind} resolves if Redis learns the password a moment later`, skipWithoutRedis, async (t) => {
    const { admin, open } = await serve(t)
    const client = open(kind, { username: 'new', password: 'secret' })
    const refused = once(client as Redis, 'error')
    const prepared = redisStore(client).prepare!()
    await refused
    await admin.acl('SETUSER', 'new', 'on', '>secret', '~{auth}:*', '&{auth}:*', '+@all')
    await t.resolves(prepared)
  })

  t.test(
    `prepare() with ${kind} can be repeated while Redis is down, a replica or out of memory`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open, path } = await serve(t)
      const client = open(kind)
      const store = redisStore(client)
      const fails = async (message: RegExp, failing = store) => {
        const error = await failing.prepare!().then(
          () => null,
          (error: unknown) => error as Error
        )
        t.match(error, { message })
        t.notOk(error instanceof UnusableStoreError, String(error))
      }
      await admin.replicaof('127.0.0.1', '1')
      await fails(/^READONLY /)
      await admin.config('SET', 'replica-serve-stale-data', 'no')
      await fails(/^(MASTERDOWN|READONLY|Redis did not respond)/)
      await admin.replicaof('NO', 'ONE')
      await admin.config('SET', 'maxmemory', '1')
      await fails(/^OOM /)
      await admin.config('SET', 'maxmemory', '0')
      await t.resolves(store.prepare!())
      await rename(path, `${path}.away`)
      await admin.call('CLIENT', 'KILL', 'TYPE', 'NORMAL')
      const impatient = createRedisStore(client, { prefix: 'auth', timeoutMs: 100 })
      await fails(/^Redis did not respond within 100 ms|Socket closed|Connection is closed/, impatient)
      await rename(`${path}.away`, path)
    }
  )

  t.test(
    `a Redis that hangs receives a limited number of commands of ${kind}, however many calls are made`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect, stall, resume } = await serve(t)
      const store = await connect(kind, { timeoutMs: 1000, maxUnanswered: 3 })
      // Its response follows that of everything the start has sent.
      await store.find('session')
      await admin.config('RESETSTAT')
      await stall()
      const call = () =>
        store.find('session').then(
          () => 'resolved',
          ({ message }: Error) => message
        )
      const together = await Promise.all([call(), call(), call(), call(), call()])
      const late = 'Redis did not respond within 1000 ms'
      const tooMany = 'Redis has not responded to the last 3 commands'
      t.strictSame(together, [late, late, late, tooMany, tooMany])
      t.equal(await call(), tooMany, 'commands count after their callers have stopped waiting')
      await resume()
      t.match(await admin.info('commandstats'), /cmdstat_evalsha:calls=3,/, 'no other command was sent')
      t.ok(await becomes(async () => (await call()) === 'resolved'), 'they count until Redis has responded')
    }
  )
}

t.test('prepare() rejects a Redis Cluster and names the client it needs', skipWithoutRedis, async (t) => {
  const clusterPorts = async () => {
    const [port, busPort] = [await freePort(), await freePort()]
    return ['--cluster-enabled', 'yes', '--bind', '127.0.0.1', '--port', `${port}`, '--cluster-port', `${busPort}`]
  }
  const settings = await clusterPorts()
  const [node, other] = [await serve(t, ...settings), await serve(t, ...(await clusterPorts()))]
  const clients = kinds.map((kind) => node.open(kind))
  for (const client of clients) {
    const down = await prepareError(client)
    t.notOk(down instanceof UnusableStoreError, 'an incomplete cluster may become complete')
    t.match(down.message, /^CLUSTERDOWN /)
  }
  await other.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await other.admin.call('CLUSTER', 'MEET', '127.0.0.1', settings[5]!, settings[7]!)
  await becomes(async () => !(await prepareError(clients[0]!)).message.startsWith('CLUSTERDOWN'))
  for (const client of clients) {
    const error = await prepareError(client)
    t.ok(error instanceof UnusableStoreError, error.message)
    const advice = 'pass a client for clusters, made by new Cluster(…) or createCluster(…)'
    t.equal(error.message.startsWith(`This is a Redis Cluster: ${advice}. Redis: MOVED `), true, error.message)
  }
})
