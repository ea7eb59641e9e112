import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import t from 'tap'
import { redisStore } from '../../../plugin/stores/redis.ts'
import type { RedisClient } from '../../../plugin/stores/redis.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import { becomes } from '../../fixtures/fault-client.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import {
  ending,
  hourMs,
  inserting,
  kinds,
  newSession,
  retry,
  rotation,
  serve,
  user
} from '../../fixtures/redis-store.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** What `prepare()` rejects with. */
async function failure(client: RedisClient, timing = {}): Promise<Error> {
  try {
    await redisStore(client, { callMs: 1500, retryMs: 10, ...timing }).prepare!()
  } catch (error) {
    return error as Error
  }
  throw new Error('prepare() resolved')
}

t.test('redisStore() rejects what is not a client, and says what to pass', async (t) => {
  const received: [client: unknown, what: string][] = [
    ['redis://localhost', 'a string'],
    [{}, 'a plain object'],
    [{ url: 'redis://localhost' }, 'a plain object'],
    [undefined, 'undefined'],
    [null, 'null'],
    [new Map(), 'a Map'],
    [Redis, 'a function'],
    [[], 'a Array']
  ]
  for (const [client, what] of received) {
    t.throws(() => redisStore(client as RedisClient), {
      name: 'TypeError',
      message: `redisStore() needs a client of ioredis or node-redis, made by new Redis(…) or createClient(…): received ${what}`
    })
  }
})

t.test('redisStore() rejects a prefix that takes keys apart', async (t) => {
  for (const prefix of ['', 'a}', '{', '{a}', 1]) {
    t.throws(() => redisStore(createClient() as RedisClient, { prefix: prefix as string }), {
      name: 'TypeError',
      message: /"prefix"/
    })
  }
})

t.test('prepare() says that a client of node-redis has to be connected first', async (t) => {
  const error = await failure(createClient() as RedisClient)
  t.ok(error instanceof UnusableStoreError)
  t.equal(error.message, 'The Redis client is not open: call client.connect() first')
})

t.test('prepare() says that a client of ioredis has ended', skipWithoutRedis, async (t) => {
  const { path } = await serve(t)
  const client = new Redis(`${path}.away`, { retryStrategy: () => null }).on('error', () => {})
  await new Promise<void>((resolve) => client.once('end', resolve))
  const error = await failure(client)
  t.ok(error instanceof UnusableStoreError)
  t.match(error.message, /retryStrategy gave up/)
})

t.test('prepare() connects a client of ioredis that waits to be used (lazyConnect)', skipWithoutRedis, async (t) => {
  const { path } = await serve(t)
  const client = new Redis(path, { lazyConnect: true })
  t.teardown(() => client.disconnect())
  t.ok(Number.isSafeInteger((await redisStore(client).prepare!()).storeTime))
})

