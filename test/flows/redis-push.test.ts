import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { redisStore } from '../../plugin/stores/redis.ts'
import { createApp, type TestApp } from '../fixtures/app.ts'
import { becomes } from '../fixtures/fault-client.ts'
import { startProxy } from '../fixtures/fault-proxy.ts'
import { skipWithoutRedis, startRedis } from '../fixtures/redis-server.ts'

const channel = '{auth}:f'
const reconnecting = { retryStrategy: () => 20 }
const connect = (path: string, options = {}) => new Redis(path, { ...reconnecting, ...options }).on('error', () => {})

/** Stands still together with the monotonic clock: see {@link stopTime}. */
const clock = () => Math.floor(performance.timeOrigin + performance.now())

/** Stops the clocks of all nodes, so that a slow machine does not make them silent. Returns how to start them again. */
function stopTime(t: Test): () => void {
  const now = performance.now.bind(performance)
  const stoppedAt = now()
  t.intercept(performance, 'now', { value: () => stoppedAt, configurable: true })
  return () => {
    t.intercept(performance, 'now', { value: now, configurable: true })
  }
}

/** A server whose nodes poll only when the test lets a second pass; heartbeats and connections are real. */
async function startServer(t: Test) {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const server = await startRedis()
  const admin = connect(server.path)
  t.teardown(async () => {
    admin.disconnect()
    await server.stop()
  })

  let counted = 0
  /** The number of scripts since the last time. */
  async function scripts(): Promise<number> {
    const text = await admin.info('commandstats')
    const total = [...text.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0
    )
    const since = total - counted
    counted = total
    return since
  }

  /** The start reads the log more than once. */
  async function startNodes(count: number, login = {}): Promise<TestApp[]> {
    const nodes = await Promise.all(Array.from({ length: count }, () => startNode({ login })))
    await becomes(async () => (await scripts()) === 0)
    return nodes
  }

  async function startNode(options: { client?: Redis; login?: object } = {}): Promise<TestApp> {
    const client = options.client ?? connect(server.path, options.login)
    const node = await createApp({ plugin: { store: redisStore(client), clock } })
    t.teardown(async () => {
      await node.app.close()
      client.disconnect()
    })
    return node
  }

  /** Every node polls, or decides not to. */
  async function passSeconds(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      mock.timers.tick(1000)
      // What the nodes have sent meanwhile has been carried out by then.
      for (let turn = 0; turn < 3; turn++) await admin.ping()
    }
  }

  return { path: server.path, admin, startNode, startNodes, passSeconds, scripts }
}

const me = async ({ app }: TestApp, access: string) =>
  (await app.inject({ url: '/me', headers: { authorization: `Bearer ${access}` } })).statusCode
const everyoneRefuses = async (nodes: readonly TestApp[], access: string) =>
  (await Promise.all(nodes.map((node) => me(node, access)))).every((status) => status === 401)
const signOut = async ({ app }: TestApp, refresh: string) =>
  (await app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: refresh } })).statusCode

t.test(
  'a sign-out runs one script, although 20 nodes refuse the session, and each reports it once',
  skipWithoutRedis,
  async (t) => {
    const { startNodes, scripts, passSeconds } = await startServer(t)
    const nodes = await startNodes(20)
    const [one, other] = nodes as [TestApp, TestApp]
    const sessions = [await one.signIn('bearer'), await one.signIn('bearer'), await other.signIn('bearer')]
    // Redis has to learn the scripts once.
    for (const node of [one, other]) await signOut(one, (await node.signIn('bearer')).refresh)
    t.strictSame(await Promise.all(nodes.map((node) => me(node, sessions[0]!.access))), Array(20).fill(200))
    await scripts()
    // A node that does not know the session reads it first, to check the token.
    for (const [index, { access, refresh, sessionId }] of sessions.entries()) {
      for (const { events } of nodes) events()
      t.equal(await signOut(one, refresh), 204)
      t.ok(await becomes(() => everyoneRefuses(nodes, access)))
      const reported = nodes.map(({ events }) => events().filter(({ type }) => type === 'session-revoked'))
      t.strictSame(
        reported,
        nodes.map((node) => [{ type: 'session-revoked', sessionId, reason: null, here: node === one }])
      )
      t.equal(await scripts(), [1, 1, 2][index])
    }
    // Until the seconds pass faster than those that a node waits before it reads again: a machine may be busy.
    const isQuiet = async () => {
      await scripts()
      await passSeconds(60)
      return (await scripts()) === 0
    }
    t.ok(await becomes(isQuiet), 'nobody polls while heartbeats arrive')
    t.strictSame(
      nodes.flatMap(({ events }) => events().filter(({ type }) => type === 'session-revoked')),
      []
    )
  }
)

