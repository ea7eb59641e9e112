import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { RouteParts } from '../app.ts'
import { createRegistrationLimit } from '../attempts.ts'
import { networkOf } from '../client-network.ts'
import { assertUncommon } from '../common-passwords.ts'
import { Refusal } from '../refusals.ts'
import { badBody, limited, Problem, Registration, strictBody, User } from '../schemas.ts'

export const registerRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function register(
  app,
  { config, database: { users }, passwords, assertEncrypted }
) {
  app.post(
    '/auth/register',
    {
      onRequest: [assertEncrypted, createRegistrationLimit(app)],
      validatorCompiler: strictBody,
      schema: {
        summary: 'Make a user',
        tags: ['auth'],
        body: Registration,
        response: {
          201: { ...User, description: 'The new user, who can sign in now' },
          403: Problem('Registration is closed. In production: the request came over plain http'),
          409: Problem('The username is taken'),
          ...badBody,
          400: Problem('The body is not as described, or the password is a common one: see the code'),
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { username, password } = request.body
      if (!config.allowRegistration) throw new Refusal('REGISTRATION_CLOSED')
      await assertUncommon(password, { username })
      if ((await users.byName(username)) !== null) throw new Refusal('USERNAME_TAKEN')
      const user = await users.add({ name: username, passwordHash: await passwords.hash(password, networkOf(request)) })
      // Somebody was faster.
      if (user === null) throw new Refusal('USERNAME_TAKEN')
      return await reply.code(201).send({ ...user, username: user.name })
    }
  )
}
