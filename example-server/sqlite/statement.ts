import type { SqliteDatabase } from '../../plugin/stores/sqlite.ts'
import { Refusal } from '../refusals.ts'

/** Primary result codes of moments that pass: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const passing = new Set([5, 6, 8, 10, 13, 14])

/** A statement that refuses as DATABASE_UNAVAILABLE when the file cannot be had: the disk is full, another process writes for long. */
export function prepare(database: SqliteDatabase, sql: string) {
  const statement = database.prepare(sql)
  type Bindings = Parameters<typeof statement.run>[0]

  function refuse(cause: unknown): never {
    // Extended result codes have the primary one in their lowest byte.
    if (passing.has(Number((cause as { errcode?: number }).errcode) & 0xff)) {
      throw new Refusal('DATABASE_UNAVAILABLE', {}, { cause })
    }
    throw cause
  }

  const attempt =
    <T>(ask: (bindings: Bindings) => T) =>
    (bindings: Bindings): T => {
      try {
        return ask(bindings)
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
