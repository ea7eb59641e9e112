import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { AppError } from '../../errors.ts'

/** Primary result codes of temporary failures: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const temporaryFailures = new Set([5, 6, 8, 10, 13, 14])

/**
 * Prepares a statement that throws DATABASE_UNAVAILABLE on a temporary failure: a full disk, a long write elsewhere.
 */
export function prepare(database: SqliteDatabase, sql: string) {
  const statement = database.prepare(sql)
  type Bindings = Parameters<typeof statement.run>[0]

  function refuse(cause: unknown): never {
    // The lowest byte of an extended result code is the primary one.
    if (temporaryFailures.has(Number((cause as { errcode?: number }).errcode) & 0xff)) {
      throw new AppError('DATABASE_UNAVAILABLE', { cause })
    }
    throw cause
  }

  const attempt =
    <T>(query: (bindings: Bindings) => T) =>
    (bindings: Bindings): T => {
      try {
        return query(bindings)
      } catch (error) {
        return refuse(error)
      }
    }

  return {
    run: attempt((bindings) => statement.run(bindings)),
    get: attempt((bindings) => statement.get(bindings)),
    all: attempt((bindings) => statement.all(bindings))
  }
}
