import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { redisStore } from '../plugin/stores/redis.ts'
import { createApp, type TestApp } from '../test/fixtures/app.ts'
import { skipWithoutRedis, startRedis } from '../test/fixtures/redis-server.ts'
import { median } from './bursts.ts'
import type { Effort } from './effort.ts'
import { measureFollowers, type Followers } from './followers.ts'
import { difference, readStats } from './redis-stats.ts'

/** What many nodes over one Redis cost it. */
export interface ManyNodes {
  readonly nodes: number
  /**
   * Scripts that Redis ran from one sign-out until every node had applied it: median. The node that signs out has
   * started the session.
   */
  readonly scriptsPerSignOut: number
  /** While nothing happens, of all nodes together. */
  readonly idleScriptsPerSecond: number
  /** What Redis sends to one node for one sign-out. */
  readonly pushedBytes: number
  readonly followers: Followers
}

const count = 20

/** Resolves to `null` if Redis is not installed. */
export async function measureManyNodes(effort: Effort): Promise<ManyNodes | null> {
  if (skipWithoutRedis.skip) return null
  const { path, stop } = await startRedis()
  const clients: Redis[] = []
  const nodes: TestApp[] = []
  try {
    for (let index = 0; index < count; index++) {
      const client = new Redis(path)
      clients.push(client)
      nodes.push(await createApp({ plugin: { store: redisStore(client), clock: Date.now } }))
    }
    const admin = clients[0]!
    const signOuts = await measureSignOuts(nodes, { admin, signOuts: effort.name === 'quick' ? 10 : 50 })
    const seconds = effort.name === 'quick' ? 5 : 10
    const before = await readStats(admin)
    await setTimeout(seconds * 1000)
    const idle = difference(await readStats(admin), before)
    for (const { app } of nodes) await app.close()
    return {
      nodes: count,
      ...signOuts,
      idleScriptsPerSecond: idle.scripts / seconds,
      followers: await measureFollowers(effort)
    }
  } finally {
    for (const client of clients) client.disconnect()
    await stop()
  }
}

async function measureSignOuts(nodes: readonly TestApp[], { admin, signOuts }: { admin: Redis; signOuts: number }) {
  const scripts: number[] = []
  const bytes: number[] = []
  const [node] = nodes as [TestApp]
  for (let index = 0; index < signOuts; index++) {
    const { access, refresh } = await node.signIn('bearer')
    const before = await readStats(admin)
    await node.app.inject({ method: 'POST', url: '/logout', payload: { refresh_token: refresh } })
    while (!(await isRefusedByAll(nodes, access))) await setTimeout(1)
    const used = difference(await readStats(admin), before)
    scripts.push(used.scripts)
    // Without the response to the sign-out itself, which is short.
    bytes.push((used.bytesOut - (await bytesOfReading(admin))) / nodes.length)
  }
  return { scriptsPerSignOut: median(scripts), pushedBytes: Math.round(median(bytes)) }
}

async function isRefusedByAll(nodes: readonly TestApp[], access: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${access}` }
  const responses = await Promise.all(nodes.map(({ app }) => app.inject({ url: '/me', headers })))
  return responses.every(({ statusCode }) => statusCode === 401)
}

/** What the statistics themselves take. */
async function bytesOfReading(admin: Redis): Promise<number> {
  return difference(await readStats(admin), await readStats(admin)).bytesOut * -1
}
