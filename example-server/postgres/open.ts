import { Pool, type PoolConfig } from 'pg'
import { postgresStore } from '../../plugin/stores/postgres.ts'
import type { Tables } from '../database.ts'
import { Refusal } from '../refusals.ts'
import type { UsersOptions } from '../users.ts'
import { createKnownAddresses } from './known-addresses.ts'
import { createNotes } from './notes.ts'
import { createQuery } from './query.ts'
import { migrate } from './schema.ts'
import { createUsers } from './users.ts'

const connectMs = 2000
/** Connections that hang must not keep the process from ending. */
const closeMs = 1000

/**
 * Opens a pool for users, notes and sessions, and makes the tables if need be: now, or when PostgreSQL is back.
 * @throws where PostgreSQL does not let us in: that does not pass by itself
 */
export async function openPostgres(url: string, options: UsersOptions): Promise<Tables> {
  const pool = new Pool({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    keepAlive: true
  } satisfies PoolConfig)
  // An idle connection that breaks: without a listener it would end the process; the next question opens another one.
  pool.on('error', () => {})
  let prepared: Promise<void> | undefined

  async function prepare(): Promise<void> {
    prepared ??= migrate(pool).catch((error: unknown) => {
      prepared = undefined
      throw error
    })
    await prepared
  }

  const query = createQuery(pool, prepare)
  const users = createUsers(query, options)
  await users.byId('nobody').catch(async (error: unknown) => {
    if (error instanceof Refusal && !isShutOut(error.cause)) return
    await pool.end()
    if (!(error instanceof Refusal)) throw error
    throw new Error(
      `DATABASE_URL names a user, a password or a database that PostgreSQL refuses (${(error.cause as { code?: string }).code ?? 'no password'})`
    )
  })
  return {
    users,
    notes: createNotes(query),
    knownAddresses: createKnownAddresses(query),
    openSessions: () => postgresStore(pool),
    async ping() {
      await users.byId('nobody')
    },
    async close() {
      const closing = AbortSignal.timeout(closeMs)
      await Promise.race([pool.end(), new Promise((resolve) => closing.addEventListener('abort', resolve))])
    }
  }
}

/** SQLSTATE class 28, a wrong user or password, and 3D, no such database; SASL without a code is a password that is missing. */
function isShutOut(cause: unknown): boolean {
  const { code = '', message } = cause as { code?: string; message: string }
  return /^(28|3D)...$/.test(code) || message.startsWith('SASL')
}
