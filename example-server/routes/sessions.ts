import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { snakeCased } from './snake-case.ts'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import { badId, unavailable, notFound } from './problems.ts'
import { ById, Done, Session } from './schemas.ts'

export const sessionsRoutes: FastifyPluginAsyncTypebox = async function sessions(app) {
  app.get(
    '/auth/sessions',
    {
      config: { auth: true },
      schema: {
        operationId: 'listSessions',
        summary: 'List the signed-in devices',
        tags: ['sessions'],
        response: { 200: Type.Array(Session, { description: 'Oldest first' }), ...unavailable }
      }
    },
    async (request) => {
      const { user, auth } = request
      return (await app.sessions.list(user.sub)).map((session) => ({
        ...snakeCased(session),
        current: session.id === auth.sessionId
      }))
    }
  )

  app.delete(
    '/auth/sessions/:id',
    {
      config: { auth: true },
      schema: {
        operationId: 'signOutSession',
        summary: 'Sign a device out',
        tags: ['sessions'],
        params: ById,
        response: { 204: Done('Signed out'), ...notFound('The caller has no such session'), ...badId, ...unavailable }
      }
    },
    async (request, reply) => {
      if (!(await app.sessions.revoke(request.params.id, { sub: request.user.sub }))) throw new AppError('NOT_FOUND')
      audit(request, { action: 'sign-out', sub: request.user.sub, sessionId: request.params.id })
      return await reply.code(204).send()
    }
  )

  app.delete(
    '/auth/sessions',
    {
      config: { auth: true },
      schema: {
        operationId: 'signOutOthers',
        summary: 'Sign out everywhere else',
        tags: ['sessions'],
        response: { 204: Done('Every other device is signed out'), ...unavailable }
      }
    },
    async (request, reply) => {
      await app.sessions.revokeAll(request.user.sub, { except: request.auth.sessionId })
      audit(request, { action: 'sign-out-elsewhere', sub: request.user.sub })
      return await reply.code(204).send()
    }
  )
}
