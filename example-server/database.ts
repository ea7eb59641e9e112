import type { Redis } from 'ioredis'
import type { SessionStore } from '../plugin/index.ts'
import type { KnownAddresses } from './known-addresses.ts'
import type { Notes } from './notes.ts'
import { Refusal } from './refusals.ts'
import type { Users } from './users.ts'

export interface DatabaseConfig {
  readonly dataDir: string
  readonly production: boolean
  /** PostgreSQL; `null` is SQLite in `dataDir`. */
  readonly databaseUrl: string | null
  /** Sessions and the counts of attempts; `null`: the sessions are with the users, the counts in memory. */
  readonly redisUrl: string | null
}

/** Where users, their known addresses and notes are, and sessions unless Redis has them: one of `sqlite/` and `postgres/`. */
export interface Tables {
  readonly users: Users
  readonly notes: Notes
  readonly knownAddresses: KnownAddresses
  /** Resolves when it has been asked something and has answered. */
  ping(): Promise<void>
  /** Makes its tables if need be. */
  openSessions(): SessionStore
  close(): Promise<void>
}

/** Everything that outlives the process. What cannot be asked at the moment is refused as DATABASE_UNAVAILABLE. */
export interface Database extends Omit<Tables, 'openSessions'> {
  readonly sessions: SessionStore
  readonly redis: Redis | null
  /** Resolves when users and sessions have been asked something and have answered. */
  ping(): Promise<void>
}

/** Resolves also where a server is away: the first question after it is back finds it. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const [tables, cache] = await Promise.all([
    openTables(config),
    config.redisUrl === null ? null : openCache(config.redisUrl)
  ])
  const sessions = cache?.sessions ?? tables.openSessions()
  return {
    users: tables.users,
    notes: tables.notes,
    knownAddresses: tables.knownAddresses,
    sessions,
    redis: cache?.redis ?? null,
    async ping() {
      await Promise.all([tables.ping(), sessions.find('none').catch(refuse)])
    },
    async close() {
      await Promise.all([tables.close(), cache?.close()])
    }
  }
}

function refuse(cause: unknown): never {
  throw new Refusal('DATABASE_UNAVAILABLE', {}, { cause })
}

// Imported where they are used: no start waits for a client that it does not need.

async function openTables({ databaseUrl, dataDir, production }: DatabaseConfig): Promise<Tables> {
  const options = { withDemo: !production }
  if (databaseUrl === null) return await (await import('./sqlite/open.ts')).openSqlite(dataDir, options)
  return await (await import('./postgres/open.ts')).openPostgres(databaseUrl, options)
}

async function openCache(redisUrl: string) {
  return await (await import('./redis.ts')).openRedis(redisUrl)
}
