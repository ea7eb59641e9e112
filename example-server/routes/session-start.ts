import type { FastifyRequest } from 'fastify'
import type { User } from '../database/users.ts'
import { scopeOf } from '../roles.ts'

/** In characters: longer names would be refused by `reply.signIn()`. */
const maxDeviceLength = 200

/** The members that every call of `reply.signIn()` for this user has. */
export function sessionStart(user: User, { headers }: Pick<FastifyRequest, 'headers'>) {
  return {
    sub: user.id,
    claims: { name: user.name, roles: user.roles },
    scope: scopeOf(user.roles),
    device: headers['user-agent']?.slice(0, maxDeviceLength)
  }
}
