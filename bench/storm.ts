import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sharedDatabases, type Database, type StoreName } from './databases.ts'
import type { Effort } from './effort.ts'

/** All clients of three nodes refresh at the same time, as after a restart of the whole fleet. */
export interface Storm {
  /** Not the memory store, because the nodes are processes of their own. */
  readonly store: Exclude<StoreName, 'memory'>
  readonly refreshes: number
  /** How many requests are open at a time. */
  readonly concurrency: number
  readonly seconds: number
  /** Responses with 503, after which the client waits and tries again. */
  readonly unavailable: number
  /** Responses with another status than 200 and 503. */
  readonly failed: number
  /** Response times in milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
}

export async function measureStorm({ storm, databases }: Effort): Promise<Storm[]> {
  const rows: Storm[] = []
  for (const { location } of await sharedDatabases()) {
    const { store } = location
    if (store === 'memory' || !databases.includes(store)) continue
    rows.push({ store, ...storm, ...(await runStorm({ env: environments[store](location), ...storm })) })
  }
  return rows
}

/** Where the example server finds its database. */
const environments: Record<Storm['store'], (location: Database['location']) => Readonly<Record<string, string>>> = {
  sqlite: () => ({}),
  redis: ({ path }) => ({ REDIS_URL: `unix://${path}` }),
  postgres: ({ host, user, database }) => ({
    DATABASE_URL: `postgres://${user}@${encodeURIComponent(host!)}/${database}`
  })
}

async function runStorm(input: Effort['storm'] & { readonly env: Readonly<Record<string, string>> }) {
  const file = join(import.meta.dirname, 'storm-process.ts')
  const args = ['--conditions=fastify-authenticate-source', '--import', 'tsx', file, JSON.stringify(input)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as Omit<Storm, 'store' | 'refreshes' | 'concurrency'>
}
