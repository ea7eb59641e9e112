import type { Algorithm } from './algorithms.ts'
import type { Workload } from './bursts.ts'
import type { Pair } from './comparison.ts'
import type { Effort } from './effort.ts'
import { byCookie, byHeader, serialize } from './request.ts'
import { startServer, type Server } from './server.ts'
import { audience, issuer, keyOf, secret, signMany } from './tokens.ts'

/** Signed-in users, each with a token or a cookie that is sent repeatedly. */
export const users = 100

const sources = { header: byHeader, cookie: byCookie }
export type Source = keyof typeof sources

/** A server, and the requests that are sent to it in turn. */
export interface Target {
  readonly server: Server
  readonly requests: readonly Buffer[]
}

export type Stage = ReturnType<typeof createStage>

/** The servers of one part of the benchmark. All run at the same time, each in its own process. */
export function createStage(effort: Effort) {
  const servers = new Map<string, Promise<Server>>()
  const { operations, cpuMs } = effort.warmUp
  /** For what runs on a server that is warm already. */
  const warmedUp = { ...effort, warmUp: { operations: operations / 5, cpuMs: cpuMs / 5 } }
  const warm = new Set<Server>()

  /** Starts a server, or returns the one that was started with the same input. */
  async function open(file: string, more: object = {}): Promise<Server> {
    const name = JSON.stringify([file, more])
    const server =
      servers.get(name) ?? startServer(file, { issuer, audience, secret, users, key: keyOf('HS256'), ...more })
    servers.set(name, server)
    return await server
  }

  async function workload({ server, requests }: Target): Promise<Workload> {
    const isWarm = warm.has(server)
    warm.add(server)
    return await server.workload(requests, isWarm ? warmedUp : effort)
  }

  async function pair(
    name: string,
    { subject, reference }: { readonly subject: Target; readonly reference: Target }
  ): Promise<Pair> {
    return { name, subject: await workload(subject), reference: await workload(reference) }
  }

  return {
    open,
    pair,

    async againstBare(name: string, { server, requests }: Target): Promise<Pair> {
      return await pair(name, { subject: { server, requests }, reference: { server: await open('bare.js'), requests } })
    },

    /**
     * The plugin with a cache of a hundredth of these tokens: one that nearly holds them would hit, because the cache
     * keeps what was read.
     */
    async openCold(alg: Algorithm): Promise<Target> {
      return {
        server: await open('plugin.js', { key: keyOf(alg), cacheSize: Math.ceil(effort.coldCacheSize / 100) }),
        requests: requestsOf(unseenTokens(alg, effort))
      }
    },

    async stop(): Promise<void> {
      for (const server of servers.values()) await (await server).stop()
    }
  }
}

const made = new Map<Algorithm, string[]>()

/** More tokens than the cache of {@link Stage.openCold} holds. To sign them takes seconds, so they are made once. */
export function unseenTokens(alg: Algorithm, { coldCacheSize }: Effort): readonly string[] {
  const tokens = made.get(alg) ?? signMany(alg, Math.ceil(coldCacheSize * 1.2))
  made.set(alg, tokens)
  return tokens
}

export function requestsOf(
  tokens: readonly string[],
  { source = 'header', path = '/me' }: { readonly source?: Source; readonly path?: string } = {}
): Buffer[] {
  return tokens.map((token) => serialize(path, sources[source](token)))
}
