import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { AppError } from '../../errors.ts'
import { textOf, type Query, type Value } from '../query.ts'

/** Primary result codes of temporary failures: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const temporaryFailures = new Set([5, 6, 8, 10, 13, 14])

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
      // A full disk, or a long write elsewhere. The lowest byte of an extended result code is the primary one.
      const code = Number((cause as { errcode?: number }).errcode) & 0xff
      if (temporaryFailures.has(code)) throw new AppError('DATABASE_UNAVAILABLE', { cause })
      throw cause
    }
  }
}

function toColumn(value: Value): string | number | null {
  if (typeof value === 'boolean') return Number(value)
  if (value instanceof Date) return value.getTime()
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
