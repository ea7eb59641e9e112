import type { Redis } from 'ioredis'
import t from 'tap'
import { maxBatch } from '../../../../plugin/stores/session-store.ts'
import type { SessionStore } from '../../../../plugin/stores/session-store.ts'
import { skipWithoutRedis } from '../../../fixtures/redis-server.ts'
import { serve } from '../../../fixtures/redis-store.ts'
import {
  dayMs,
  ending,
  hourMs,
  idsOf,
  inserting,
  issuer,
  newSession,
  rotation,
  user
} from '../../../fixtures/store-values.ts'

const retry = { generation: 1, retries: [], keepRetries: [], idleMs: hourMs, accessLifetimeSeconds: 600 }
const list = async (store: SessionStore, limit = 100) => (await store.list(user, { limit })).rows
const pexpiretime = async (admin: Redis, key: string) => Number(await admin.call('PEXPIRETIME', key))
const owner = `${issuer.length}:${issuer}:user`

t.test('redisStore() lets every key expire when it is no longer needed', skipWithoutRedis, async (t) => {
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
  t.equal(await expiry(`x${owner}`), row!.absoluteExpiresAt, 'the index lives as long as its longest session')

  // The result of revoke() is kept longer than the session would have lived.
  const { revoked } = await store.revoke('short', ending)
  t.equal(await expiry('sshort'), revoked!.until)
  t.ok(revoked!.until > second.row!.idleExpiresAt)
  const { storeTime } = await store.revokeAll(user, ending)
  t.equal((await store.find('session')).row!.revokedAt, storeTime)
  t.equal(await expiry('ssession'), storeTime + 660_000, 'revokeAll() keeps rows as long as revoke() does')
  t.ok((await expiry(`k${owner}`)) >= storeTime + dayMs)
  t.strictSame(
    (await admin.keys('*')).sort(),
    ['f', 'fm', 'fu', `k${owner}`, 'ssession', 'sshort', 'version'].map((key) => `{auth}:${key}`)
  )
})

t.test('the counter of a subject outlives every row that carries it or is behind it', skipWithoutRedis, async (t) => {
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

t.test('revokeAll() revokes all sessions in one step, and logs them batch by batch', skipWithoutRedis, async (t) => {
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
  t.match(await admin.info('commandstats'), /cmdstat_hgetall:calls=100,/, 'list() reads only what it returns')

  const first = await store.revokeAll(user, { except: '7', ...ending })
  t.strictSame([first.revoked.length, first.more], [maxBatch, true])
  await admin.config('RESETSTAT')
  t.strictSame(idsOf(await list(store)), ['7'])
  t.match(await admin.info('commandstats'), /cmdstat_hgetall:calls=1,/, 'list() reads no revoked session')
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
})

t.test('insert() evicts by the millisecond of the rotation, then by that of the start', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const store = await connect('ioredis')
  const { row } = await store.insert(newSession({ id: 'z' }), inserting)
  for (const id of ['b', 'c', 'a']) await store.insert(newSession({ id }), inserting)
  // As if all were rotated within one millisecond in the order z, b, c, a, and started in the order c, a, b, z.
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
})

t.test(
  'list() and insert() remove expired sessions from the index, and do not count them',
  skipWithoutRedis,
  async (t) => {
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
  }
)
