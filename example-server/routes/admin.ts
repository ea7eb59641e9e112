import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Services } from '../services.ts'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import { badId, ById, Done, Problem, unavailable, User } from './schemas.ts'

const ListedUser = Type.Object({
  ...User.properties,
  disabled: Type.Boolean({ description: 'Whether the user cannot sign in' })
})

export const adminRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'database'>> = async function admin(
  app,
  { database: { users } }
) {
  app.get(
    '/admin/users',
    {
      config: { auth: { roles: ['admin'] } },
      schema: {
        summary: 'List the users',
        tags: ['admin'],
        response: { 200: Type.Array(ListedUser, { description: 'The first 1000 by name' }), ...unavailable }
      }
    },
    async () =>
      (await users.list()).map((user) => ({ ...user, username: user.name, disabled: user.disabledAt !== null }))
  )

  app.post(
    '/admin/users/:id/sign-out',
    {
      config: { auth: { roles: ['admin'] } },
      schema: {
        summary: 'Sign a user out everywhere',
        tags: ['admin'],
        params: ById,
        response: {
          204: Done('All sessions of the user have ended'),
          404: Problem('There is no such user'),
          ...badId,
          ...unavailable
        }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      if ((await users.byId(id)) === null) throw new AppError('NOT_FOUND')
      await app.sessions.revokeAll(id)
      audit(request, { action: 'sign-out-by-admin', sub: id, by: request.user.sub })
      return await reply.code(204).send()
    }
  )
}
