import type { Redis } from 'ioredis'
import t from 'tap'
import { redisStore } from '../../../plugin/stores/redis.ts'
import { maxBatch } from '../../../plugin/stores/session-store.ts'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import {
  dayMs,
  ending,
  hourMs,
  inserting,
  issuer,
  newSession,
  rotation,
  serve,
  user
} from '../../fixtures/redis-store.ts'

const retry = { generation: 1, retries: [], keepRetries: [], idleMs: hourMs, accessLifetimeSeconds: 600 }
const idsOf = (items: readonly { id: string }[]) => items.map(({ id }) => id)
const list = async (store: SessionStore, limit = 100) => (await store.list(user, { limit })).rows
const append = (store: SessionStore, ...ids: string[]) =>
  store.appendRevocations(
    ids.map((id) => ({ kind: 'token', id, until: 1e15 })),
    ending
  )
const pexpiretime = async (admin: Redis, key: string) => Number(await admin.call('PEXPIRETIME', key))
const owner = `${issuer.length}:${issuer}:user`

t.test('redisStore() gives every key the time at which it stops to matter', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const expiry = (key: string) => pexpiretime(admin, `{auth}:${key}`)
  const { row } = await store.insert(newSession(), inserting)
  t.equal(await expiry('ssession'), row!.idleExpiresAt)
  t.equal(await expiry(`x${owner}`), row!.idleExpiresAt)
  const { row: rotated } = await store.rotate('session', { ...rotation, idleMs: 2 * hourMs })
  t.equal(await expiry('ssession'), rotated!.idleExpiresAt)
  t.equal(await expiry(`x${owner}`), rotated!.idleExpiresAt)
  const { row: counted } = await store.countRetry('session', { ...retry, idleMs: 48 * hourMs })
  t.equal(counted!.idleExpiresAt, row!.absoluteExpiresAt)
  t.equal(await expiry('ssession'), row!.absoluteExpiresAt)
  const second = await store.insert(newSession({ id: 'short', idleMs: 1000 }), inserting)
  t.equal(await expiry('sshort'), second.row!.idleExpiresAt)
  t.equal(await expiry(`x${owner}`), row!.absoluteExpiresAt, 'the index lives as long as the longest of them')

  // Its result has to be there for longer than the session would have been.
  const { revoked } = await store.revoke('short', ending)
  t.equal(await expiry('sshort'), revoked!.until)
  t.ok(revoked!.until > second.row!.idleExpiresAt)
  const { storeTime } = await store.revokeAll(user, ending)
  t.equal((await store.find('session')).row!.revokedAt, storeTime)
  t.equal(await expiry('ssession'), storeTime + 660_000, 'a batch of revokeAll() keeps its rows as revoke() does')
  t.ok((await expiry(`k${owner}`)) >= storeTime + dayMs)
  t.strictSame(
    (await admin.keys('*')).sort(),
    ['f', 'fm', 'fu', `k${owner}`, 'ssession', 'sshort', 'version'].map((key) => `{auth}:${key}`)
  )
})

t.test("a subject's counter outlives every row that carries it or is behind it", skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const expiry = (key: string) => pexpiretime(admin, `{auth}:${key}`)
  const long = (id: string, idleDays: number) =>
    store.insert(newSession({ id, idleMs: idleDays * dayMs, absoluteMs: 90 * dayMs }), inserting)
  await long('behind', 14)
  await long('spared', 20)
  await store.revokeAll(user, { except: 'spared', ...ending })
  t.ok((await expiry(`k${owner}`)) > (await expiry('sspared')))
  await long('later', 30)
  t.ok((await expiry(`k${owner}`)) > (await expiry('slater')))
  await store.rotate('later', { ...rotation, idleMs: 40 * dayMs })
  t.ok((await expiry(`k${owner}`)) > (await expiry('slater')))
  await store.countRetry('spared', { ...retry, generation: 0, idleMs: 50 * dayMs })
  t.ok((await expiry(`k${owner}`)) > (await expiry('sspared')))
})

