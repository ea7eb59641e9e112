import type { DatabaseLoad } from './database-load.ts'

/** What was measured, per operation or entry. */
export interface Costs {
  /** Processor time of a node, in microseconds. */
  readonly node: { readonly seen: number; readonly unseen: number; readonly refresh: number; readonly signIn: number }
  /** Processor time of a database, in microseconds, and its bytes per session with all indexes. */
  readonly databases: readonly (DatabaseLoad & { readonly sessionBytes: number })[]
  /** Bytes in the memory of each node. */
  readonly revocationBytes: number
  /** What the database sends to one node for one sign-out, and the processor time that this takes of it. */
  readonly pushed: { readonly bytes: number; readonly cpuMicros: number }
}

/** What is assumed of the users and their application. Every member is a row of the page's first table. */
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
  pollSeconds: 5
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
  /** Cores that the plugin adds: checks of tokens, refreshes, sign-ins and sign-outs. */
  readonly pluginCores: number
  /** Processes of one core each, at the assumed utilization. */
  readonly nodes: number
  /** The list of revocations in the memory of each node. */
  readonly revocationBytes: number
}

export function nodesFor(users: number, { node, revocationBytes }: Costs): Nodes {
  const { requests, refreshes, signIns } = loadOf(users)
  const { applicationMicros, utilization, accessTokenSeconds } = assumptions
  const applicationCores = (requests * applicationMicros) / 1e6
  const fixedCores = (requests * node.seen + refreshes * node.refresh + signIns * (node.signIn + node.refresh)) / 1e6
  // Each token is new once to every node that it reaches, at most with each of its requests.
  const requestsPerToken = requests / (refreshes + signIns)
  let nodes = 1
  for (let previous = 0; nodes !== previous;) {
    previous = nodes
    const unseen = (refreshes + signIns) * Math.min(nodes, requestsPerToken)
    const cores = applicationCores + fixedCores + (unseen * node.unseen) / 1e6
    nodes = Math.max(nodes, Math.ceil(cores / utilization))
  }
  const unseen = (refreshes + signIns) * Math.min(nodes, requestsPerToken)
  const heldSeconds = accessTokenSeconds + marginSeconds
  return {
    applicationCores,
    pluginCores: fixedCores + (unseen * node.unseen) / 1e6,
    nodes,
    revocationBytes: signIns * heldSeconds * revocationBytes
  }
}

/** How much longer than the access tokens a revocation is kept. */
const marginSeconds = 60

export interface Primaries {
  readonly store: string
  /** Cores that all primaries together are busy with. */
  readonly cores: number
  readonly bytes: number
  readonly primaries: number
  /** What requires the most primaries. */
  readonly limit: 'CPU' | 'memory'
  /** Of each primary: the pools of all nodes, and one connection of each that listens. */
  readonly connections: number
  /** What all primaries together send to the nodes for sign-outs, per second. */
  readonly pushedBytesPerSecond: number
}

export function primariesFor(users: number, costs: Costs): Primaries[] {
  const { refreshes, signIns } = loadOf(users)
  const { nodes } = nodesFor(users, costs)
  const { utilization, coresOfPostgres, bytesOfRedis, poolSize, pollSeconds } = assumptions
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
    return {
      store,
      cores: shared + primaries * polling,
      bytes,
      primaries,
      limit: byMemory > byCpu ? 'memory' : 'CPU',
      connections: nodes * ((store === 'redis' ? 1 : poolSize) + 1),
      pushedBytesPerSecond: signIns * nodes * costs.pushed.bytes
    }
  })
}
