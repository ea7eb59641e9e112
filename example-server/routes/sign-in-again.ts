import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { networkOf } from '../attempts/client-network.ts'
import type { User } from '../database/users.ts'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import type { Services } from '../services.ts'
import { AuthenticationResponse } from './passkey-schemas.ts'
import { badBody, limited, Problem, unsafe } from './problems.ts'
import { closed, GivenPassword, SignedIn, strictBody } from './schemas.ts'
import { byPasskey, sessionStart } from './session-start.ts'

const Again = Type.Union([
  Type.Object({ password: GivenPassword }, closed),
  Type.Object({ passkey: AuthenticationResponse }, closed)
])

/** Makes a session fresh: a condition of dangerous actions. */
export const signInAgainRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'database' | 'passwords' | 'attempt' | 'assertEncrypted' | 'ceremonies'>
> = async function signInAgain(app, { database: { users }, passwords, attempt, assertEncrypted, ceremonies }) {
  app.post(
    '/auth/sign-in-again',
    {
      config: { auth: true },
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        operationId: 'signInAgain',
        summary: 'Sign in again as the same user',
        description:
          'Needed before what responds with AUTH_STALE_AUTHENTICATION. Starts a new session by password or passkey, ' +
          'and ends the session of this request.',
        tags: ['auth'],
        body: Again,
        response: {
          200: {
            ...SignedIn,
            description: 'The new session uses the transport of the request: bearer tokens or cookies'
          },
          403: Problem(
            'The password or the passkey is wrong, or the request came from another site or, in production, over ' +
              'plain http: see the code',
            ['PASSWORD_WRONG', 'PASSKEY_INVALID', ...unsafe]
          ),
          ...badBody,
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { sub, remember } = request.user
      // Taken before the hash is read, so that a password change in the meantime refuses this sign-in.
      const authenticatedAt = Date.now()
      const user = await users.byId(sub)
      const isPasskey = 'passkey' in request.body
      if (user === null || !(await proves(request, { user, body: request.body }))) {
        audit(request, { action: 'sign-in-again-failed', sub })
        throw new AppError(isPasskey ? 'PASSKEY_INVALID' : 'PASSWORD_WRONG')
      }
      audit(request, { action: 'sign-in-again', sub })
      const start = {
        ...sessionStart({ user, request, remember }),
        ...(isPasskey && byPasskey),
        authenticatedAt
      }
      if (request.auth.source === 'cookie') {
        return await reply.signIn({ ...start, transport: 'cookie', persistent: remember ?? true })
      }
      const former = request.auth.sessionId
      const tokens = await reply.signIn({ ...start, transport: 'bearer' })
      // By cookie, `signIn()` has done this.
      if (former !== null) await app.sessions.revoke(former, { sub })
      return tokens
    }
  )

  /** Limited like sign-in: somebody at an unlocked device must not guess the password here. */
  async function proves(
    request: FastifyRequest,
    { user, body }: { user: User; body: Static<typeof Again> }
  ): Promise<boolean> {
    const from = networkOf(request)
    const check = async () =>
      'passkey' in body
        ? (await ceremonies.verifySignIn(body.passkey))?.userId === user.id || null
        : (await passwords.verify(body.password, { hash: user.passwordHash, from })) || null
    return (await attempt(request, { account: user.name, check })) !== null
  }
}
