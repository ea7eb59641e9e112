import type { Pool } from 'pg'
import { AppError } from '../../errors.ts'
import { textOf, type Query } from '../query.ts'

/** How long a query may take; afterwards its connection is destroyed. */
const queryTimeoutMs = 1900

/** SQLSTATE classes of our own mistakes: wrong data, a violated constraint, a wrong statement. */
const ownMistakes = new Set(['22', '23', '42'])

/** @param prepare is called before each query; resolves when the tables exist */
export function createQuery(pool: Pool, prepare: () => Promise<void>): Query {
  return async function query(statement) {
    try {
      await prepare()
      // A variable, because the types do not know that `pg` also accepts `query_timeout` for a single query.
      const query = { text: textOf(statement), values: [...statement.values], query_timeout: queryTimeoutMs }
      return (await pool.query(query)).rows
    } catch (cause) {
      if (ownMistakes.has(String((cause as { code?: unknown }).code).slice(0, 2))) throw cause
      throw new AppError('DATABASE_UNAVAILABLE', { cause })
    }
  }
}
