import { randomUUID } from 'node:crypto'
import { readTime, sql, type Query, type StoredTime } from './query.ts'

export interface Note {
  readonly id: string
  readonly text: string
  readonly createdAt: Date
}

/** Notes of one user; concurrent requests may exceed it by a few. */
const maxNotes = 1000
/** Characters of all notes of one user. */
const maxNotesLength = 1_000_000

/** The notes. Every query names the owner, so that nobody reaches another user's notes. */
export interface Notes {
  /** Oldest first. */
  list(userId: string): Promise<Note[]>
  /** Resolves to `null` if the user has too many notes or was deleted. */
  add(userId: string, text: string): Promise<Note | null>
  /** Resolves to false if the user has no such note. */
  remove(userId: string, id: string): Promise<boolean>
}

interface Row {
  readonly id: string
  readonly text: string
  readonly createdAt: StoredTime
}

export function createNotes(query: Query): Notes {
  const columns = sql`id, text, created_at AS "createdAt"`
  const read = async (statement: Parameters<Query>[0]) =>
    (await query<Row>(statement)).map((row) => ({ ...row, createdAt: readTime(row.createdAt) }))

  return {
    list: async (userId) => await read(sql`SELECT ${columns} FROM notes WHERE user_id = ${userId} ORDER BY number`),

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
