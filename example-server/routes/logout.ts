import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import { audit } from '../operations/audit.ts'
import { badBody, Problem, unavailable, unsafe } from './problems.ts'
import { Done, OptionalRefreshToken, strictBody } from './schemas.ts'

export const logoutRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'assertEncrypted'>> = async function logout(
  app,
  { assertEncrypted }
) {
  app.post(
    '/auth/logout',
    {
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'signOut',
        summary: 'Sign out',
        description:
          'Ends the session of the refresh token in the body, else of the Authorization header, else of the cookies. ' +
          'Also succeeds if there is no session to end.',
        tags: ['auth'],
        body: OptionalRefreshToken,
        response: {
          204: Done('Signed out: the access tokens of the session are refused from now on'),
          401: Problem('The Authorization header is invalid: no session was ended', ['AUTH_INVALID_TOKEN']),
          403: Problem('By cookie: the request came from another site. In production: it came over plain http', unsafe),
          ...unavailable,
          ...badBody
        }
      }
    },
    async (request, reply) => {
      await reply.signOut(request.body?.refresh_token)
      audit(request, { action: 'sign-out' })
      return await reply.code(204).send()
    }
  )
}
