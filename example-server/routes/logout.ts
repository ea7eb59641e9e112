import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { RouteParts } from '../app.ts'
import { badBody, Done, OptionalRefreshToken, Problem, strictBody, unavailable } from '../schemas.ts'

export const logoutRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function logout(app, { assertEncrypted }) {
  app.post(
    '/auth/logout',
    {
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        summary: 'Sign out',
        description:
          'Ends the session of the refresh token, else of the Authorization header, else of the cookies. Nothing to end is success.',
        tags: ['auth'],
        body: OptionalRefreshToken,
        response: {
          204: Done('Signed out: the access tokens are refused from now on'),
          401: Problem('The Authorization header cannot be read: nothing was ended'),
          403: Problem('By cookie: the request came from another site. In production: it came over plain http'),
          ...unavailable,
          ...badBody
        }
      }
    },
    async (request, reply) => {
      await reply.signOut(request.body?.refresh_token)
      return await reply.code(204).send()
    }
  )
}
