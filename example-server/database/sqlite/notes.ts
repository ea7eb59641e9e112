import { randomUUID } from 'node:crypto'
import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { maxNotes, maxNotesLength, type Note, type Notes } from '../notes.ts'
import { prepare } from './statement.ts'

export function createNotes(database: SqliteDatabase): Notes {
  const list = prepare(
    database,
    'SELECT id, text, created_at FROM notes WHERE user_id = :userId ORDER BY created_at, rowid'
  )
  const insert = prepare(
    database,
    `INSERT INTO notes (id, user_id, text, created_at) SELECT :id, id, :text, :now FROM users
    WHERE id = :userId AND (
      SELECT count(*) < ${maxNotes} AND coalesce(sum(length(text)), 0) + length(:text) <= ${maxNotesLength}
      FROM notes WHERE user_id = :userId
    )`
  )
  const remove = prepare(database, 'DELETE FROM notes WHERE id = :id AND user_id = :userId')

  return {
    list: async (userId) => list.all({ userId }).map(toNote),

    async add(userId, text) {
      const id = randomUUID()
      const now = Date.now()
      return Number(insert.run({ id, userId, text, now }).changes) === 1 ? { id, text, createdAt: new Date(now) } : null
    },

    remove: async (userId, id) => Number(remove.run({ id, userId }).changes) === 1
  }
}

function toNote(columns: unknown): Note {
  const { id, text, created_at: createdAt } = columns as { id: string; text: string; created_at: number }
  return { id, text, createdAt: new Date(createdAt) }
}
