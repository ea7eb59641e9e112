import { randomUUID } from 'node:crypto'
import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { defaultScope, maxListed, type User, type Users, type UsersOptions } from '../users.ts'
import { prepare } from './statement.ts'

export function createUsers(database: SqliteDatabase, { withDemo }: UsersOptions): Users {
  const visible = withDemo ? 'TRUE' : 'demo = 0'
  const enabled = `${visible} AND disabled_at IS NULL`
  const byName = prepare(database, `SELECT * FROM users WHERE name = :name AND ${enabled}`)
  const byId = prepare(database, `SELECT * FROM users WHERE id = :id AND ${enabled}`)
  const find = prepare(database, `SELECT * FROM users WHERE name = :name AND ${visible}`)
  const list = prepare(database, `SELECT * FROM users WHERE ${visible} ORDER BY name LIMIT ${maxListed}`)
  const insert = prepare(
    database,
    `INSERT INTO users (id, name, password_hash, roles, scope, demo, created_at)
    VALUES (:id, :name, :passwordHash, :roles, :scope, :demo, :now) ON CONFLICT (name) DO NOTHING`
  )
  const replaceHash = prepare(database, 'UPDATE users SET password_hash = :to WHERE id = :id AND password_hash = :from')
  const setDisabled = prepare(database, 'UPDATE users SET disabled_at = :at WHERE id = :id')
  const setRoles = prepare(database, 'UPDATE users SET roles = :roles WHERE id = :id')
  const remove = prepare(database, 'DELETE FROM users WHERE id = :id')

  return {
    byName: async (name) => toUser(byName.get({ name })),
    byId: async (id) => toUser(byId.get({ id })),
    find: async (name) => toUser(find.get({ name })),
    list: async () => list.all({}).map((columns) => toUser(columns)!),

    async add({ name, passwordHash, roles = [], demo = false }) {
      const id = randomUUID()
      const { changes } = insert.run({
        id,
        name,
        passwordHash,
        roles: JSON.stringify(roles),
        scope: defaultScope,
        demo: Number(demo),
        now: Date.now()
      })
      return Number(changes) === 1 ? toUser(byId.get({ id })) : null
    },

    replacePasswordHash: async (id, { from, to }) => Number(replaceHash.run({ id, from, to }).changes) === 1,

    async setDisabled(id, isDisabled) {
      setDisabled.run({ id, at: isDisabled ? Date.now() : null })
    },
    async setRoles(id, roles) {
      setRoles.run({ id, roles: JSON.stringify(roles) })
    },
    async remove(id) {
      remove.run({ id })
    }
  }
}

function toUser(columns: unknown): User | null {
  if (columns === undefined) return null
  const of = columns as {
    id: string
    name: string
    password_hash: string
    roles: string
    scope: string
    created_at: number
    disabled_at: number | null
  }
  return {
    id: of.id,
    name: of.name,
    passwordHash: of.password_hash,
    roles: JSON.parse(of.roles) as string[],
    scope: of.scope,
    createdAt: new Date(of.created_at),
    disabledAt: of.disabled_at === null ? null : new Date(of.disabled_at)
  }
}
