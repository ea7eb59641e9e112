import { rename } from 'node:fs/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import { ownerName } from '../../../plugin/stores/redis/keys.ts'
import { redisStore } from '../../../plugin/stores/redis.ts'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import { onPush } from '../../fixtures/push-listener.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { kinds, serve } from '../../fixtures/redis-store.ts'
import {
  ending,
  hourMs,
  inserting,
  issuer,
  newSession,
  revokedTokens,
  rotation,
  user
} from '../../fixtures/store-values.ts'

const retry = { generation: 1, retries: [], keepRetries: [], idleMs: hourMs, accessLifetimeSeconds: 600 }
const list = async (store: SessionStore) => (await store.list(user, { limit: 100 })).rows
const append = (store: SessionStore, ...ids: string[]) => store.appendRevocations(revokedTokens(...ids), ending)

for (const kind of kinds) {
  t.test(`redisStore() with ${kind} survives SCRIPT FLUSH`, skipWithoutRedis, async (t) => {
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
    `redisStore() with ${kind} loses no resolved call when the server is killed and started again`,
    skipWithoutRedis,
    async (t) => {
      const { connect, kill, start } = await serve(t, '--appendonly', 'yes', '--appendfsync', 'always')
      const store = await connect(kind, { timeoutMs: 300 })
      await store.insert(newSession(), inserting)
      await store.insert(newSession({ id: 'ended' }), inserting)
      const { revoked: ended } = await store.revoke('ended', ending)

      const tally = { running: true, resolved: 0, rejected: 0, applied: 0 }
      const untilResolved = async (count: number) => {
        while (tally.resolved < count) await store.find('session').catch(() => {})
      }
      async function keepCalling(call: (count: number) => Promise<unknown>): Promise<void> {
        for (let count = 0; tally.running; count++) {
          await call(count).then(
            () => tally.resolved++,
            () => tally.rejected++
          )
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
      await untilResolved(100)
      await kill()
      await t.rejects(store.find('session'), 'while the server is down')
      t.ok(tally.rejected > 0)
      await start()
      await untilResolved(tally.resolved + 100)
      tally.running = false
      // No call hangs: every caller returns.
      await callers

      const { row } = await store.find('session')
      t.ok(row!.generation >= tally.applied, 'no rotation that resolved is lost')
      t.strictSame((await store.revoke('ended', ending)).revoked, ended)
    }
  )
}

t.test(
  'rotate() is applied once among 100 concurrent calls from clients of both kinds',
  skipWithoutRedis,
  async (t) => {
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
  }
)

t.test(
  'redisStore() separates stores by prefix, also if the client adds its own prefix',
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
    let wake = () => {}
    await stores[2]!.subscribe!(onPush(() => wake()))
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    await stores[2]!.revoke('session', ending)
    await woken
    await stores[2]!.close()
  }
)

t.test('redisStore() keeps claims of any size in any alphabet', skipWithoutRedis, async (t) => {
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

t.test(
  'redisStore() does not send a call that it rejected while there was no connection',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect, path } = await serve(t)
    const stores = [await connect('ioredis', { timeoutMs: 200 }), await connect('node-redis', { timeoutMs: 200 })]
    await stores[0]!.insert(newSession(), inserting)
    // Makes Redis know the script: a script that it does not know would not be sent again.
    await stores[0]!.rotate('session', { ...rotation, from: 9 })
    await rename(path, `${path}.away`)
    await admin.call('CLIENT', 'KILL', 'TYPE', 'NORMAL')
    await Promise.all(
      stores.map((store) => t.rejects(store.find('session'), 'the client has noticed that the connection is lost'))
    )
    await Promise.all(
      stores.map((store) =>
        t.rejects(store.rotate('session', rotation), { message: /^Redis did not respond within 200 ms/ })
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

t.test('insert() is refused if a revokeAll() ran between its sending and its arrival', skipWithoutRedis, async (t) => {
  const { connect, connectClient } = await serve(t)
  const client = (await connectClient('ioredis')) as Redis
  const other = await connect('ioredis')
  let wasRead = false
  /** Once the age was read, delays each command until after a revokeAll() and a few more milliseconds. */
  async function call(command: string, args: string[]): Promise<unknown> {
    if (wasRead) {
      const { storeTime } = await other.revokeAll(user, ending)
      while ((await other.find('x')).storeTime < storeTime + 5);
    }
    return await client.call(command, args)
  }
  const delayed = new Proxy(client, {
    get: (target, name) => (name === 'call' ? call : (Reflect.get(target, name) as unknown))
  })
  const authenticatedAge = () => {
    wasRead = true
    return 0
  }
  t.equal((await redisStore(delayed).insert(newSession(), { ...inserting, authenticatedAge })).row, null)
})

t.test(
  'insert() is refused once if the revokeAll() time is ahead of the clock, and sets it back',
  skipWithoutRedis,
  async (t) => {
    const { admin, connect } = await serve(t)
    const store = await connect('ioredis')
    const counterKey = `{auth}:k${ownerName(issuer, user.sub)}`
    const { storeTime } = await store.revokeAll(user, ending)
    await admin.hset(counterKey, 't', storeTime + hourMs)
    const insert = () => store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
    const refused = await insert()
    t.equal(refused.row, null)
    t.equal(Number(await admin.hget(counterKey, 't')), refused.storeTime)
    while ((await store.find('x')).storeTime <= refused.storeTime);
    t.equal((await insert()).row?.id, 'session')
  }
)
