import type { Pool } from 'pg'
import { AppError } from '../../errors.ts'

/** How long a query may take; afterwards its connection is destroyed. */
const queryTimeoutMs = 1900

/** SQLSTATE classes of our own mistakes: wrong data, a violated constraint, a wrong statement. */
const ownMistakes = new Set(['22', '23', '42'])

/** Runs a query and resolves to its rows. */
export type Query = <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/**
 * @param prepare is called before each query; resolves when the tables exist
 * @returns a function that rejects with AppError DATABASE_UNAVAILABLE on any failure that is not our own mistake
 */
export function createQuery(pool: Pool, prepare: () => Promise<void>): Query {
  return async function query(text, values = []) {
    try {
      await prepare()
      // A variable, because the types do not know that `pg` also accepts `query_timeout` for a single query.
      const query = { text, values: [...values], query_timeout: queryTimeoutMs }
      return (await pool.query(query)).rows
    } catch (cause) {
      if (ownMistakes.has(String((cause as { code?: unknown }).code).slice(0, 2))) throw cause
      throw new AppError('DATABASE_UNAVAILABLE', { cause })
    }
  }
}
