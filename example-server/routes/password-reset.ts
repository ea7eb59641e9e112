import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { networkOf } from '../attempts/client-network.ts'
import { AppError } from '../errors.ts'
import { resetLink } from '../mail/account-mails.ts'
import { audit } from '../operations/audit.ts'
import { assertUncommon } from '../passwords/common-passwords.ts'
import type { Services } from '../services.ts'
import { assertMails, mailOff } from './mail-off.ts'
import { badBody, limited, Problem, badBodyCodes } from './problems.ts'
import { closed, Done, Email, Link, NewPassword, strictBody } from './schemas.ts'

const Forgotten = Type.Object({ email: Email }, closed)
const Reset = Type.Object({ token: Link, new_password: NewPassword }, closed)

/** For users who have forgotten the password, and have a verified address. */
export const passwordResetRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'database' | 'passwords' | 'assertEncrypted' | 'accountMails' | 'linkTokens' | 'mayMail'>
> = async function passwordReset(
  app,
  { database: { users }, passwords, assertEncrypted, accountMails, linkTokens, mayMail }
) {
  app.post(
    '/auth/password/forgot',
    {
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'forgotPassword',
        summary: 'Send a link to choose a new password',
        description: 'If an account has this verified address. The response is the same if there is none.',
        tags: ['account'],
        body: Forgotten,
        response: {
          202: Done('If an account has this verified address, a link is sent to it'),
          ...mailOff,
          ...badBody,
          ...limited
        }
      }
    },
    async (request, reply) => {
      assertMails(accountMails)
      const { email } = request.body
      // Whether there is an account is looked up after the response: see `createOutbox()`.
      if (await mayMail(request, { purpose: 'password-reset', to: email })) {
        accountMails.sendResetLink(email, (sub) => audit(request, { action: 'password-reset-requested', sub }))
      }
      return await reply.code(202).send()
    }
  )

  app.post(
    '/auth/password/reset',
    {
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'resetPassword',
        summary: 'Choose a new password, by the token of a link',
        description: 'Ends all sessions of the user. Nobody is signed in: sign in with the new password.',
        tags: ['account'],
        body: Reset,
        response: {
          204: Done('Changed: all sessions have ended'),
          403: Problem('In production: the request came over plain http', ['HTTPS_REQUIRED']),
          ...badBody,
          400: Problem('The link has expired or was used before, or the password is a common one: see the code', [
            'LINK_INVALID',
            'PASSWORD_COMMON',
            ...badBodyCodes
          ]),
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { token, new_password: password } = request.body
      const id = linkTokens.subjectOf(token)
      const user = id === null ? null : await users.byId(id)
      if (user === null || !linkTokens.matches(token, resetLink(user))) throw new AppError('LINK_INVALID')
      await assertUncommon(password, { username: user.name })
      const to = await passwords.hash(password, networkOf(request))
      // Before the change, because the link still works if this fails, and after it, because somebody may have signed
      // in with the old password in between.
      await app.sessions.revokeAll(user.id)
      if (!(await users.replacePasswordHash(user.id, { from: user.passwordHash, to }))) {
        throw new AppError('LINK_INVALID')
      }
      audit(request, { action: 'password-reset', sub: user.id })
      accountMails?.notify(user, 'password-reset')
      await app.sessions.revokeAll(user.id)
      return await reply.code(204).send()
    }
  )
}
