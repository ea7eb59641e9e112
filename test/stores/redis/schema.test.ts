import t from 'tap'
import { redisStore } from '../../../plugin/stores/redis.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { kinds, prepareError, serve } from '../../fixtures/redis-store.ts'
import { ending, hourMs, inserting, newSession, retry, rotation, user } from '../../fixtures/store-values.ts'
import { onPush } from '../../fixtures/push-listener.ts'

for (const kind of kinds) {
  t.test(
    `prepare() with ${kind} rejects with the reason of Redis if the user lacks permissions`,
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
        const error = await prepareError(open(kind, { username: `limited${index}`, password: 'p' }))
        t.ok(error instanceof UnusableStoreError, limit.join(' '))
        t.match(
          error.message,
          /^The Redis user lacks permissions .* Redis: (NOPERM|ERR The user executing the script can't) /,
          limit.join(' ')
        )
      }
    }
  )

  t.test(`redisStore() with ${kind} needs only the keys and channels {auth}:*`, skipWithoutRedis, async (t) => {
    const { admin, connect } = await serve(t)
    await admin.acl('SETUSER', 'app', 'on', '>p', '~{auth}:*', '&{auth}:*', '+@all', '-@dangerous', '-@admin')
    const store = await connect(kind, { login: { username: 'app', password: 'p' } })
    await store.prepare!()
    await store.subscribe!(onPush())
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
      'only the query for the eviction policy was denied'
    )
    t.ok((await admin.keys('*')).every((key) => key.startsWith('{auth}:')))
  })

  t.test(
    `prepare() with ${kind} rejects if the schema needs newer code, and changes nothing`,
    skipWithoutRedis,
    async (t) => {
      const { admin, open } = await serve(t)
      const client = open(kind)
      await admin.hset('{auth}:version', { version: 4, usableFrom: 2 })
      await t.resolves(redisStore(client).prepare!(), 'a newer schema that this code may use')
      t.equal(await admin.hget('{auth}:version', 'version'), '4')
      await admin.hset('{auth}:version', { version: 5, usableFrom: 4 })
      const store = redisStore(client)
      const newer = {
        name: 'UnusableStoreError',
        message:
          'The data under {auth}:* has schema version 5 and can be used from version 4 on: this code has version 3. ' +
          'Install a later fastify-authenticate, or pass another "prefix"'
      }
      await t.rejects(store.prepare!(), newer)
      await t.rejects(store.insert(newSession(), inserting), newer, 'also without prepare()')
      t.strictSame(await admin.keys('*'), ['{auth}:version'])
    }
  )
}

t.test('prepare() rejects if another application uses the keys of the store', skipWithoutRedis, async (t) => {
  const { admin, open } = await serve(t)
  await admin.set('{auth}:version', 'mine')
  const error = await prepareError(open('ioredis'))
  t.ok(error instanceof UnusableStoreError)
  t.match(error.message, /pass another "prefix"\. Redis: WRONGTYPE /)
})

t.test('redisStore() takes over the sessions of version 1 of the schema', skipWithoutRedis, async (t) => {
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
    idleLimitMs: null,
    details: {},
    generation: 0
  }
  t.match((await store.find('a')).row, row)
  t.equal((await store.find('revoked')).row?.revokedAt, now)
  t.match(await store.rotate('a', rotation), { applied: true, row: { ...row, generation: 1 } })
  t.strictSame(
    (await store.list(subject, { limit: 10 })).rows.map(({ id }) => id),
    ['a', 'b', 'c', 'd']
  )
  t.equal(await admin.exists('{auth}:u:user'), 0, 'the old index is migrated')
  const refused = await store.insert(newSession({ id: 'new' }), { ...both, authenticatedAge: () => 3_600_000 })
  t.equal(refused.row, null, 'the time of the last revokeAll() is migrated')
  const full = await store.insert(newSession({ id: 'new' }), { ...both, maxSessions: 4 })
  t.strictSame(full.row !== null && full.evicted.map(({ id }) => id), ['b'], 'the least recently rotated session')

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
  'revokeAll() ends all sessions of a long index of version 1, and logs them in batches',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect('ioredis')
    const { storeTime: now } = await store.prepare!()
    const idle = now + hourMs
    await admin.eval(
      `
    for id = 1, 5000 do
      redis.call('HSET', KEYS[1] .. 's' .. id, 's', 'user', 'g', 0, 'c', id, 'r', id)
      redis.call('HSET', KEYS[1] .. 's' .. id, 'i', ARGV[1], 'a', ARGV[1], 't', 600, '0', ARGV[2])
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
