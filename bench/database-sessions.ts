import { createBrowsers } from './browsers.ts'
import type { Workload } from './bursts.ts'
import { comparePairs, warmUp, type NamedComparison } from './comparison.ts'
import { sharedDatabases, type Database, type StoreName } from './databases.ts'
import type { Effort } from './effort.ts'
import { startProcess } from './process.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

export const users = 50
const requests = { check: 'GET /me', refresh: 'POST /refresh' }

/** Libraries that keep sessions in a database. `refreshing` is a server of its own, with other options. */
const peers = { 'better-auth': 'better-auth.js', '@fastify/session': 'fastify-session.js' }

export interface DatabaseSession extends NamedComparison {
  readonly store: StoreName
  readonly peer: string
  readonly request: keyof typeof requests
}

/** Session checks and refreshes of this plugin against those of other libraries over the same database. */
export async function measureDatabaseSessions(effort: Effort): Promise<DatabaseSession[]> {
  const rows: DatabaseSession[] = []
  for (const { location } of await sharedDatabases()) {
    if (effort.databases.some((name) => name === location.store)) rows.push(...(await compareOver(location, effort)))
  }
  return rows
}

async function compareOver(location: Database['location'], effort: Effort): Promise<DatabaseSession[]> {
  const { store } = location
  const kinds = (['check', 'refresh'] as const).flatMap((request) =>
    Object.entries(peers).map(([peer, file]) => ({ store, peer, request, file }))
  )
  const plugin = startServer('plugin.js', { location })
  const others = kinds.map(({ request, file }) => startServer(file, { location, refreshing: request === 'refresh' }))
  const servers = await Promise.all([plugin, ...others])
  try {
    const own = {
      check: await servers[0]!.workload('check', effort),
      refresh: await servers[0]!.workload('refresh', effort)
    }
    const pairs = []
    for (const [index, { peer, request }] of kinds.entries()) {
      pairs.push({
        store,
        peer,
        request,
        name: `${store}: ${request}, against ${peer}`,
        subject: own[request],
        reference: await servers[index + 1]!.workload(request, effort)
      })
    }
    const compared = await comparePairs(pairs, effort)
    return pairs.map(({ store, peer, request }, index) => ({ store, peer, request, ...compared[index]! }))
  } finally {
    for (const { stop } of servers) await stop()
  }
}

async function startServer(file: string, more: object) {
  const input = { issuer, audience, secret, users, key: keyOf('HS256'), ...more }
  const { ready, request, stop } = await startProcess(`servers/sessions/${file}`, { input })
  const { port, cookies } = ready as { port: number; cookies: string[] }
  const browsers = await createBrowsers({ port, name: file, cookies })
  const cpuMicros = async () => (await request<{ cpuMicros: number }>({})).cpuMicros

  return {
    async workload(kind: keyof typeof requests, effort: Effort): Promise<Workload> {
      const run = async (count: number) => {
        const before = await cpuMicros()
        const start = performance.now()
        const operations = await browsers.send(count, requests[kind])
        const wallMicros = (performance.now() - start) * 1000
        return { operations, wallMicros, cpuMicros: (await cpuMicros()) - before }
      }
      return await warmUp(run, effort)
    },
    async stop(): Promise<void> {
      browsers.close()
      await stop()
    }
  }
}