for (const kind of kinds) {
  t.test(
    `prepare() over ${kind} resolves to the time of Redis, which is asked again each time`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      const store = await connect(kind)
      const first = await store.prepare!()
      while ((await store.find('x')).storeTime <= first.storeTime);
      t.ok((await store.prepare!()).storeTime > first.storeTime)
      t.strictSame(await admin.keys('*'), ['{auth}:version'])
      t.strictSame(await admin.hgetall('{auth}:version'), { version: '2', usableFrom: '2' })
    }
  )

  t.test(
    `prepare() over ${kind} gives up on a wrong or missing password after three tries`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open } = await serve(t)
      const clients = async () => {
        await admin.config('SET', 'requirepass', 'secret')
        return [open(kind, { password: 'wrong password' }), open(kind)]
      }
      for (const client of await clients()) {
        const error = await failure(client)
        t.ok(error instanceof UnusableStoreError)
        t.match(error.message, /^Redis refused the client's password 3 times: (WRONGPASS|NOAUTH) /)
        t.notMatch(error.message, /wrong password/)
      }
    }
  )

  t.test(
    `a password that is known to Redis a moment later does not stop prepare() over ${kind}`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open } = await serve(t)
      const client = open(kind, { username: 'new', password: 'secret' })
      const refused = once(client as Redis, 'error')
      const prepared = redisStore(client).prepare!()
      await refused
      await admin.acl('SETUSER', 'new', 'on', '>secret', '~{auth}:*', '&{auth}:*', '+@all')
      await t.resolves(prepared)
    }
  )

  t.test(
    `prepare() over ${kind} rejects where the user has not the rights, with the reason of Redis`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open } = await serve(t)
      const limits = [
        ['~other:*', '+@all'],
        ['~{auth}:*', '+@all', '-zadd'],
        ['~{auth}:*', '+@all', '-evalsha', '-eval'],
        ['%R~{auth}:*', '+@all'],
        ['~{auth}:*', '+@read']
      ]
      for (const [index, limit] of limits.entries()) {
        await admin.acl('SETUSER', `limited${index}`, 'on', '>p', ...limit)
        const error = await failure(open(kind, { username: `limited${index}`, password: 'p' }))
        t.ok(error instanceof UnusableStoreError, limit.join(' '))
        t.match(
          error.message,
          /^Redis does not give this user the rights .* Redis: (NOPERM|ERR The user executing the script can't) /,
          limit.join(' ')
        )
      }
    }
  )

  t.test(`redisStore() over ${kind} needs no other keys and channels than {auth}:*`, skipWithoutRedis, async (t) => {
    const { admin, connect } = await serve(t)
    await admin.acl('SETUSER', 'app', 'on', '>p', '~{auth}:*', '&{auth}:*', '+@all', '-@dangerous', '-@admin')
    const store = await connect(kind, { login: { username: 'app', password: 'p' } })
    await store.prepare!()
    await store.subscribe!(() => {})
    const id = 'other'
    await store.insert(newSession(), inserting)
    await store.insert(newSession({ id }), {
      ...inserting,
      issuers: ['', ...inserting.issuers],
      revoke: ['x'],
      maxSessions: 5,
      authenticatedAge: () => 0
    })
    await store.find(id)
    await store.rotate(id, rotation)
    await store.countRetry(id, { ...retry, generation: 1 })
    await store.countRepeat(id, { generation: 1, repeated: 0, streak: 1 })
    await store.list(user, { limit: 10 })
    await store.revokeAll(user, { except: id, ...ending })
    await store.trim(user, { maxSessions: 1, ...ending })
    await store.insert(newSession({ id: 'third' }), { ...inserting, revokeOthers: true })
    await store.revoke('third', ending)
    await store.appendRevocations(
      [
        { kind: 'token', id, until: 1 },
        { kind: 'session', id, until: 1e15 }
      ],
      ending
    )
    await store.readRevocations(null, 10)
    await store.sweep()
    const denied = (await admin.call('ACL', 'LOG')) as unknown[]
    t.ok(
      denied.every((entry) => String(entry).includes('info')),
      'only the question for the eviction policy was denied'
    )
    t.ok((await admin.keys('*')).every((key) => key.startsWith('{auth}:')))
  })

  t.test(
    `subscribe() over ${kind} rejects where push is forbidden, and the store works without it`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      await admin.acl('SETUSER', 'mute', 'on', '>p', '~*', 'resetchannels', '+@all')
      const store = await connect(kind, { login: { username: 'mute', password: 'p' } })
      await store.prepare!()
      await t.rejects(
        store.subscribe!(() => {}),
        { message: /NOPERM|channel/ }
      )
      await store.insert(newSession(), inserting)
      t.equal((await store.revoke('session', ending)).revoked?.id, 'session')
      t.equal((await store.readRevocations(null, 10)).entries.length, 1)
      await admin.acl('SETUSER', 'mute', '&{auth}:*')
      await t.resolves(
        store.subscribe!(() => {}),
        'allowed later'
      )
    }
  )

  t.test(
    `prepare() over ${kind} rejects a Redis Cluster, and says which client it takes`,
    skipWithoutRedis,
    async (t) => {
      const clusterPorts = async () => [
        '--cluster-enabled',
        'yes',
        '--bind',
        '127.0.0.1',
        '--port',
        `${await freePort()}`,
        '--cluster-port',
        `${await freePort()}`
      ]
      const settings = await clusterPorts()
      const [node, other] = [await serve(t, ...settings), await serve(t, ...(await clusterPorts()))]
      const client = node.open(kind)
      const down = await failure(client)
      t.notOk(down instanceof UnusableStoreError, 'a cluster that is not complete yet may become so')
      t.match(down.message, /^CLUSTERDOWN /)
      await other.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
      await other.admin.call('CLUSTER', 'MEET', '127.0.0.1', settings[5]!, settings[7]!)
      let error = down
      await becomes(async () => {
        error = await failure(client)
        return !error.message.startsWith('CLUSTERDOWN')
      })
      t.ok(error instanceof UnusableStoreError, error.message)
      t.match(
        error.message,
        /^This is a Redis Cluster: pass a client for clusters, made by new Cluster\(…\) or createCluster\(…\)\. Redis: MOVED /
      )
    }
  )

  t.test(
    `prepare() over ${kind} can be repeated while Redis is away, starting, a replica or out of memory`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open, path } = await serve(t)
      const client = open(kind)
      const store = redisStore(client, { callMs: 1000 })
      const passing = async (message: RegExp) => {
        const error = await store.prepare!().then(
          () => null,
          (error: unknown) => error as Error
        )
        t.match(error, { message })
        t.notOk(error instanceof UnusableStoreError, String(error))
      }
      await admin.replicaof('127.0.0.1', '1')
      await passing(/^READONLY /)
      await admin.config('SET', 'replica-serve-stale-data', 'no')
      await passing(/^(MASTERDOWN|READONLY|Redis did not respond)/)
      await admin.replicaof('NO', 'ONE')
      await admin.config('SET', 'maxmemory', '1')
      await passing(/^OOM /)
      await admin.config('SET', 'maxmemory', '0')
      await t.resolves(store.prepare!())
      await rename(path, `${path}.away`)
      await admin.call('CLIENT', 'KILL', 'TYPE', 'NORMAL')
      await passing(/^Redis did not respond within 1000 ms|Socket closed|Connection is closed/)
      await rename(`${path}.away`, path)
    }
  )

  t.test(
    `prepare() over ${kind} stops code that is older than the schema, and nothing else`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open } = await serve(t)
      const client = open(kind)
      await admin.hset('{auth}:version', { version: 4, usableFrom: 2 })
      await t.resolves(redisStore(client).prepare!(), 'a newer schema that this code may use')
      t.equal(await admin.hget('{auth}:version', 'version'), '4')
      await admin.hset('{auth}:version', { version: 4, usableFrom: 3 })
      const store = redisStore(client)
      const newer = {
        name: 'UnusableStoreError',
        message:
          'The data under {auth}:* has schema version 4 and can be used from version 3 on: this code has version 2. ' +
          'Install a later fastify-authenticate, or pass another "prefix"'
      }
      await t.rejects(store.prepare!(), newer)
      await t.rejects(store.insert(newSession(), inserting), newer, 'nor without prepare()')
      t.strictSame(await admin.keys('*'), ['{auth}:version'])
    }
  )
}

