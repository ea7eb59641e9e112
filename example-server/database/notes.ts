import { randomUUID } from 'node:crypto'
import { readTime, sql, type Query, type StoredTime } from './query.ts'

export interface Note {
  readonly id: string
  readonly text: string
  readonly createdAt: Date
  /** Orders the notes: a later one has a higher number. */
  readonly number: number
}

export interface NotesPage {
  /** Only older notes than the one with this number; `null`: from the newest. Default: `null`. */
  readonly before?: number | null
  /** How many notes at most. Default: all. */
  readonly limit?: number
}

/** Notes of one user; concurrent requests may exceed it by a few. */
const maxNotes = 1000
/** Characters of all notes of one user. */
const maxNotesLength = 1_000_000

/** The notes. Every query names the owner, so that nobody reaches another user's notes. */
export interface Notes {
  /** Newest first. */
  list(userId: string, page?: NotesPage): Promise<Note[]>
  /** Resolves to `null` if the user has too many notes or was deleted. */
  add(userId: string, text: string): Promise<Note | null>
  /** Resolves to false if the user has no such note. */
  remove(userId: string, id: string): Promise<boolean>
}

interface Row {
  readonly id: string
  readonly text: string
  readonly createdAt: StoredTime
  /** PostgreSQL returns a bigint as text. */
  readonly number: number | string
}

export function createNotes(query: Query): Notes {
  const columns = sql`id, text, created_at AS "createdAt", number`
  const read = async (statement: Parameters<Query>[0]) =>
    (await query<Row>(statement)).map((row) => ({
      ...row,
      createdAt: readTime(row.createdAt),
      number: Number(row.number)
    }))

  return {
    list: async (userId, { before = null, limit = Number.MAX_SAFE_INTEGER } = {}) =>
      await read(sql`
        SELECT ${columns} FROM notes WHERE user_id = ${userId} AND number < ${before ?? Number.MAX_SAFE_INTEGER}
        ORDER BY number DESC LIMIT ${limit}`),

    async add(userId, text) {
      const [note = null] = await read(sql`
        INSERT INTO notes (id, user_id, text, created_at)
        SELECT ${randomUUID()}, id, ${text}, ${new Date()} FROM users
        WHERE id = ${userId} AND (
          SELECT count(*) < ${maxNotes} AND coalesce(sum(length(text)), 0) + length(${text}) <= ${maxNotesLength}
          FROM notes WHERE user_id = ${userId}
        ) RETURNING ${columns}`)
      return note
    },

    remove: async (userId, id) =>
      (await query(sql`DELETE FROM notes WHERE id = ${id} AND user_id = ${userId} RETURNING id`)).length === 1
  }
}
