import { revocationMarginMs } from '../plugin/stores/revocation.ts'
import type { DatabaseLoad } from './database-load.ts'

/** What was measured, per operation or entry. */
export interface Costs {
  /** Processor time of a node, in microseconds. What a request costs more than one to the bare route. */
  readonly node: { readonly seen: number; readonly unseen: number; readonly refresh: number; readonly signIn: number }
  /** Processor time of a database, in microseconds, and its bytes per session with all indexes. */
  readonly databases: readonly (DatabaseLoad & { readonly sessionBytes: number })[]
  /** Bytes in the memory of each node. */
  readonly revocationBytes: number
  /** What Redis sends to one node for one sign-out, and the processor time that this takes of it. */
  readonly pushed: { readonly bytes: number; readonly cpuMicros: number }
}

/** What is assumed of the users, their application and its databases. Every member is in the page's first table. */
export const assumptions = {
  onlineShare: 0.1,
  secondsBetweenRequests: 10,
  accessTokenSeconds: 600,
  daysBetweenSignIns: 14,
  busiestHourShare: 0.1,
  applicationMicros: 1000,
  utilization: 0.5,
  coresOfPostgres: 16,
  bytesOfRedis: 32e9,
  poolSize: 10,
  pollSeconds: 5,
  maxConnections: { redis: 10_000, postgres: 500 } as Readonly<Record<string, number>>
} as const

/** Per second, in the busiest hour. */
export interface Load {
  readonly requests: number
  readonly refreshes: number
  /** As many sessions end by a sign-out as are started. */
  readonly signIns: number
}

export function loadOf(users: number): Load {
  const { onlineShare, secondsBetweenRequests, accessTokenSeconds, daysBetweenSignIns, busiestHourShare } = assumptions
  const online = users * onlineShare
  return {
    requests: online / secondsBetweenRequests,
    refreshes: online / accessTokenSeconds,
    signIns: ((users / daysBetweenSignIns) * busiestHourShare) / 3600
  }
}

export interface Nodes {
  /** Cores that the application itself needs. */
  readonly applicationCores: number
  /** Cores that the plugin adds, if each node has seen the token of each request before. */
  readonly leastPluginCores: number
  /** The same, if it has seen none. */
  readonly mostPluginCores: number
  /** Processes of one core each, at the assumed utilization, with the most that the plugin adds. */
  readonly nodes: number
  /** The list of revocations in the memory of each node. */
  readonly revocationBytes: number
}

export function nodesFor(users: number, costs: Costs): Nodes {
  const { requests, refreshes, signIns } = loadOf(users)
  const { applicationMicros, utilization } = assumptions
  const { seen, unseen, refresh, signIn } = costs.node
  // A sign-out counts as a refresh: both are one call of the store.
  const pluginCores = (micros: number) => (requests * micros + refreshes * refresh + signIns * (signIn + refresh)) / 1e6
  const applicationCores = (requests * applicationMicros) / 1e6
  const mostPluginCores = pluginCores(unseen)
  return {
    applicationCores,
    leastPluginCores: pluginCores(seen),
    mostPluginCores,
    nodes: Math.ceil((applicationCores + mostPluginCores) / utilization),
    revocationBytes: revocationBytesFor(signIns, costs)
  }
}

/** What a node keeps of so many sign-outs per second. */
export function revocationBytesFor(signOuts: number, { revocationBytes }: Pick<Costs, 'revocationBytes'>): number {
  return signOuts * (assumptions.accessTokenSeconds + revocationMarginMs / 1000) * revocationBytes
}

export interface Primaries {
  readonly store: string
  /** Cores that all primaries together are busy with. */
  readonly cores: number
  readonly bytes: number
  readonly primaries: number
  /** What one primary alone has too little of; `null` if it suffices. */
  readonly shortage: 'CPU' | 'memory' | 'connections' | null
  /** Of each primary: the pools of all nodes, and one connection of each that listens. */
  readonly connections: number
  /** What all primaries together send to the nodes for sign-outs, per second. */
  readonly pushedBytesPerSecond: number
}

export function primariesFor(users: number, costs: Costs): Primaries[] {
  const { refreshes, signIns } = loadOf(users)
  const { nodes } = nodesFor(users, costs)
  const { utilization, coresOfPostgres, bytesOfRedis, poolSize, pollSeconds, maxConnections } = assumptions
  return costs.databases.map(({ store, operations, sessionBytes }) => {
    const cpu = (name: string) => operations.find((operation) => operation.name === name)!.cpuMicros / 1e6
    const pushing = nodes * (costs.pushed.cpuMicros / 1e6)
    const shared = refreshes * cpu('refresh') + signIns * (cpu('sign-in') + cpu('sign-out') + pushing)
    // Every node reads the log of every primary.
    const polling = (nodes / pollSeconds) * cpu('empty read of the log')
    const bytes = users * sessionBytes
    // Redis runs scripts on one core and keeps everything in memory; PostgreSQL keeps it on the disk.
    const usable = utilization * (store === 'redis' ? 1 : coresOfPostgres) - polling
    const byCpu = usable > 0 ? Math.ceil(shared / usable) : Infinity
    const byMemory = store === 'redis' ? Math.ceil(bytes / bytesOfRedis) : 1
    const primaries = Math.max(byCpu, byMemory)
    const connections = nodes * ((store === 'redis' ? 1 : poolSize) + 1)
    const shortages = { memory: byMemory > byCpu, CPU: byCpu > 1, connections: connections > maxConnections[store]! }
    return {
      store,
      cores: shared + primaries * polling,
      bytes,
      primaries,
      shortage: (['memory', 'CPU', 'connections'] as const).find((name) => shortages[name]) ?? null,
      connections,
      pushedBytesPerSecond: signIns * nodes * costs.pushed.bytes
    }
  })
}
