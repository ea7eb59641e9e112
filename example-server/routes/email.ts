import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { AppError } from '../errors.ts'
import { verificationLink } from '../mail/account-mails.ts'
import { audit } from '../operations/audit.ts'
import type { Services } from '../services.ts'
import { fresh, stale } from './fresh.ts'
import { assertMails, mailOff } from './mail-off.ts'
import { badBody, limited, Problem, unsafe, badBodyCodes } from './problems.ts'
import { closed, Done, Email, Link, strictBody } from './schemas.ts'

const EmailChange = Type.Object({ email: Email }, closed)
const Verification = Type.Object({ token: Link }, closed)

/** An address has no effect until its owner has opened the link that is sent to it. */
export const emailRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'database' | 'assertEncrypted' | 'accountMails' | 'linkTokens' | 'mayMail'>
> = async function emailPlugin(app, { database: { users }, assertEncrypted, accountMails, linkTokens, mayMail }) {
  app.post(
    '/auth/email',
    {
      config: fresh,
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'changeEmail',
        summary: 'Set or change the e-mail address',
        description:
          'Sends a link to the new address. Until it is opened, a former address stays valid. Also sends the link ' +
          'again. The response does not reveal whether the address belongs to another account.',
        tags: ['account'],
        body: EmailChange,
        response: { 202: Done('A link is sent to the address'), ...stale, ...mailOff, ...badBody, ...limited }
      }
    },
    async (request, reply) => {
      assertMails(accountMails)
      const { email } = request.body
      const { sub } = request.user
      const mayBeSent = await mayMail(request, { purpose: 'email-verification', to: email })
      await users.setPendingEmail(sub, email)
      audit(request, { action: 'email-change-requested', sub })
      if (mayBeSent) accountMails.sendVerificationLink(sub, email)
      return await reply.code(202).send()
    }
  )

  app.post(
    '/auth/email/verify',
    {
      // Signed in: the owner of an address must not confirm it for somebody else's account by opening a link.
      config: { auth: true },
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'verifyEmail',
        summary: 'Confirm the e-mail address, by the token of a link',
        description:
          'In a session of the account that has named the address. If it replaces another address, that one is ' +
          'notified, and all other sessions end.',
        tags: ['account'],
        body: Verification,
        response: {
          204: Done('Confirmed: the address can be used to sign in and to choose a new password'),
          403: Problem('The request came from another site. In production: it came over plain http', unsafe),
          409: Problem('The address belongs to another account', ['EMAIL_TAKEN']),
          ...badBody,
          400: Problem('The link has expired, was used before, or is for another account', [
            'LINK_INVALID',
            ...badBodyCodes
          ]),
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { sub } = request.user
      const { token } = request.body
      const user = await users.byId(sub)
      const isValid = user?.pendingEmail != null && linkTokens.matches(token, verificationLink(user))
      if (!isValid || linkTokens.subjectOf(token) !== sub) throw new AppError('LINK_INVALID')
      const replaces = user.email !== null && user.email.toLowerCase() !== user.pendingEmail.toLowerCase()
      const endOthers = async () => await app.sessions.revokeAll(sub, { except: request.auth.sessionId })
      // Before the change, because the link still works if this fails, and after it, because somebody may have signed
      // in with the former address in between.
      if (replaces) await endOthers()
      if (!(await users.verifyEmail(sub, user.pendingEmail))) throw new AppError('EMAIL_TAKEN')
      audit(request, { action: 'email-verified', sub })
      if (replaces) {
        accountMails?.notify(user, 'email-changed')
        await endOthers()
      }
      return await reply.code(204).send()
    }
  )
}
