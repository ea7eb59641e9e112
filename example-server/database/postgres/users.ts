import { randomUUID } from 'node:crypto'
import { defaultScope, maxListed, type User, type Users, type UsersOptions } from '../users.ts'
import type { Query } from './query.ts'

const columns =
  'id, name, password_hash AS "passwordHash", roles, scope, created_at AS "createdAt", disabled_at AS "disabledAt"'

export function createUsers(query: Query, { withDemo }: UsersOptions): Users {
  const selectVisible = `SELECT ${columns} FROM users WHERE ${withDemo ? 'TRUE' : 'NOT demo'}`

  const find = `${selectVisible} AND lower(name) = lower($1 COLLATE "C")`

  return {
    byName: async (name) => first(await query<User>(`${find} AND disabled_at IS NULL`, [name])),
    byId: async (id) => first(await query<User>(`${selectVisible} AND id = $1 AND disabled_at IS NULL`, [id])),
    find: async (name) => first(await query<User>(find, [name])),
    list: async () => await query<User>(`${selectVisible} ORDER BY lower(name) LIMIT ${maxListed}`),

    async add({ name, passwordHash, roles = [], demo = false }) {
      return first(
        await query<User>(
          `INSERT INTO users (id, name, password_hash, roles, scope, demo) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING RETURNING ${columns}`,
          [randomUUID(), name, passwordHash, roles, defaultScope, demo]
        )
      )
    },

    async replacePasswordHash(id, { from, to }) {
      return (
        (
          await query('UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id', [
            id,
            from,
            to
          ])
        ).length === 1
      )
    },

    async setDisabled(id, isDisabled) {
      await query(`UPDATE users SET disabled_at = ${isDisabled ? 'clock_timestamp()' : 'NULL'} WHERE id = $1`, [id])
    },
    async setRoles(id, roles) {
      await query('UPDATE users SET roles = $2 WHERE id = $1', [id, roles])
    },
    async remove(id) {
      await query('DELETE FROM users WHERE id = $1', [id])
    }
  }
}

function first([user]: User[]): User | null {
  return user ?? null
}
