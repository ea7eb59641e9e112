import { randomUUID } from 'node:crypto'
import { maxNotes, maxNotesLength, type Note, type Notes } from '../notes.ts'
import type { Query } from './query.ts'

const columns = 'id, text, created_at AS "createdAt"'

export function createNotes(query: Query): Notes {
  return {
    list: async (userId) =>
      await query<Note>(`SELECT ${columns} FROM notes WHERE user_id = $1 ORDER BY number`, [userId]),

    async add(userId, text) {
      const [note = null] = await query<Note>(
        `INSERT INTO notes (id, user_id, text) SELECT $1, id, $3 FROM users
        WHERE id = $2 AND (
          SELECT count(*) < ${maxNotes} AND coalesce(sum(length(text)), 0) + length($3) <= ${maxNotesLength}
          FROM notes WHERE user_id = $2
        ) RETURNING ${columns}`,
        [randomUUID(), userId, text]
      )
      return note
    },

    remove: async (userId, id) =>
      (await query('DELETE FROM notes WHERE id = $2 AND user_id = $1 RETURNING id', [userId, id])).length === 1
  }
}