t.test('prepare() rejects where something else has the keys of the store', skipWithoutRedis, async (t) => {
  const { admin, open } = await serve(t)
  await admin.set('{auth}:version', 'mine')
  const error = await failure(open('ioredis'))
  t.ok(error instanceof UnusableStoreError)
  t.match(error.message, /pass another "prefix"\. Redis: WRONGTYPE /)
})

t.test('a store works on what version 1 of the schema left', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const { storeTime: now } = await store.prepare!()
  const pieces = JSON.stringify(['sessionKey', null, null, {}])
  const both = { ...inserting, issuers: ['https://issuer.example', ''] }
  const subject = { issuers: both.issuers, sub: 'user' }
  async function insertOld(id: string, rotatedAt: number): Promise<void> {
    const idle = now + hourMs
    await admin.hset(`{auth}:s${id}`, {
      s: 'user',
      g: 0,
      c: rotatedAt,
      r: rotatedAt,
      i: idle,
      a: idle,
      t: 600,
      0: pieces
    })
    await admin.pexpireat(`{auth}:s${id}`, idle)
    await admin.zadd('{auth}:u:user', idle, id)
    await admin.pexpireat('{auth}:u:user', idle)
  }
  for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) await insertOld(id, now - 1000 + index)
  await insertOld('revoked', now)
  await admin.hset('{auth}:srevoked', { v: now, u: now + hourMs })
  await admin.zrem('{auth}:u:user', 'revoked')
  await admin.set('{auth}:a:user', now - 5000)

  const row = {
    id: 'a',
    issuer: '',
    sub: 'user',
    repeatedGeneration: null,
    repeatStreak: 0,
    revokedAt: null,
    generation: 0
  }
  t.match((await store.find('a')).row, row)
  t.equal((await store.find('revoked')).row?.revokedAt, now)
  t.match(await store.rotate('a', rotation), { applied: true, row: { ...row, generation: 1 } })
  t.strictSame(
    (await store.list(subject, { limit: 10 })).rows.map(({ id }) => id),
    ['a', 'b', 'c', 'd']
  )
  t.equal(await admin.exists('{auth}:u:user'), 0, 'the index is taken over')
  const refused = await store.insert(newSession({ id: 'new' }), { ...both, authenticatedAge: () => 3_600_000 })
  t.equal(refused.row, null, 'as is the time of the last revokeAll()')
  const full = await store.insert(newSession({ id: 'new' }), { ...both, maxSessions: 4 })
  t.strictSame(full.row !== null && full.evicted.map(({ id }) => id), ['b'], 'the least recently rotated of them')

  await insertOld('e', now)
  await insertOld('f', now)
  const { revoked, more } = await store.revokeAll(subject, { except: 'e', ...ending })
  t.strictSame([revoked.map(({ id }) => id).sort(), more], [['a', 'c', 'd', 'f', 'new'], false])
  t.strictSame(
    (await store.list(subject, { limit: 10 })).rows.map(({ id }) => id),
    ['e']
  )
  t.equal((await store.rotate('e', rotation)).applied, true)
})

