import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { skip as skipPostgres, startPostgres } from '../test/fixtures/postgres-server.ts'
import { skipWithoutRedis, startRedis } from '../test/fixtures/redis-server.ts'

export type StoreName = 'memory' | 'sqlite' | 'redis' | 'postgres'

/** A private database. It confirms a write only after the write is on disk. */
export interface Database {
  /** What a measured process needs to open it. */
  readonly location: { readonly store: StoreName; readonly [name: string]: string }
  stop(): Promise<void>
}

let started: Promise<Database[]> | undefined

/** A database of each kind that is installed here. All parts of the benchmark share them. */
export async function sharedDatabases(): Promise<Database[]> {
  started ??= startDatabases()
  return await started
}

export async function stopSharedDatabases(): Promise<void> {
  for (const database of (await started) ?? []) await database.stop()
  started = undefined
}

async function startDatabases(): Promise<Database[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const databases: Database[] = [
    { location: { store: 'memory' }, stop: async () => {} },
    { location: { store: 'sqlite', folder }, stop: async () => rmSync(folder, { recursive: true }) }
  ]
  if (skipWithoutRedis.skip) console.log(`skipping Redis: ${skipWithoutRedis.skip}`)
  else {
    const { path, stop } = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
    databases.push({ location: { store: 'redis', path }, stop })
  }
  if (skipPostgres) console.log(`skipping PostgreSQL: ${skipPostgres}`)
  else {
    const { connection, stop } = await startPostgres({ durable: true })
    databases.push({ location: { store: 'postgres', ...connection }, stop })
  }
  return databases
}
