import { EventEmitter, once } from 'node:events'
import { rename } from 'node:fs/promises'
import { Redis } from 'ioredis'
import type { Cluster } from 'ioredis'
import { createClient } from 'redis'
import type { createCluster, createSentinel } from 'redis'
import t from 'tap'
import { storeContract } from '../plugin/stores/contract.ts'
import { redisStore } from '../plugin/stores/redis.ts'
import type { RedisClient } from '../plugin/stores/redis.ts'
import type { NewSession, SessionStore } from '../plugin/stores/store.ts'
import { skipWithoutRedis, startRedis } from './fixtures/redis-server.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const ending = { lifetimeSeconds: 600 }
const inserting = { end: [], ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: hourMs }
const newSession = (given: Partial<NewSession> = {}): NewSession => ({
  id: 'session', sub: 'user', salt: 'salt', device: null, scope: null, claims: {}, accessLifetimeSeconds: 600, idleMs: hourMs, absoluteMs: dayMs, ...given
})

type Kind = 'ioredis' | 'node-redis'
const kinds: readonly Kind[] = ['ioredis', 'node-redis']

async function connectTo (path: string, kind: Kind) {
  // Losing the connection is part of the tests; unheard, it is an error of the process.
  const ignore = () => {}
  if (kind === 'ioredis') {
    const client = new Redis(path).on('error', ignore)
    await once(client, 'ready')
    return { client, end: () => client.disconnect() }
  }
  const client = createClient({ socket: { path, tls: false } }).on('error', ignore)
  await client.connect()
  return { client, end: () => client.destroy() }
}

/** A server for one test, and what is connected to it; all of it ends with the test. */
async function serve (t: { teardown (end: () => Promise<void>): void }, ...settings: string[]) {
  const server = await startRedis(...settings)
  const ends: (() => unknown)[] = []
  t.teardown(async () => {
    for (const end of ends) await end()
    await server.stop()
  })
  async function connectClient (kind: Kind) {
    const { client, end } = await connectTo(server.path, kind)
    ends.push(end)
    return client as RedisClient
  }
  return {
    ...server,
    connectClient,
    admin: await connectClient('ioredis') as Redis,
    async connect (kind: Kind, prefix?: string): Promise<SessionStore> {
      const store = redisStore(await connectClient(kind), { prefix })
      ends.unshift(() => store.close())
      return store
    }
  }
}

function createAlarm () {
  const bell = new EventEmitter()
  return { wake: () => { bell.emit('wake') }, next: () => once(bell, 'wake', { signal: AbortSignal.timeout(5000) }) }
}