t.test(
  "redisStore() puts a subject's sessions aside in one step, and logs them batch by batch",
  skipWithoutRedis,
  async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect('ioredis')
    const count = 2 * maxBatch + 500
    const many = { ...inserting, maxSessions: 1e9 }
    for (let start = 0; start < count; start += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, index) => store.insert(newSession({ id: `${start + index}` }), many))
      )
    }
    await admin.config('RESETSTAT')
    const rows = await list(store)
    t.strictSame([rows.length, rows.at(-1)!.id], [100, `${count - 1}`])
    t.match(await admin.info('commandstats'), /cmdstat_hgetall:calls=100,/, 'it reads no more than it returns')

    const first = await store.revokeAll(user, { except: '7', ...ending })
    t.strictSame([first.revoked.length, first.more], [maxBatch, true])
    await admin.config('RESETSTAT')
    t.strictSame(idsOf(await list(store)), ['7'])
    t.match(await admin.info('commandstats'), /cmdstat_hgetall:calls=1,/, 'nothing of what was revoked is looked at')
    const later = await store.insert(newSession({ id: 'later' }), { ...inserting, maxSessions: 2 })
    t.strictSame(later.row !== null && later.evicted, [])

    const again = await store.revokeAll(user, { except: 'later', ...ending })
    t.strictSame([again.revoked.length, again.more], [maxBatch, true])
    const trimmed = await store.trim(user, { maxSessions: 100, ...ending })
    t.strictSame([trimmed.revoked.length, trimmed.more], [500, false])
    const revoked = [...first.revoked, ...again.revoked, ...trimmed.revoked]
    t.equal(new Set(idsOf(revoked)).size, count)
    for (const { id, until } of revoked.slice(-3)) t.equal(await pexpiretime(admin, `{auth}:s${id}`), until)
    t.strictSame(await admin.keys('{auth}:[bx]*'), [`{auth}:x${owner}`])
    t.strictSame(idsOf(await list(store)), ['later'])
  }
)

t.test(
  'insert() evicts by the time of rotation, then by that of the start, to the millisecond',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect('ioredis')
    const { row } = await store.insert(newSession({ id: 'z' }), inserting)
    for (const id of ['b', 'c', 'a']) await store.insert(newSession({ id }), inserting)
    // As if all four had been rotated within one millisecond, in the order z, b, c, a, and started in the order c, a, b, z.
    const rotatedAt = row!.rotatedAt
    for (const [id, createdAt, micros] of [
      ['z', 4, 0],
      ['b', 3, 1],
      ['c', 1, 2],
      ['a', 2, 3]
    ] as const) {
      await admin.hset(`{auth}:s${id}`, 'r', rotatedAt, 'c', createdAt)
      await admin.zadd(`{auth}:x${owner}`, -rotatedAt * 1000 - micros, `${id}\0`)
    }
    const evictedBy = async (id: string) => {
      const result = await store.insert(newSession({ id }), { ...inserting, maxSessions: 4 })
      return result.row !== null && idsOf(result.evicted)
    }
    for (const [index, evicted] of ['c', 'a', 'b', 'z'].entries()) {
      t.strictSame(await evictedBy(`new ${index}`), [evicted])
    }
  }
)

t.test('list() and insert() drop from the index what is gone, and do not count it', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('node-redis')
  const index = `{auth}:x${owner}`
  const expire = async (...ids: string[]) => {
    await admin.zadd(index, ...ids.flatMap((id) => ['1', id, '-1', `${id}\0`]))
  }
  await store.insert(newSession(), inserting)
  await expire('a', 'b', 'c')
  const second = await store.insert(newSession({ id: 'second' }), { ...inserting, maxSessions: 2 })
  t.strictSame(second.row !== null && second.evicted, [])
  t.strictSame((await admin.zrange(index, '0', '-1')).sort(), ['second', 'second\0', 'session', 'session\0'])
  await expire(...Array.from({ length: 3000 }, (_, index) => `${index}`))
  t.strictSame(idsOf(await list(store, 1)), ['second'])
  t.equal(await admin.zcard(index), 4)
})

