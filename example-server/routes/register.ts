import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import { createRegistrationLimit } from '../attempts/registration-limit.ts'
import { networkOf } from '../attempts/client-network.ts'
import { assertUncommon } from '../passwords/common-passwords.ts'
import { AppError } from '../errors.ts'
import { assertMails } from './mail-off.ts'
import { snakeCased } from './snake-case.ts'
import { badBody, limited, Problem, badBodyCodes } from './problems.ts'
import { Registration, strictBody, User } from './schemas.ts'

export const registerRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'config' | 'database' | 'passwords' | 'assertEncrypted' | 'accountMails' | 'mayMail'>
> = async function register(app, { config, database: { users }, passwords, assertEncrypted, accountMails, mayMail }) {
  app.post(
    '/auth/register',
    {
      onRequest: [assertEncrypted, createRegistrationLimit(app)],
      validatorCompiler: strictBody,
      schema: {
        operationId: 'register',
        summary: 'Create a user',
        tags: ['auth'],
        body: Registration,
        response: {
          201: { ...User, description: 'The new user' },
          403: Problem(
            'Registration is closed, or the server sends no mails and an address was given; in production also: the ' +
              'request came over plain http',
            ['REGISTRATION_CLOSED', 'MAIL_OFF', 'HTTPS_REQUIRED']
          ),
          409: Problem('The username is taken', ['USERNAME_TAKEN']),
          ...badBody,
          400: Problem('The body does not match the schema, or the password is a common one: see the code', [
            'PASSWORD_COMMON',
            ...badBodyCodes
          ]),
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { username, password, email } = request.body
      if (!config.allowRegistration) throw new AppError('REGISTRATION_CLOSED')
      await assertUncommon(password, { username })
      if ((await users.byName(username)) !== null) throw new AppError('USERNAME_TAKEN')
      if (email !== undefined) assertMails(accountMails)
      const mayBeSent = email !== undefined && (await mayMail(request, { purpose: 'email-verification', to: email }))
      const passwordHash = await passwords.hash(password, networkOf(request))
      const user = await users.add({ name: username, passwordHash, pendingEmail: email ?? null })
      // Another request has taken the name since the check above.
      if (user === null) throw new AppError('USERNAME_TAKEN')
      if (mayBeSent) accountMails?.sendVerificationLink(user.id, email)
      return await reply.code(201).send({ ...snakeCased(user), username: user.name })
    }
  )
}
