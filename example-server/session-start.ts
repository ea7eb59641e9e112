import type { FastifyRequest } from 'fastify'
import type { User } from './users.ts'

/** The most that the plugin keeps of a device's name. */
const longestDevice = 200

/** What every session of a user starts with, for `reply.signIn()`. */
export function sessionStart(user: User, { headers }: Pick<FastifyRequest, 'headers'>) {
  return {
    sub: user.id,
    claims: { name: user.name, roles: user.roles },
    scope: user.scope,
    device: headers['user-agent']?.slice(0, longestDevice)
  }
}
