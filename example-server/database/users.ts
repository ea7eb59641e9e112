import { randomUUID } from 'node:crypto'
import {
  isUniqueViolation,
  readList,
  readTime,
  sql,
  type Query,
  type Sql,
  type StoredList,
  type StoredTime
} from './query.ts'
import type { Role } from '../accounts/roles.ts'

export interface User {
  readonly id: string
  /** Spelled as it was registered; compared without regard to case. */
  readonly name: string
  /** Verified, and of no other user; compared without regard to case. `null`: none. */
  readonly email: string | null
  /** Named by the user and not verified yet: it has no effect, and several users may have named the same one. */
  readonly pendingEmail: string | null
  readonly passwordHash: string
  readonly roles: string[]
  readonly createdAt: Date
  /** Since when the user cannot sign in; `null`: not disabled. */
  readonly disabledAt: Date | null
}

export interface NewUser {
  readonly name: string
  readonly passwordHash: string
  readonly pendingEmail?: string | null
  readonly roles?: readonly Role[]
  /** Marks a demo user, who does not exist in production. Default: false. */
  readonly demo?: boolean
}

export interface UsersPage {
  /** The beginning of the name, without regard to case. Default: any. */
  readonly prefix?: string
  /** Only names after this one, without regard to case; `null`: from the first. Default: `null`. */
  readonly after?: string | null
  readonly limit: number
}

export interface UsersOptions {
  /** Whether the demo users exist. In production they must not, even if the database contains them. */
  readonly withDemo: boolean
}

export interface Users {
  /** Finds a user who is not disabled by name, without regard to case. */
  byName(name: string): Promise<User | null>
  /** Finds a user who is not disabled. */
  byId(id: string): Promise<User | null>
  /** Finds a user who is not disabled by verified e-mail address, without regard to case. */
  byEmail(email: string): Promise<User | null>
  /** Finds a user by name, disabled or not. */
  find(name: string): Promise<User | null>
  /** Users by name, disabled or not. */
  list(page: UsersPage): Promise<User[]>
  /** Resolves to `null` if the name is taken. */
  add(user: NewUser): Promise<User | null>
  /** Compare and set: resolves to false if the stored hash is not `from`, because another request has replaced it. */
  replacePasswordHash(id: string, change: { from: string; to: string }): Promise<boolean>
  setPendingEmail(id: string, email: string | null): Promise<void>
  /**
   * Makes the pending address the verified one. Resolves to false if another user has it, or if it is not pending any
   * more.
   */
  verifyEmail(id: string, email: string): Promise<boolean>
  /** Sets the address as verified, or removes it. Resolves to false if another user has it. */
  setEmail(id: string, email: string | null): Promise<boolean>
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
    id, name, email, pending_email AS "pendingEmail", password_hash AS "passwordHash", roles,
    created_at AS "createdAt", disabled_at AS "disabledAt"`
  const isVisible = withDemo ? sql`TRUE` : sql`NOT demo`
  const isEnabled = sql`${isVisible} AND disabled_at IS NULL`
  const read = async (statement: Sql) => (await query<Row>(statement)).map(toUser)
  const find = async (condition: Sql) => (await read(sql`SELECT ${columns} FROM users WHERE ${condition}`))[0] ?? null

  /** The index decides, so that of two users who get one address at the same moment only one has it. */
  async function unlessTaken(update: Sql): Promise<boolean> {
    try {
      return (await query(update)).length === 1
    } catch (error) {
      if (isUniqueViolation(error)) return false
      throw error
    }
  }

  return {
    byName: async (name) => await find(sql`${isNamed(name)} AND ${isEnabled}`),
    byId: async (id) => await find(sql`id = ${id} AND ${isEnabled}`),
    byEmail: async (email) => await find(sql`${isEmail(email)} AND ${isEnabled}`),
    find: async (name) => await find(sql`${isNamed(name)} AND ${isVisible}`),
    // A range instead of LIKE: the index serves it, and no character of the prefix has a meaning of its own.
    list: async ({ prefix = '', after = null, limit }) =>
      await read(sql`
        SELECT ${columns} FROM users
        WHERE ${isVisible} AND lower(name) >= ${foldCase(prefix)} AND lower(name) < ${foldCase(prefix) + afterNames}
        AND lower(name) > ${foldCase(after ?? '')}
        ORDER BY lower(name) LIMIT ${limit}`),

    async add({ name, passwordHash, pendingEmail = null, roles = [], demo = false }) {
      const [user = null] = await read(sql`
        INSERT INTO users (id, name, pending_email, password_hash, roles, demo, created_at)
        VALUES (${randomUUID()}, ${name}, ${pendingEmail}, ${passwordHash}, ${roles}, ${demo},
          ${new Date()})
        ON CONFLICT DO NOTHING RETURNING ${columns}`)
      return user
    },

    async replacePasswordHash(id, { from, to }) {
      const changed = await query(sql`
        UPDATE users SET password_hash = ${to} WHERE id = ${id} AND password_hash = ${from} RETURNING id`)
      return changed.length === 1
    },

    async setPendingEmail(id, email) {
      await query(sql`UPDATE users SET pending_email = ${email} WHERE id = ${id}`)
    },

    async verifyEmail(id, email) {
      return await unlessTaken(sql`
        UPDATE users SET email = pending_email, pending_email = NULL
        WHERE id = ${id} AND pending_email = ${email} RETURNING id`)
    },

    setEmail: async (id, email) =>
      await unlessTaken(sql`UPDATE users SET email = ${email}, pending_email = NULL WHERE id = ${id} RETURNING id`),

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

/** Addresses are ASCII as well. */
export const isEmail = (email: string) => sql`lower(email) = ${foldCase(email)}`

/** Sorts after every character of a name. */
const afterNames = '\u007F'

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
