import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import { badBody, OptionalRefreshToken, Problem, SignedIn, strictBody, unavailable } from './schemas.ts'

export const refreshRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'assertEncrypted' | 'metrics'>> =
  async function refresh(app, { assertEncrypted, metrics }) {
    app.post(
      '/auth/refresh',
      {
        onRequest: assertEncrypted,
        onError: async (_request, _reply, { code }) => metrics.countRefusedRefresh(code),
        validatorCompiler: strictBody,
        schema: {
          summary: 'Exchange the refresh token for a new access token',
          description:
            'Takes the refresh token from the body, else from the cookie. The response uses the same transport.',
          tags: ['auth'],
          body: OptionalRefreshToken,
          response: {
            200: SignedIn,
            401: Problem('The refresh token is missing, invalid, or replaced by a newer one: see the code'),
            403: Problem('By cookie: the request came from another site. In production: it came over plain http'),
            ...unavailable,
            ...badBody
          }
        }
      },
      async (request, reply) => await reply.refresh(request.body?.refresh_token)
    )
  }
