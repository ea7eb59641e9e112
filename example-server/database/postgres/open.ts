import { Pool, type PoolConfig } from 'pg'
import { postgresStore } from 'fastify-authenticate/stores/postgres'
import { AppError } from '../../errors.ts'
import { createTables, type Tables, type TablesOptions } from '../tables.ts'
import { createQuery } from './query.ts'
import { migrate } from './schema.ts'

const connectTimeoutMs = 2000
/** How long closing waits for connections that hang; they must not keep the process running. */
const closeTimeoutMs = 1000

export interface PostgresOptions extends TablesOptions {
  readonly poolSize: number
}

/**
 * Opens a pool for users, notes and sessions, and creates the tables: now, or as soon as PostgreSQL is back.
 * @throws Error if PostgreSQL refuses the user, the password or the database, because waiting cannot help
 */
export async function openPostgres(url: string, { poolSize, ...options }: PostgresOptions): Promise<Tables> {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true
  } satisfies PoolConfig)
  // Emitted when an idle connection breaks; without a listener it ends the process. The next query opens a new one.
  pool.on('error', () => {})
  let prepared: Promise<void> | undefined

  async function prepare(): Promise<void> {
    prepared ??= migrate(pool).catch((error: unknown) => {
      prepared = undefined
      throw error
    })
    await prepared
  }

  const tables = createTables(createQuery(pool, prepare), options)
  await tables.users.byId('nobody').catch(async (error: unknown) => {
    if (error instanceof AppError && !isAccessRefused(error.cause)) return
    await pool.end()
    if (!(error instanceof AppError)) throw error
    const code = (error.cause as { code?: string }).code ?? 'no password'
    throw new Error(`PostgreSQL rejects the user, the password or the database of DATABASE_URL (${code})`)
  })
  return {
    ...tables,
    openSessions: () => postgresStore(pool),
    async ping() {
      await tables.users.byId('nobody')
    },
    async close() {
      const closing = AbortSignal.timeout(closeTimeoutMs)
      await Promise.race([pool.end(), new Promise((resolve) => closing.addEventListener('abort', resolve))])
    }
  }
}

/**
 * SQLSTATE class 28 (wrong user or password), 3D (no such database), or an error of SASL without code (no password).
 */
function isAccessRefused(cause: unknown): boolean {
  const { code = '', message } = cause as { code?: string; message: string }
  return /^(28|3D)...$/.test(code) || message.startsWith('SASL')
}
