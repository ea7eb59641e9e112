import { rename } from 'node:fs/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { redisStore } from '../../plugin/stores/redis.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { createApp, type TestApp } from '../fixtures/app.ts'
import { becomes } from '../fixtures/fault-client.ts'
import { startProxy } from '../fixtures/fault-proxy.ts'
import { startRedisPair } from '../fixtures/redis-pair.ts'
import { skipWithoutRedis } from '../fixtures/redis-server.ts'

/** `fail()` replaces the primary by the replica. */
async function startPair(t: Test) {
  const { server, part, fail } = await startRedisPair()
  t.teardown(server.stop)
  return {
    path: server.path,
    part,
    fail: async () => {
      await rename(await fail(), server.path)
    }
  }
}

interface NodeOptions {
  readonly adapt?: ((store: SessionStore) => SessionStore) | undefined
  /** The least, so that a test waits for a rotation only this long. */
  readonly retrySeconds?: number
}

async function startNode(
  t: Test,
  path: string,
  { adapt = (store) => store, retrySeconds = 1 }: NodeOptions = {}
): Promise<TestApp> {
  const client = new Redis(path, { retryStrategy: () => 20 }).on('error', () => {})
  const node = await createApp({
    plugin: { store: adapt(redisStore(client)), clock: Date.now, refreshToken: { retrySeconds } }
  })
  t.teardown(async () => {
    await node.app.close()
    client.disconnect()
  })
  return node
}

const refresh = ({ app }: TestApp, token: string) =>
  app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: token } })
const me = async ({ app }: TestApp, access: string) =>
  (await app.inject({ url: '/me', headers: { authorization: `Bearer ${access}` } })).statusCode

t.test(
  'after a failover of Redis that loses writes, rotated refresh tokens and revoked sessions do not come back',
  { skip: skipWithoutRedis.skip },
  async (t) => {
    const pair = await startPair(t)
    const [a, b] = [await startNode(t, pair.path), await startNode(t, pair.path)]
    const [kept, ended] = [await a.signIn('bearer'), await a.signIn('bearer')]
    await pair.part()

    let successor: string = kept.refresh
    const rotates = async () => {
      successor = (await refresh(a, kept.refresh)).json().refresh_token
      return successor !== kept.refresh
    }
    t.ok(await becomes(rotates), 'once `retrySeconds` have passed')
    await a.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: ended.refresh } })
    t.ok(await becomes(async () => (await me(b, ended.access)) === 401), 'the other node learns of the sign-out')
    await pair.fail()

    t.ok(
      await becomes(
        async () => typeof (await b.store.find(ended.sessionId).catch(() => null))?.row?.revokedAt === 'number'
      ),
      'the row that came back is revoked again'
    )
    t.strictSame(
      [await me(a, ended.access), await me(b, ended.access)],
      [401, 401],
      'nodes that learnt of the sign-out reject the access token throughout'
    )
    a.events()
    const moved = await refresh(a, successor)
    t.equal(moved.json().refresh_token, successor, 'the newer token moves the row forward to itself')
    t.match(
      a.events().filter(({ type }) => type === 'store-rolled-back'),
      [{ sessionId: kept.sessionId }]
    )

    // For the others, the last refresh may be too long ago by now.
    const late = await startNode(t, pair.path, { retrySeconds: 60 })
    t.strictSame(
      [(await refresh(late, ended.refresh)).statusCode, await me(late, ended.access)],
      [401, 401],
      'a node that starts later rejects it too'
    )
    t.equal((await refresh(late, successor)).statusCode, 200)

    t.equal(
      (await refresh(late, kept.refresh)).json().refresh_token,
      successor,
      'the older token gets the same successor as before the failover'
    )
  }
)

/** Without `subscribe()`, a node reads the log once a second: not before the failover. */
const withoutPush = ({ subscribe: _, ...store }: SessionStore): SessionStore => store

t.test(
  'a sign-out that a failover of Redis loses is written again by its node, which had not read it back',
  { skip: skipWithoutRedis.skip },
  async (t) => {
    for (const [link, delayMs, adapt] of [
      ['without push', 0, withoutPush],
      ['with push over a link of 15 ms', 15, undefined]
    ] as const) {
      const pair = await startPair(t)
      const near = `${pair.path}.near`
      const proxy = await startProxy(near, pair.path, { delayMs })
      t.teardown(() => proxy.stop())
      const node = await startNode(t, near, { adapt })
      const ended = await node.signIn('bearer')
      await pair.part()

      const { statusCode } = await node.app.inject({
        method: 'POST',
        url: '/logout',
        payload: { refresh_token: ended.refresh }
      })
      t.equal(statusCode, 204, link)
      // Loses what is on its way to the node.
      await proxy.cut()
      await pair.fail()
      await proxy.restore()

      const client = new Redis(pair.path)
      t.teardown(() => client.disconnect())
      const store = redisStore(client)
      t.equal((await store.find(ended.sessionId)).row?.revokedAt, null, 'the failover has lost it')
      t.ok(
        await becomes(async () => typeof (await store.find(ended.sessionId)).row?.revokedAt === 'number'),
        'the row is revoked again'
      )
      const { entries } = await store.readRevocations(null, 10)
      t.strictSame(
        entries.map(({ id }) => id),
        [ended.sessionId],
        'and logged for the other nodes'
      )
    }
  }
)

t.test(
  'a sign-out that a failover of Redis loses is written again by a node that has only received it by push',
  { skip: skipWithoutRedis.skip },
  async (t) => {
    const pair = await startPair(t)
    const [ending, receiving] = [await startNode(t, pair.path), await startNode(t, pair.path)]
    const ended = await ending.signIn('bearer')
    await pair.part()
    await ending.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: ended.refresh } })
    t.ok(await becomes(async () => (await me(receiving, ended.access)) === 401))
    await ending.app.close()
    await pair.fail()

    const client = new Redis(pair.path)
    t.teardown(() => client.disconnect())
    const store = redisStore(client)
    t.ok(
      await becomes(async () => typeof (await store.find(ended.sessionId)).row?.revokedAt === 'number'),
      'the row is revoked again'
    )
    const late = await startNode(t, pair.path)
    t.equal(await me(late, ended.access), 401, 'nodes that start later learn of it')
  }
)
