import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import { badBody, Problem, unavailable, unsafe } from './problems.ts'
import { OptionalRefreshToken, SignedIn, strictBody } from './schemas.ts'

export const refreshRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'assertEncrypted' | 'metrics'>> =
  async function refresh(app, { assertEncrypted, metrics }) {
    app.post(
      '/auth/refresh',
      {
        onRequest: assertEncrypted,
        onError: async (_request, _reply, { code }) => metrics.countRefusedRefresh(code),
        validatorCompiler: strictBody,
        schema: {
          operationId: 'refresh',
          summary: 'Exchange the refresh token for a new access token',
          description:
            'Takes the refresh token from the body, else from the cookie. The response uses the same transport.',
          tags: ['auth'],
          body: OptionalRefreshToken,
          response: {
            200: SignedIn,
            401: Problem('The refresh token is missing, invalid, or replaced by a newer one: see the code', [
              'AUTH_NO_CREDENTIALS',
              'AUTH_REFRESH_INVALID',
              'AUTH_REFRESH_REUSED',
              'AUTH_REFRESH_SUPERSEDED'
            ]),
            403: Problem(
              'By cookie: the request came from another site. In production: it came over plain http',
              unsafe
            ),
            ...unavailable,
            ...badBody
          }
        }
      },
      async (request, reply) => await reply.refresh(request.body?.refresh_token)
    )
  }