t.test(
  'insert() is refused where revokeAll() came while it was on its way, however long Redis was busy',
  skipWithoutRedis,
  async (t) => {
    const { connect, connectClient } = await serve(t)
    const client = (await connectClient('ioredis')) as Redis
    const other = await connect('ioredis')
    let asked = false
    /** Sends what comes after the question for the age only after a revokeAll(), and some more milliseconds. */
    async function call(command: string, args: string[]): Promise<unknown> {
      if (asked) {
        const { storeTime } = await other.revokeAll(user, ending)
        while ((await other.find('x')).storeTime < storeTime + 5);
      }
      return await client.call(command, args)
    }
    const delayed = new Proxy(client, {
      get: (target, name) => (name === 'call' ? call : (Reflect.get(target, name) as unknown))
    })
    const authenticatedAge = () => {
      asked = true
      return 0
    }
    t.equal((await redisStore(delayed).insert(newSession(), { ...inserting, authenticatedAge })).row, null)
  }
)

t.test(
  'insert() sets a revokeAll() time that lies ahead of the clock back to now, and is refused that once',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect('ioredis')
    const { storeTime } = await store.revokeAll(user, ending)
    await admin.hset(`{auth}:k${owner}`, 't', storeTime + hourMs)
    const insert = () => store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
    const refused = await insert()
    t.equal(refused.row, null)
    t.equal(Number(await admin.hget(`{auth}:k${owner}`, 't')), refused.storeTime)
    while ((await store.find('x')).storeTime <= refused.storeTime);
    t.equal((await insert()).row?.id, 'session')
  }
)

t.test('appendRevocations() takes 100,000 entries in batches, each in one script', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const entries = Array.from(
    { length: 100_000 },
    (_, index) => ({ kind: 'token', id: `${index}`, until: 1e15 + (index % 2) }) as const
  )
  await admin.config('RESETSTAT')
  await store.appendRevocations(entries, ending)
  const stats = await admin.info('commandstats')
  const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  t.ok(calls('evalsha') + calls('eval') <= 105, 'a round trip for 1000 of them')
  t.ok(calls('zadd') + calls('hset') <= 305, 'a write for 1000 of them')
  t.equal(await admin.zcard('{auth}:f'), 100_000)
})

t.test('readRevocations() resumes at an entry that was raised meanwhile', skipWithoutRedis, async (t) => {
  const { connect } = await serve(t)
  const store = await connect('ioredis')
  await append(store, 'a', 'b', 'c')
  const { cursor } = await store.readRevocations(null, 2)
  for (const until of [1e15 + 1, 1e15 + 2]) await store.appendRevocations([{ kind: 'token', id: 'b', until }], ending)
  const page = await store.readRevocations(cursor, 10)
  t.strictSame(
    [page.resumed, page.entries.map(({ id, until }) => [id, until])],
    [
      true,
      [
        ['c', 1e15],
        ['b', 1e15 + 2]
      ]
    ]
  )
  t.strictSame(idsOf((await store.readRevocations(null, 10)).entries), ['a', 'c', 'b'])
})

t.test('sweep() removes log entries that no longer matter, but never the newest', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const old = Array.from(
    { length: 2500 },
    (_, index) => ({ kind: 'token', id: `${index}`, until: 1000 + index }) as const
  )
  await store.appendRevocations(
    [...old, { kind: 'token', id: 'live', until: 1e15 }, { kind: 'token', id: 'newest', until: 1 }],
    ending
  )
  const { cursor } = await store.readRevocations(null, 10_000).then(() => store.readRevocations(null, 1))
  await store.sweep()
  const { entries } = await store.readRevocations(null, 10)
  t.strictSame(
    entries.map(({ id }) => id),
    ['live', 'newest']
  )
  t.equal((await store.readRevocations(cursor, 10)).resumed, false)
  t.strictSame(
    await Promise.all([admin.zcard('{auth}:f'), admin.zcard('{auth}:fu'), admin.hlen('{auth}:fm')]),
    [2, 2, 2]
  )
})
