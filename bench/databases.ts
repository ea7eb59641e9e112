import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { skip as skipPostgres, startPostgres } from '../test/fixtures/postgres-server.ts'
import { skipWithoutRedis, startRedis } from '../test/fixtures/redis-server.ts'

export type StoreName = 'memory' | 'sqlite' | 'redis' | 'postgres'

/** A private database of each kind that is installed here, with the settings that it comes with. */
export interface Database {
  /** What a measured process opens it by. */
  readonly place: { readonly store: StoreName; readonly [name: string]: string }
  stop(): Promise<void>
}

export async function startDatabases(): Promise<Database[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const databases: Database[] = [
    { place: { store: 'memory' }, stop: async () => {} },
    { place: { store: 'sqlite', folder }, stop: async () => rmSync(folder, { recursive: true }) }
  ]
  if (skipWithoutRedis.skip) console.log(`Redis is left out: ${skipWithoutRedis.skip}`)
  else {
    const { path, stop } = await startRedis()
    databases.push({ place: { store: 'redis', path }, stop })
  }
  if (skipPostgres) console.log(`PostgreSQL is left out: ${skipPostgres}`)
  else {
    const { connection, stop } = await startPostgres()
    databases.push({ place: { store: 'postgres', ...connection }, stop })
  }
  return databases
}
