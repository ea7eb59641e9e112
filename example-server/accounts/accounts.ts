import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { User, Users } from '../database/users.ts'
import type { Passwords } from '../passwords/passwords.ts'
import { roles as allRoles, type Role } from './roles.ts'

export interface AccountsParts {
  readonly users: Users
  readonly passwords: Pick<Passwords, 'hash'>
  /** `app.sessions` of the plugin. */
  readonly sessions: Pick<FastifyInstance['sessions'], 'revokeAll'>
}

/**
 * What an operator does to an account. Each change is stored before the sessions end, so that no sign-in and no refresh
 * in between has the former rights. Each function resolves to how many sessions it has ended. It can be repeated if the
 * session store was unavailable.
 */
export function createAccounts({ users, passwords, sessions }: AccountsParts) {
  async function endSessions(id: string): Promise<number> {
    try {
      return await sessions.revokeAll(id)
    } catch (cause) {
      const { message } = cause as Error
      throw new Error(`the user is changed, but sessions may still be open: repeat this (${message})`, { cause })
    }
  }

  return {
    /** The user cannot sign in, and is signed out everywhere. */
    async disable({ id }: User): Promise<number> {
      await users.setDisabled(id, true)
      return await endSessions(id)
    },

    /** Ends the sessions, unless the user has all roles now: access tokens may contain a role that was taken away. */
    async setRoles({ id }: Pick<User, 'id'>, roles: readonly Role[]): Promise<number> {
      await users.setRoles(id, roles)
      return allRoles.every((role) => roles.includes(role)) ? 0 : await endSessions(id)
    },

    /**
     * Sets the address, as verified, or removes it. Ends the sessions: somebody may have signed in by the former one.
     * Resolves to `null` if the address belongs to another user.
     */
    async setEmail({ id }: User, email: string | null): Promise<number | null> {
      return (await users.setEmail(id, email)) ? await endSessions(id) : null
    },

    /** @throws Error if the user has changed the password at the same time */
    async resetPassword({ id, passwordHash: from }: User, password: string): Promise<number> {
      const to = await passwords.hash(password)
      if (!(await users.replacePasswordHash(id, { from, to }))) {
        throw new Error('the password was changed at the same time: try again')
      }
      return await endSessions(id)
    },

    /** Deletes the user, with the notes: last, because a user who is gone cannot be named again. */
    async remove({ id }: User): Promise<number> {
      await users.setDisabled(id, true)
      const ended = await endSessions(id)
      await users.remove(id)
      return ended
    }
  }
}

/** As strong as a key: nobody has to remember it for longer than the first sign-in. */
export function randomPassword(): string {
  return randomBytes(15).toString('base64url')
}
