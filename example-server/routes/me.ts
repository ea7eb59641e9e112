import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { badCredentials, unavailable } from './problems.ts'
import { Me } from './schemas.ts'

export const meRoutes: FastifyPluginAsyncTypebox = async function me(app) {
  app.get(
    '/me',
    {
      config: { auth: true },
      schema: {
        operationId: 'getClaims',
        summary: 'Who is signed in',
        tags: ['auth'],
        response: { 200: Me, ...badCredentials, ...unavailable }
      }
    },
    async (request) => request.user
  )
}
