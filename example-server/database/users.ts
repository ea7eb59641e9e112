import { randomUUID } from 'node:crypto'
import { readList, readTime, sql, type Query, type Sql, type StoredList, type StoredTime } from './query.ts'
import type { Role } from '../roles.ts'

export interface User {
  readonly id: string
  /** Spelled as it was registered; compared without regard to case. */
  readonly name: string
  readonly passwordHash: string
  readonly roles: string[]
  readonly createdAt: Date
  /** Since when the user cannot sign in; `null`: not disabled. */
  readonly disabledAt: Date | null
}

export interface NewUser {
  readonly name: string
  readonly passwordHash: string
  readonly roles?: readonly Role[]
  /** Marks a demo user, who does not exist in production. Default: false. */
  readonly demo?: boolean
}

/** How many users `list()` returns. */
export const maxListed = 1000

export interface UsersOptions {
  /** Whether the demo users exist. In production they must not, even if the database contains them. */
  readonly withDemo: boolean
}

export interface Users {
  /** Finds a user who is not disabled by name, without regard to case. */
  byName(name: string): Promise<User | null>
  /** Finds a user who is not disabled. */
  byId(id: string): Promise<User | null>
  /** Finds a user by name, disabled or not. */
  find(name: string): Promise<User | null>
  /** The first 1000 users by name, disabled or not. */
  list(): Promise<User[]>
  /** Resolves to `null` if the name is taken. */
  add(user: NewUser): Promise<User | null>
  /** Compare and set: resolves to false if the stored hash is not `from`, because another request has replaced it. */
  replacePasswordHash(id: string, change: { from: string; to: string }): Promise<boolean>
  setDisabled(id: string, isDisabled: boolean): Promise<void>
  setRoles(id: string, roles: readonly Role[]): Promise<void>
  /** Deletes the user, the notes and the known addresses. */
  remove(id: string): Promise<void>
}

interface Row extends Omit<User, 'roles' | 'createdAt' | 'disabledAt'> {
  readonly roles: StoredList
  readonly createdAt: StoredTime
  readonly disabledAt: StoredTime | null
}

export function createUsers(query: Query, { withDemo }: UsersOptions): Users {
  const columns = sql`
    id, name, password_hash AS "passwordHash", roles, created_at AS "createdAt", disabled_at AS "disabledAt"`
  const isVisible = withDemo ? sql`TRUE` : sql`NOT demo`
  const isEnabled = sql`${isVisible} AND disabled_at IS NULL`
  const read = async (statement: Sql) => (await query<Row>(statement)).map(toUser)
  const find = async (condition: Sql) => (await read(sql`SELECT ${columns} FROM users WHERE ${condition}`))[0] ?? null

  return {
    byName: async (name) => await find(sql`${isNamed(name)} AND ${isEnabled}`),
    byId: async (id) => await find(sql`id = ${id} AND ${isEnabled}`),
    find: async (name) => await find(sql`${isNamed(name)} AND ${isVisible}`),
    list: async () =>
      await read(sql`SELECT ${columns} FROM users WHERE ${isVisible} ORDER BY lower(name) LIMIT ${maxListed}`),

    async add({ name, passwordHash, roles = [], demo = false }) {
      const [user = null] = await read(sql`
        INSERT INTO users (id, name, password_hash, roles, demo, created_at)
        VALUES (${randomUUID()}, ${name}, ${passwordHash}, ${roles}, ${demo}, ${new Date()})
        ON CONFLICT DO NOTHING RETURNING ${columns}`)
      return user
    },

    async replacePasswordHash(id, { from, to }) {
      const changed = await query(sql`
        UPDATE users SET password_hash = ${to} WHERE id = ${id} AND password_hash = ${from} RETURNING id`)
      return changed.length === 1
    },

    async setDisabled(id, isDisabled) {
      await query(sql`UPDATE users SET disabled_at = ${isDisabled ? new Date() : null} WHERE id = ${id}`)
    },
    async setRoles(id, roles) {
      await query(sql`UPDATE users SET roles = ${roles} WHERE id = ${id}`)
    },
    async remove(id) {
      await query(sql`DELETE FROM users WHERE id = ${id}`)
    }
  }
}

/** The condition for a user's name. Names are ASCII, and so is what both databases fold. */
export const isNamed = (name: string) => sql`lower(name) = ${foldCase(name)}`

/** Changes ASCII letters only: `toLowerCase()` would make the Kelvin sign a "k". */
const foldCase = (name: string) => name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())

function toUser({ roles, createdAt, disabledAt, ...user }: Row): User {
  return {
    ...user,
    roles: readList(roles),
    createdAt: readTime(createdAt),
    disabledAt: disabledAt === null ? null : readTime(disabledAt)
  }
}