const subscribers = async (admin: Redis) => String(await admin.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
const pexpiretime = async (admin: Redis, key: string) => Number(await admin.call('PEXPIRETIME', key))

for (const kind of kinds) {
  t.test(`redisStore() keeps the contract over ${kind}`, skipWithoutRedis, async (t) => {
    const { connectClient } = await serve(t)
    const [client, anotherClient] = [await connectClient(kind), await connectClient(kind)]
    let opened = 0
    const open = async () => {
      const prefix = `contract ${++opened}`
      const [store, another] = [redisStore(client, { prefix }), redisStore(anotherClient, { prefix })]
      return {
        store,
        another: async () => another,
        async close () { await Promise.all([store.close(), another.close()]) }
      }
    }
    for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
  })

  t.test(`redisStore() over ${kind} survives SCRIPT FLUSH`, skipWithoutRedis, async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect(kind)
    const calls: (() => Promise<unknown>)[] = [
      () => store.insert(newSession(), inserting),
      () => store.find('session'),
      () => store.rotate('session', rotation),
      () => store.countRetry('session', { generation: 1, retries: [], keep: [], idleMs: hourMs }),
      () => store.list('user'),
      () => store.revoke('session', ending),
      () => store.revokeAll('user', ending),
      () => store.feed([{ kind: 'token', id: 'issuer jti', until: 1e15 }]),
      () => store.readFeed(null, 10),
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

  t.test(`subscribe() over ${kind} wakes without polling, again after its connection was lost, and not after close()`, skipWithoutRedis, async (t) => {
    const { admin, connect } = await serve(t)
    const [store, other] = [await connect(kind), await connect(kind)]
    const { wake, next } = createAlarm()
    t.equal(await subscribers(admin), '')
    await store.subscribe!(wake)
    t.match(await subscribers(admin), /^id=\d+ .* sub=1 /)
    const { cursor } = await store.readFeed(null, 10)

    const woken = next()
    await other.feed([{ kind: 'token', id: 'first', until: 1e15 }])
    await woken
    const { entries, cursor: after } = await store.readFeed(cursor, 10)
    t.strictSame(entries, [{ kind: 'token', id: 'first', until: 1e15 }])

    const back = next()
    await admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB')
    // Published while nobody listens: its return is a reason to wake by itself.
    await other.feed([{ kind: 'token', id: 'missed', until: 1e15 }])
    await back
    t.strictSame((await store.readFeed(after, 10)).entries.map(({ id }) => id), ['missed'])
    const wokenAgain = next()
    await other.feed([{ kind: 'token', id: 'third', until: 1e15 }])
    await wokenAgain

    await store.close()
    // By the time the server has answered on another connection it may not have seen the end of this one.
    for (let tries = 0; tries < 100 && await subscribers(admin) !== ''; tries++);
    t.equal(await subscribers(admin), '', 'nothing is left of it')
    t.ok((await store.find('session')).now, 'and the client given still works')
    await t.rejects(store.subscribe!(wake), { message: /closed/ })
  })

  t.test(`subscribe() over ${kind} rejects while Redis is away, and wakes when it is back; close() ends its attempts`, skipWithoutRedis, async (t) => {
    const { admin, connect, path } = await serve(t)
    const [store, closing] = [await connect(kind), await connect(kind)]
    await rename(path, `${path}.away`)
    const { wake, next } = createAlarm()
    const away = { message: 'Redis did not answer within 1900 ms' }
    await Promise.all([t.rejects(store.subscribe!(wake), away), t.rejects(closing.subscribe!(() => t.fail('woken after close()')), away)])
    await closing.close()
    const back = next()
    await rename(`${path}.away`, path)
    await back
    await store.subscribe!(() => {})
    t.match(await subscribers(admin), /^id=.*\n$/, 'one connection, however often it is subscribed')
  })

  t.test(`readFeed() over ${kind} does not resume after FLUSHALL, nor from nonsense`, skipWithoutRedis, async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect(kind)
    await store.feed([{ kind: 'token', id: 'lost', until: 1e15 }])
    const { cursor } = await store.readFeed(null, 10)
    t.match(await store.readFeed(cursor, 10), { resumed: true, entries: [] })
    await admin.flushall()
    t.match(await store.readFeed(cursor, 10), { resumed: false, entries: [] })
    await store.feed([{ kind: 'token', id: 'with the same number', until: 1e15 }])
    t.match(await store.readFeed(cursor, 10), { resumed: false, entries: [{ id: 'with the same number' }] })
    for (const nonsense of ['', '.', '1', '1.', 'x.y', '-1.x', '-inf.', '0.x', '1e0.x', '(1.x', "1.' OR 1"]) {
      t.equal((await store.readFeed(nonsense, 10)).resumed, false, nonsense)
    }
  })

  t.test(`redisStore() over ${kind}: no call hangs while the server is killed and started again, and none is forgotten`, skipWithoutRedis, async (t) => {
    const { connect, kill, start } = await serve(t, '--appendonly', 'yes', '--appendfsync', 'always')
    const store = await connect(kind)
    await store.insert(newSession(), inserting)
    await store.insert(newSession({ id: 'ended' }), inserting)
    const ended = await store.revoke('ended', ending)

    const tally = { running: true, slowest: 0, answered: 0, failed: 0, applied: 0 }
    const untilAnswered = async (count: number) => { while (tally.answered < count) await store.find('session').catch(() => {}) }
    async function keepCalling (call: (count: number) => Promise<unknown>): Promise<void> {
      for (let count = 0; tally.running; count++) {
        const startedAt = performance.now()
        await call(count).then(() => tally.answered++, () => tally.failed++)
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
      keepCalling(() => store.countRetry('session', { generation: -1, retries: [], keep: [], idleMs: hourMs })),
      keepCalling(() => store.revoke('ended', ending)),
      keepCalling(() => store.revokeAll('nobody', ending)),
      keepCalling(() => store.list('user')),
      keepCalling((count) => store.feed([{ kind: 'token', id: `${count}`, until: 1e15 }])),
      keepCalling(() => store.readFeed(null, 10)),
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
    t.strictSame(await store.revoke('ended', ending), ended)
  })
}

t.test('rotate() is applied once when 100 come together, from clients of both kinds', skipWithoutRedis, async (t) => {
  const { connect } = await serve(t)
  const stores = [await connect('ioredis'), await connect('node-redis'), await connect('ioredis'), await connect('node-redis')]
  await stores[0]!.insert(newSession(), inserting)
  const writes = await Promise.all(Array.from({ length: 100 }, (_, index) => stores[index % 4]!.rotate('session', rotation)))
  t.equal(writes.filter(({ applied }) => applied).length, 1)
  for (const { row } of writes) t.strictSame(row, writes[0]!.row)
})

t.test('redisStore() gives every key the time at which it stops to matter', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const expiry = (key: string) => pexpiretime(admin, `{auth}:${key}`)
  const { row } = await store.insert(newSession(), inserting)
  t.equal(await expiry('ssession'), row!.idleExpiresAt)
  t.equal(await expiry('u:user'), row!.idleExpiresAt)
  const { row: rotated } = await store.rotate('session', { ...rotation, idleMs: 2 * hourMs })
  t.equal(await expiry('ssession'), rotated!.idleExpiresAt)
  t.equal(await expiry('u:user'), rotated!.idleExpiresAt)
  const { row: counted } = await store.countRetry('session', { generation: 1, retries: [], keep: [], idleMs: 48 * hourMs })
  t.equal(counted!.idleExpiresAt, row!.absoluteExpiresAt)
  t.equal(await expiry('ssession'), row!.absoluteExpiresAt)
  const second = await store.insert(newSession({ id: 'short', idleMs: 1000 }), inserting)
  t.equal(await expiry('sshort'), second.row!.idleExpiresAt)
  t.equal(await expiry('u:user'), row!.absoluteExpiresAt, 'the index lives as long as the longest of them')

  // Its answer has to be there for longer than the session would have been.
  const ended = await store.revoke('short', ending)
  t.equal(await expiry('sshort'), ended!.until)
  t.ok(ended!.until > second.row!.idleExpiresAt)
  await store.revokeAll('user', ending)
  const at = Number(await admin.get('{auth}:a:user'))
  t.equal((await store.find('session')).row!.revokedAt, at)
  t.equal(await expiry('a:user'), at + dayMs)
  t.equal(await admin.exists('{auth}:u:user'), 0, 'no live session, no index')
  t.match(await admin.keys('*'), { length: 6 })
})

t.test('list() and insert() drop from the index what is gone', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('node-redis')
  await store.insert(newSession(), inserting)
  await admin.zadd('{auth}:u:user', '1', 'expired')
  await store.insert(newSession({ id: 'second' }), inserting)
  t.strictSame((await admin.zrange('{auth}:u:user', '0', '-1')).sort(), ['second', 'session'], 'in the order of expiry, which may be one')
  await admin.del('{auth}:ssecond')
  await admin.zadd('{auth}:u:user', '1', 'expired')
  t.strictSame((await store.list('user')).map(({ id }) => id), ['session'])
  t.strictSame(await admin.zrange('{auth}:u:user', '0', '-1'), ['session'])
})

t.test('sweep() removes feed entries that no longer matter, but never the newest', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const old = Array.from({ length: 2500 }, (_, index) => ({ kind: 'token', id: `${index}`, until: 1000 + index }) as const)
  await store.feed([...old, { kind: 'token', id: 'live', until: 1e15 }, { kind: 'token', id: 'newest', until: 1 }])
  const { cursor } = await store.readFeed(null, 10_000).then(() => store.readFeed(null, 1))
  await store.sweep()
  const { entries } = await store.readFeed(null, 10)
  t.strictSame(entries.map(({ id }) => id), ['live', 'newest'])
  t.equal((await store.readFeed(cursor, 10)).resumed, false)
  t.strictSame(await Promise.all([admin.zcard('{auth}:f'), admin.zcard('{auth}:fu'), admin.hlen('{auth}:fm')]), [2, 2, 2])
})

t.test('redisStore() keeps stores with different prefixes apart, also where the client adds one', skipWithoutRedis, async (t) => {
  const { admin, connect, path } = await serve(t)
  const prefixing = new Redis(path, { keyPrefix: 'app:' })
  t.teardown(() => prefixing.disconnect())
  const stores = [await connect('ioredis', 'a'), await connect('node-redis', 'a:s'), redisStore(prefixing, { prefix: 'a' })]
  for (const store of stores) {
    await store.insert(newSession(), { ...inserting, authenticatedAt: 0 })
    await store.feed([{ kind: 'token', id: 'token', until: 1e15 }])
  }
  await stores[0]!.revokeAll('user', ending)
  for (const store of stores.slice(1)) {
    t.equal((await store.list('user')).length, 1)
    t.equal((await store.readFeed(null, 10)).entries.length, 1)
  }
  const keys = (await admin.keys('*')).sort()
  t.ok(keys.every((key) => /^(app:\{a\}|\{a\}|\{a:s\}):/.test(key)), keys.join(' '))
  const { wake, next } = createAlarm()
  await stores[2]!.subscribe!(wake)
  const woken = next()
  await stores[2]!.revoke('session', ending)
  await woken
  await stores[2]!.close()
})

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
  await store.insert(newSession({ id: 'compact', device: 'Mozilla/5.0 '.repeat(16), claims: { name: '語'.repeat(300) } }), inserting)
  t.equal(await admin.object('ENCODING', '{auth}:scompact'), 'listpack')
})

