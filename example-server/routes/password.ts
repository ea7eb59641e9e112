import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Services } from '../services.ts'
import { networkOf } from '../attempts/client-network.ts'
import { assertUncommon } from '../passwords/common-passwords.ts'
import { AppError } from '../errors.ts'
import { badBody, limited, Problem, unsafe, badBodyCodes } from './problems.ts'
import { PasswordChange, SignedIn, strictBody } from './schemas.ts'
import { audit } from '../operations/audit.ts'
import { sessionStart } from './session-start.ts'
import type { User } from '../database/users.ts'

interface Change {
  readonly request: FastifyRequest
  readonly user: User
  readonly current: string
  readonly next: string
}

export const passwordRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'database' | 'passwords' | 'attempt' | 'assertEncrypted' | 'accountMails'>
> = async function password(app, { database: { users }, passwords, attempt, assertEncrypted, accountMails }) {
  app.post(
    '/auth/password',
    {
      config: { auth: true },
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'changePassword',
        summary: 'Change the password, and end every session but a new one',
        description:
          'Starts a new session for the caller and ends all other sessions, so that a stolen token stops working. ' +
          'After a 503, repeat the same request: it continues where it stopped. If the response was lost, sign in ' +
          'with the new password.',
        tags: ['auth'],
        body: PasswordChange,
        response: {
          200: {
            ...SignedIn,
            description: 'Changed. The new session uses the transport of the request: bearer tokens or cookies'
          },
          403: Problem(
            'The current password is wrong, or the request came from another site or, in production, over plain ' +
              'http: see the code',
            ['PASSWORD_WRONG', ...unsafe]
          ),
          ...badBody,
          400: Problem('The body does not match the schema, or the new password is a common one: see the code', [
            'PASSWORD_COMMON',
            ...badBodyCodes
          ]),
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { current_password: current, new_password: next } = request.body
      // Taken before the hash is read, so that ending all sessions in the meantime refuses this one.
      const authenticatedAt = Date.now()
      const user = await users.byId(request.user.sub)
      await assertUncommon(next, { username: user?.name ?? '' })
      if (user === null || !(await hasChanged({ request, user, current, next }))) {
        audit(request, { action: 'password-change-failed', sub: request.user.sub })
        throw new AppError('PASSWORD_WRONG')
      }
      audit(request, { action: 'password-changed', sub: user.id })
      // After the change, so that a concurrent sign-in with the old password is refused.
      const { remember } = request.user
      const start = { ...sessionStart({ user, request, remember }), authenticatedAt, revokeOthers: true }
      const signedIn =
        request.auth.source === 'cookie'
          ? await reply.signIn({ ...start, transport: 'cookie', persistent: remember ?? true })
          : await reply.signIn({ ...start, transport: 'bearer' })
      accountMails?.notify(user, 'password-changed')
      return signedIn
    }
  )

  /** Whether `next` is the password now, changed either by this request or by an earlier copy of it. */
  async function hasChanged({ request, user, current, next }: Change): Promise<boolean> {
    const { id, name, passwordHash } = user
    const from = networkOf(request)
    // Limited like sign-in: somebody at an unlocked device must not guess the password here.
    const isRight = async (given: string, hash: string | null): Promise<boolean> => {
      const check = async () => (await passwords.verify(given, { hash, from })) || null
      return (await attempt(request, { account: name, check })) !== null
    }
    if (await isRight(current, passwordHash)) {
      const nextHash = await passwords.hash(next, from)
      if (await users.replacePasswordHash(id, { from: passwordHash, to: nextHash })) return true
    }
    // Counted as a second attempt, because this comparison would allow guessing too.
    const latest = await users.byId(id)
    return await isRight(next, latest?.passwordHash ?? null)
  }
}
