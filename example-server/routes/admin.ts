import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { createListPage, linkHeader, listQuery } from './list-page.ts'
import { snakeCased } from './snake-case.ts'
import type { Services } from '../services.ts'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import { badId, badPage, unavailable, notFound } from './problems.ts'
import { ById, Done, noNul, User } from './schemas.ts'

const ListedUser = Type.Object(
  {
    ...User.properties,
    disabled: Type.Boolean({ description: 'Whether the user cannot sign in' })
  },
  { title: 'ListedUser' }
)

const Search = Type.Object({
  search: Type.Optional(
    Type.String({ minLength: 1, maxLength: 32, pattern: noNul, description: 'Beginning of the username, in any case' })
  ),
  ...listQuery
})

export const adminRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'database'>> = async function admin(
  app,
  { database: { users } }
) {
  const pages = createListPage('users', Type.String({ pattern: noNul }))

  app.get(
    '/admin/users',
    {
      config: { auth: { roles: ['admin'] } },
      schema: {
        operationId: 'listUsers',
        summary: 'List the users',
        tags: ['admin'],
        querystring: Search,
        response: {
          200: { ...Type.Array(ListedUser, { description: 'By username' }), headers: linkHeader },
          ...badPage,
          ...unavailable
        }
      }
    },
    async (request, reply) => {
      const { search = '', cursor, limit } = request.query
      const rows = await users.list({ prefix: search, after: pages.read(cursor), limit: limit + 1 })
      return pages
        .send(request, { reply, rows, keyOf: ({ name }) => name })
        .map((user) => ({ ...snakeCased(user), username: user.name, disabled: user.disabledAt !== null }))
    }
  )

  app.post(
    '/admin/users/:id/sign-out',
    {
      config: { auth: { roles: ['admin'] } },
      schema: {
        operationId: 'signOutUser',
        summary: 'Sign a user out everywhere',
        tags: ['admin'],
        params: ById,
        response: {
          204: Done('All sessions of the user have ended'),
          ...notFound('There is no such user'),
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