t.test('redisStore() refuses a prefix that takes keys apart', (t) => {
  for (const prefix of ['', 'a}', '{', '{a}', 1]) {
    t.throws(() => redisStore({} as RedisClient, { prefix: prefix as string }), { name: 'TypeError', message: /"prefix"/ })
  }
  t.end()
})

t.test('redisStore() warns once unless the eviction policy is noeviction', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const warnings: (string | undefined)[] = []
  const hear = (warning: Error & { code?: string }) => { warnings.push(warning.code) }
  process.on('warning', hear)
  t.teardown(() => { process.off('warning', hear) })
  const store = await connect('ioredis', 'a')
  await store.find('session')
  await store.find('session')
  t.strictSame(warnings, [])
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const warned = once(process, 'warning')
  const evicting = await connect('node-redis', 'b')
  await evicting.find('session')
  t.match((await warned)[0], { message: /allkeys-lru/, code: 'FASTIFY_AUTHENTICATE_REDIS_EVICTION' })
  await evicting.find('session')
  await admin.acl('SETUSER', 'default', '-info')
  await (await connect('node-redis', 'c')).find('session')
  await admin.ping()
  t.strictSame(warnings, ['FASTIFY_AUTHENTICATE_REDIS_EVICTION'])
})

t.test('redisStore() revokes where publishing is forbidden', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  await admin.acl('SETUSER', 'default', 'resetchannels')
  const store = await connect('node-redis')
  await store.insert(newSession(), inserting)
  t.equal((await store.revoke('session', ending))?.id, 'session')
  t.equal((await store.readFeed(null, 10)).entries.length, 1)
})

t.test('redisStore() sends nothing later that it refused while there was no connection', skipWithoutRedis, async (t) => {
  const { admin, connect, path } = await serve(t)
  const stores = [await connect('ioredis'), await connect('node-redis')]
  await stores[0]!.insert(newSession(), inserting)
  // So that Redis knows the script: one that it has forgotten is not sent again anyway.
  await stores[0]!.rotate('session', { ...rotation, from: 9 })
  await rename(path, `${path}.away`)
  await admin.call('CLIENT', 'KILL', 'TYPE', 'NORMAL')
  await Promise.all(stores.map((store) => t.rejects(store.find('session'), 'its connection is known to be lost')))
  await Promise.all(stores.map((store) => t.rejects(store.rotate('session', rotation), { message: 'Redis did not answer within 1900 ms' })))
  await rename(`${path}.away`, path)
  for (const store of stores) {
    let read = null
    while (read === null) read = await store.find('session').catch(() => null)
    t.equal(read.row!.generation, 0)
  }
})

/** Never called: what must compile. */
export function acceptEveryClient (cluster: Cluster, nodes: ReturnType<typeof createCluster>, sentinel: ReturnType<typeof createSentinel>) {
  return [cluster, nodes, sentinel].map((client) => redisStore(client))
}
