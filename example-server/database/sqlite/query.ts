import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { AppError } from '../../errors.ts'
import { textOf, type Query, type Value } from '../query.ts'

/**
 * SQLite's messages about temporary failures: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. The package for Node 20
 * leaves the result code out of the errors of `all()`.
 */
const temporaryFailure =
  /is locked|attempt to write a readonly database|disk I\/O error|database or disk is full|unable to open database file/

type Statement = ReturnType<SqliteDatabase['prepare']>

/** Runs each statement completely before it returns, so that no other request comes between. */
export function createQuery(database: SqliteDatabase): Query {
  const prepared = new Map<string, Statement>()

  function prepare(text: string): Statement {
    const statement = prepared.get(text) ?? database.prepare(text)
    prepared.set(text, statement)
    return statement
  }

  return async function query<Row>(statement: Parameters<Query>[0]) {
    try {
      const bindings = statement.values.map((value, index) => [index + 1, toColumn(value)])
      return prepare(textOf(statement)).all(Object.fromEntries(bindings)) as Row[]
    } catch (cause) {
      // A full disk, or a long write elsewhere.
      if (temporaryFailure.test((cause as Error).message)) throw new AppError('DATABASE_UNAVAILABLE', { cause })
      throw cause
    }
  }
}

function toColumn(value: Value): string | number | null {
  if (typeof value === 'boolean') return Number(value)
  if (value instanceof Date) return value.getTime()
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
