import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Me } from './schemas.ts'

export const meRoutes: FastifyPluginAsyncTypebox = async function me(app) {
  app.get(
    '/me',
    {
      config: { auth: true },
      schema: { summary: 'Who is signed in', tags: ['auth'], response: { 200: Me } }
    },
    async (request) => request.user
  )
}
