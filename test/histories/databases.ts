import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { SessionStore } from '../../plugin/index.ts'
import { startProxy } from '../fixtures/fault-proxy.ts'
import type { DatabasePlace, Place } from '../fixtures/place.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { startRedisPair } from '../fixtures/redis-pair.ts'
import { startRedis } from '../fixtures/redis-server.ts'
import type { Random } from './random.ts'

export const databaseNames = [
  'memory',
  'sqlite',
  'redis',
  'redis-failover',
  'postgres',
  'three redis',
  'three postgres'
] as const
export type DatabaseName = (typeof databaseNames)[number]

/** A temporary fault, of one node (by its number) or of all. */
export interface Outage {
  readonly kind: string
  readonly node: number | 'all'
  readonly begin: () => Promise<unknown>
  readonly end: () => Promise<unknown>
  /** What was written since its beginning may be lost. */
  readonly loses?: boolean
}

export interface Database {
  /** What each node opens; absent where all nodes share `store` within one process. */
  readonly places: readonly Place[] | null
  readonly store?: SessionStore
  readonly outages: readonly ((random: Random) => Outage)[]
  /** Happens before the others, once. */
  readonly first?: () => Outage
  readonly stop: () => Promise<void>
}

export async function startDatabase(name: DatabaseName, { nodes }: { nodes: number }): Promise<Database> {
  switch (name) {
    case 'memory':
      return { places: null, store: memoryStore(), outages: [], async stop() {} }
    case 'sqlite':
      return await startSqlite(nodes)
    case 'redis': {
      const server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
      return await startServer(server, { nodes, placeOf: redisPlace, socket: 'redis.sock' })
    }
    case 'redis-failover': {
      const pair = await startRedisPair()
      return await startServer(pair.server, { nodes, placeOf: redisPlace, socket: 'redis.sock', failover: pair })
    }
    case 'three redis':
      return await startThree('redis', { nodes })
    case 'three postgres':
      return await startThree('postgres', { nodes })
    case 'postgres': {
      const { connection, ...server } = await startPostgres()
      const socket = '.s.PGSQL.5432'
      return await startServer(
        { ...server, kill: server.killAll, path: join(connection.host, socket) },
        {
          nodes,
          socket,
          placeOf: (folder) => ({ store: 'postgres', ...connection, host: folder })
        }
      )
    }
  }
}

/** Shards, of which one at a time fails. */
async function startThree(name: 'redis' | 'postgres', { nodes }: { nodes: number }): Promise<Database> {
  const shards = await Promise.all([1, 2, 3].map(() => startDatabase(name, { nodes })))
  return {
    places: Array.from({ length: nodes }, (_, node) => ({
      store: 'sharded',
      shards: shards.map(({ places }) => places![node] as DatabasePlace)
    })),
    outages: shards.flatMap(({ outages }) => outages),
    async stop() {
      for (const { stop } of shards) await stop()
    }
  }
}

async function startSqlite(nodes: number): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'history-'))
  const file = join(folder, 'sessions.db')
  return {
    places: Array.from({ length: nodes }, () => ({ store: 'sqlite', file })),
    outages: [() => lockedBy(file)],
    async stop() {
      rmSync(folder, { recursive: true })
    }
  }
}

/** A process begins to write, and is killed before it commits. */
function lockedBy(file: string): Outage {
  const writer = fileURLToPath(new URL('../fixtures/fault-writer.ts', import.meta.url))
  let child: ChildProcess | undefined
  return {
    kind: 'file locked by a process that is killed',
    node: 'all',
    async begin() {
      child = spawn(process.execPath, [...process.execArgv, writer, file], { stdio: ['pipe', 'pipe', 'ignore'] })
      await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
    },
    async end() {
      if (child!.exitCode !== null) return
      child!.kill('SIGKILL')
      await once(child!, 'exit')
    }
  }
}

type Proxy = Awaited<ReturnType<typeof startProxy>>
type ToProxy = (proxy: Proxy) => Promise<void>
type Failover = Pick<Awaited<ReturnType<typeof startRedisPair>>, 'part' | 'fail'>

interface Server {
  readonly path: string
  kill(): Promise<void>
  start(): Promise<void>
  stall(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
}

function redisPlace(folder: string, node: number): Place {
  return { store: 'redis', path: join(folder, 'redis.sock'), client: node % 2 === 0 ? 'ioredis' : 'node-redis' }
}

/** A server, with one proxy per node. */
async function startServer(
  server: Server,
  {
    nodes,
    placeOf,
    socket,
    failover
  }: {
    nodes: number
    placeOf: (folder: string, node: number) => Place
    socket: string
    failover?: Failover
  }
): Promise<Database> {
  const folders = Array.from({ length: nodes }, () => mkdtempSync(join(tmpdir(), 'proxy-')))
  const proxies = await Promise.all(folders.map((folder) => startProxy(join(folder, socket), server.path)))

  /** To one node, or to all. */
  const atProxies =
    (kind: string, { begin, end }: { begin: ToProxy; end?: ToProxy }) =>
    (random: Random): Outage => {
      const node = random.below(2) === 0 ? 'all' : random.below(nodes)
      const chosen = node === 'all' ? proxies : [proxies[node]!]
      return {
        kind,
        node,
        begin: () => Promise.all(chosen.map(begin)),
        end: () =>
          Promise.all(
            chosen.map(async (proxy) => {
              await end?.(proxy)
              await proxy.restore()
            })
          )
      }
    }

  const whole: Database['outages'] =
    failover === undefined
      ? [
          () => ({ kind: 'database killed, all processes', node: 'all', begin: server.kill, end: server.start }),
          () => ({ kind: 'database stopped, all processes', node: 'all', begin: server.stall, end: server.resume })
        ]
      : []
  return {
    places: folders.map(placeOf),
    outages: [
      ...whole,
      atProxies('cut', { begin: (proxy) => proxy.cut() }),
      (random) => {
        const delayMs = random.between(20, 300)
        return atProxies('delayed', { begin: (proxy) => proxy.delay(delayMs) })(random)
      },
      atProxies('responses late', { begin: (proxy) => proxy.hold() }),
      atProxies('responses lost', { begin: (proxy) => proxy.hold(), end: (proxy) => proxy.cut() })
    ],
    ...(failover && { first: () => failoverOf(failover, proxies) }),
    async stop() {
      await Promise.all(proxies.map((proxy) => proxy.stop()))
      await server.stop()
      for (const folder of folders) rmSync(folder, { recursive: true })
    }
  }
}

/** The replica is cut off, the primary works for a while longer and is lost, the replica replaces it. */
function failoverOf({ part, fail }: Failover, proxies: readonly Proxy[]): Outage {
  return {
    kind: 'failover that loses writes',
    node: 'all',
    loses: true,
    begin: part,
    async end() {
      const path = await fail()
      await Promise.all(proxies.map((proxy) => proxy.moveTo(path)))
    }
  }
}
