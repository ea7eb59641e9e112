import { rename } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { redisStore } from '../../plugin/stores/redis.ts'
import { createApp, type TestApp } from '../fixtures/app.ts'
import { becomes } from '../fixtures/fault-client.ts'
import { skipWithoutRedis, startRedis } from '../fixtures/redis-server.ts'

const retrySeconds = 1

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A primary with a replica that has all it has; `fail()` loses the primary, and with it all that it wrote after `part()`. */
async function startPair (t: Test) {
  const port = await freePort()
  const primary = await startRedis('--port', String(port))
  const replica = await startRedis('--replicaof', '127.0.0.1', String(port))
  const [toPrimary, toReplica] = [new Redis(primary.path), new Redis(replica.path)].map((client) => client.on('error', () => {})) as [Redis, Redis]
  t.teardown(async () => {
    for (const client of [toPrimary, toReplica]) client.disconnect()
    await Promise.all([primary.stop(), replica.stop()])
  })
  t.ok(await becomes(async () => /master_link_status:up/.test(await toReplica.info('replication'))), 'the replica follows')
  return {
    path: primary.path,
    async part () {
      await toPrimary.wait(1, 5000)
      await toReplica.replicaof('NO', 'ONE')
    },
    async fail () {
      await primary.kill()
      await rename(replica.path, primary.path)
    }
  }
}

async function startNode (t: Test, path: string): Promise<TestApp> {
  const client = new Redis(path, { retryStrategy: () => 20 }).on('error', () => {})
  const node = await createApp({ plugin: { store: redisStore(client), clock: Date.now, refreshToken: { retrySeconds } } })
  t.teardown(async () => {
    await node.app.close()
    client.disconnect()
  })
  return node
}

const refresh = ({ app }: TestApp, token: string) => app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: token } })
const me = async ({ app }: TestApp, access: string) => (await app.inject({ url: '/me', headers: { authorization: `Bearer ${access}` } })).statusCode

t.test('a failover of Redis that loses the last writes brings back neither a rotated refresh token for good, nor a session that was ended', { skip: skipWithoutRedis.skip }, async (t) => {
  const pair = await startPair(t)
  const [a, b] = [await startNode(t, pair.path), await startNode(t, pair.path)]
  const [kept, ended] = [await a.signIn('bearer'), await a.signIn('bearer')]
  await pair.part()

  await setTimeout(retrySeconds * 1000)
  const successor = (await refresh(a, kept.refresh)).json().refresh_token
  t.not(successor, kept.refresh)
  await a.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: ended.refresh } })
  t.ok(await becomes(async () => await me(b, ended.access) === 401), 'the other node hears of the end')
  await pair.fail()

  t.ok(await becomes(async () => typeof (await b.store.find(ended.sessionId).catch(() => null))?.row?.revokedAt === 'number'), 'the row that came back to life is ended again')
  t.strictSame([await me(a, ended.access), await me(b, ended.access)], [401, 401], 'who heard of the end refuses the access token throughout')
  a.events()
  const moved = await refresh(a, successor)
  t.equal(moved.json().refresh_token, successor, 'the newer token moves the row forward to itself')
  t.match(a.events().filter(({ type }) => type === 'store-rolled-back'), [{ sessionId: kept.sessionId }])

  const late = await startNode(t, pair.path)
  t.strictSame([(await refresh(late, ended.refresh)).statusCode, await me(late, ended.access)], [401, 401], 'for a node that never heard of it too')
  t.equal((await refresh(late, successor)).statusCode, 200)

  t.equal((await refresh(late, kept.refresh)).json().refresh_token, successor, 'the older token gets what it had got before the failover')
})