t.test(
  'an index of version 1 that is too long for one step takes effect in one, and is logged in batches',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect('ioredis')
    const { storeTime: now } = await store.prepare!()
    const idle = now + hourMs
    await admin.eval(
      `
    for id = 1, 5000 do
      redis.call('HSET', KEYS[1] .. 's' .. id, 's', 'user', 'g', 0, 'c', id, 'r', id, 'i', ARGV[1], 'a', ARGV[1], 't', 600, '0', ARGV[2])
      redis.call('PEXPIREAT', KEYS[1] .. 's' .. id, ARGV[1])
      redis.call('ZADD', KEYS[1] .. 'u:user', ARGV[1], id)
    end`,
      1,
      '{auth}:',
      idle,
      JSON.stringify(['sessionKey', null, null, {}])
    )
    const subject = { issuers: ['', 'https://issuer.example'], sub: 'user' }
    const trimmed = await store.trim(subject, { maxSessions: 100, ...ending })
    t.strictSame([trimmed.revoked.length, trimmed.more], [1000, true])
    const first = await store.revokeAll(subject, ending)
    t.strictSame([first.revoked.length, first.more], [1000, true])
    t.strictSame((await store.list(subject, { limit: 10 })).rows, [])
    let [left, more] = [0, true]
    while (more) {
      const batch = await store.trim(subject, { maxSessions: 100, ...ending })
      left += batch.revoked.length
      more = batch.more
    }
    t.equal(left, 3000)
    t.strictSame(await admin.keys('{auth}:[ubx]*'), [])
  }
)

/** Never called: what must compile. */
export function acceptCluster(cluster: Cluster) {
  return redisStore(cluster)
}
