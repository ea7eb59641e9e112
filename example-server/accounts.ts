import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Role, User, Users } from './database/users.ts'
import type { Passwords } from './passwords/passwords.ts'

export interface AccountsParts {
  readonly users: Users
  readonly passwords: Pick<Passwords, 'hash'>
  /** `app.sessions` of the plugin. */
  readonly sessions: Pick<FastifyInstance['sessions'], 'revokeAll'>
}

/**
 * What an operator does to an account. Each change is stored before the sessions end, so that no sign-in and no refresh
 * in between has the former rights. Each function resolves to how many sessions it has ended.
 */
export function createAccounts({ users, passwords, sessions }: AccountsParts) {
  return {
    /** The user cannot sign in, and is signed out everywhere. */
    async disable({ id }: User): Promise<number> {
      await users.setDisabled(id, true)
      return await sessions.revokeAll(id)
    },

    /** Ends the sessions if a role was taken away: access tokens contain the roles. */
    async setRoles({ id, roles: former }: User, roles: readonly Role[]): Promise<number> {
      await users.setRoles(id, roles)
      const isReduced = former.some((role) => !(roles as readonly string[]).includes(role))
      return isReduced ? await sessions.revokeAll(id) : 0
    },

    /** @throws Error if the user has changed the password at the same time */
    async resetPassword({ id, passwordHash: from }: User, password: string): Promise<number> {
      const to = await passwords.hash(password)
      if (!(await users.replacePasswordHash(id, { from, to }))) {
        throw new Error('the password was changed at the same time: try again')
      }
      return await sessions.revokeAll(id)
    },

    /** Deletes the user, with the notes. */
    async remove({ id }: User): Promise<number> {
      await users.remove(id)
      return await sessions.revokeAll(id)
    }
  }
}

/** As strong as a key: nobody has to remember it for longer than the first sign-in. */
export function randomPassword(): string {
  return randomBytes(15).toString('base64url')
}