t.test('without heartbeats, each of 20 nodes reads the log every second', skipWithoutRedis, async (t) => {
  const { admin, startNodes, scripts, passSeconds } = await startServer(t)
  await admin.acl('SETUSER', 'listener', 'on', '>p', '~*', '&*', '+@all', '-publish')
  const nodes = await startNodes(20, { username: 'listener', password: 'p' })
  const session = await nodes[0]!.signIn('bearer')
  await scripts()
  await passSeconds(5)
  t.equal(await scripts(), 100)
  t.equal(await signOut(nodes[0]!, session.refresh), 204, 'the message is not sent, and the sign-out does not fail')
  await passSeconds(1)
  t.ok(await becomes(() => everyoneRefuses(nodes, session.access)))
})

t.test(
  'session-revoked names the reason although the message is faster than the response',
  skipWithoutRedis,
  async (t) => {
    const { path, startNode } = await startServer(t)
    const slow = await startProxy(`${path}.slow`, path, { delayMs: 20 })
    t.teardown(() => slow.stop())
    const client = connect(`${path}.slow`)
    client.duplicate = () => connect(path)
    const node = await startNode({ client })
    const session = await node.signIn('bearer')
    node.events()
    t.equal(await signOut(node, session.refresh), 204)
    await setImmediate()
    t.match(node.events(), [{ type: 'session-revoked', sessionId: session.sessionId, here: true }])
  }
)

t.test('messages of garbage cost one read, and change nothing else', skipWithoutRedis, async (t) => {
  const { admin, startNodes, scripts } = await startServer(t)
  const nodes = await startNodes(3)
  const kept = await nodes[0]!.signIn('bearer')
  await scripts()
  for (const message of ['garbage', '', JSON.stringify({ entries: [['s', kept.sessionId, '-1']] }), '\0'.repeat(1e6)]) {
    t.equal(await admin.publish(channel, message), 3)
    let read = 0
    t.ok(
      await becomes(async () => {
        read += await scripts()
        return read === 3
      }),
      `${message.slice(0, 20)}: ${read} reads`
    )
  }
  t.strictSame(await Promise.all(nodes.map((node) => me(node, kept.access))), [200, 200, 200])
  t.strictSame(
    nodes.flatMap(({ events, warnings }) => [events(), warnings()].flat()),
    []
  )
})

t.test(
  'a node whose connection for messages breaks reads what it missed when it is back',
  skipWithoutRedis,
  async (t) => {
    const { path, admin, startNode } = await startServer(t)
    const proxy = await startProxy(`${path}.messages`, path)
    t.teardown(() => proxy.stop())
    const client = connect(path)
    client.duplicate = () => connect(`${path}.messages`)
    const [node, other] = [await startNode({ client }), await startNode()]
    const sessions = [await other.signIn('bearer'), await other.signIn('bearer')]
    await proxy.cut()
    t.equal(await signOut(other, sessions[0]!.refresh), 204)
    t.equal(await me(node, sessions[0]!.access), 200, 'it has not heard of it')
    await proxy.restore()
    t.ok(await becomes(() => everyoneRefuses([node], sessions[0]!.access)))

    await admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB')
    t.equal(await signOut(other, sessions[1]!.refresh), 204)
    t.ok(await becomes(() => everyoneRefuses([node, other], sessions[1]!.access)))
  }
)

t.test('a node whose connection for messages falls silent polls again after 3 s', skipWithoutRedis, async (t) => {
  const { path, startNode, passSeconds } = await startServer(t)
  const proxy = await startProxy(`${path}.messages`, path)
  t.teardown(() => proxy.stop())
  const client = connect(path)
  client.duplicate = () => connect(`${path}.messages`)
  const [node, other] = [await startNode({ client }), await startNode()]
  const session = await other.signIn('bearer')
  const startTime = stopTime(t)
  await proxy.hold()
  t.equal(await signOut(other, session.refresh), 204)
  await passSeconds(10)
  t.equal(await me(node, session.access), 200, 'it still hopes to hear of it')
  startTime()
  t.ok(
    await becomes(async () => {
      await passSeconds(1)
      return await everyoneRefuses([node], session.access)
    })
  )
})
