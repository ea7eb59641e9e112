import type { Pool } from 'pg'
import { Refusal } from '../refusals.ts'

/** How long an answer is waited for; afterwards the connection is given up. */
const answerMs = 1900

/** SQLSTATE classes that tell of a fault of ours: wrong data, a constraint, a wrong statement. All else is a database that is away. */
const ownFaults = new Set(['22', '23', '42'])

/** Asks a question; resolves to the rows of the answer. */
export type Query = <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/**
 * @param prepare resolves when the tables are there; asked before each question
 * @returns a function that rejects with Refusal DATABASE_UNAVAILABLE while there is no answer to be had
 */
export function createQuery(pool: Pool, prepare: () => Promise<void>): Query {
  return async function query(text, values = []) {
    try {
      await prepare()
      // Typed without the time limit, which `pg` takes for single queries too.
      const question = { text, values: [...values], query_timeout: answerMs }
      return (await pool.query(question)).rows
    } catch (cause) {
      if (ownFaults.has(String((cause as { code?: unknown }).code).slice(0, 2))) throw cause
      throw new Refusal('DATABASE_UNAVAILABLE', {}, { cause })
    }
  }
}
