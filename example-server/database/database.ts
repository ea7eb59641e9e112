import type { Redis } from 'ioredis'
import type { SessionStore } from 'fastify-authenticate'
import { AppError } from '../errors.ts'
import type { CountSessions } from './session-count.ts'
import type { Tables } from './tables.ts'

export interface DatabaseConfig {
  /** Directory of the SQLite file; created if it does not exist. */
  readonly dataDir: string
  /** In production the demo users do not exist, even if the database contains them. */
  readonly production: boolean
  /** URL of the PostgreSQL database with users, notes and sessions; `null` means SQLite in `dataDir`. */
  readonly databaseUrl: string | null
  /** How many connections to PostgreSQL this process may open. */
  readonly databasePoolSize: number
  /**
   * URL of the Redis server with sessions and attempt counters; `null`: sessions in the database, counters in memory.
   */
  readonly redisUrl: string | null
}

/** Everything that outlives the process. While a server cannot be reached, calls reject with DATABASE_UNAVAILABLE. */
export interface Database extends Omit<Tables, 'openSessions' | 'countSessions'> {
  readonly sessions: SessionStore
  readonly redis: Redis | null
  /** `null`: they are in Redis, which would have to read every key. */
  readonly countSessions: CountSessions | null
  /** Resolves after the database of the users and the session store have each run a query. */
  ping(): Promise<void>
}

/** Also resolves while a server is down: the first query after it is back connects. */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const opening = [openTables(config), config.redisUrl === null ? null : openCache(config.redisUrl)] as const
  const [tables, cache] = await Promise.all(opening).catch(async (error: unknown) => {
    // What stays open would keep a command running.
    for (const opened of await Promise.allSettled(opening)) {
      if (opened.status === 'fulfilled') await opened.value?.close()
    }
    throw error
  })
  const sessions = cache?.sessions ?? tables.openSessions()
  return {
    ...tables,
    sessions,
    redis: cache?.redis ?? null,
    countSessions: cache === null ? tables.countSessions : null,
    async ping() {
      await Promise.all([tables.ping(), sessions.find('none').catch(refuse)])
    },
    async close() {
      await Promise.all([tables.close(), cache?.close()])
    }
  }
}

function refuse(cause: unknown): never {
  throw new AppError('DATABASE_UNAVAILABLE', { cause })
}

// Loaded on demand, so that a start does not wait for the client of a database that is not used.

async function openTables({ databaseUrl, databasePoolSize, dataDir, production }: DatabaseConfig): Promise<Tables> {
  const options = { withDemo: !production }
  if (databaseUrl === null) return await (await import('./sqlite/open.ts')).openSqlite(dataDir, options)
  return await (
    await import('./postgres/open.ts')
  ).openPostgres(databaseUrl, { ...options, poolSize: databasePoolSize })
}

async function openCache(redisUrl: string) {
  return await (await import('./redis.ts')).openRedis(redisUrl)
}
