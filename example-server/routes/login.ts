import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from '../services.ts'
import { networkOf, type Network } from '../attempts/client-network.ts'
import { AppError } from '../errors.ts'
import { badBody, limited, Problem, unsafe } from './problems.ts'
import { Login, SignedIn, strictBody } from './schemas.ts'
import { audit } from '../operations/audit.ts'
import { startSession } from './session-start.ts'
import type { User } from '../database/users.ts'

interface Credentials {
  readonly username: string
  readonly password: string
  readonly from: Network
}

export const loginRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'config' | 'database' | 'passwords' | 'attempt' | 'assertEncrypted' | 'metrics'>
> = async function login(app, { config, database: { users }, passwords, attempt, assertEncrypted, metrics }) {
  // RFC 9110 §15.5.2: every 401 has a challenge.
  const challenge = { 'www-authenticate': `Bearer realm="${config.issuer}"` }

  app.post(
    '/auth/login',
    {
      onRequest: [assertEncrypted, assertFormIsSameSite],
      onError: async (_request, _reply, { code }) => metrics.countRefusedSignIn(code),
      validatorCompiler: strictBody,
      schema: {
        operationId: 'signIn',
        summary: 'Sign in',
        tags: ['auth'],
        body: Login,
        response: {
          200: SignedIn,
          401: Problem('The username or the password is wrong', ['LOGIN_FAILED']),
          403: Problem('By cookie: the request came from another site. In production: it came over plain http', unsafe),
          ...badBody,
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { username, password, transport = 'bearer', remember = true } = request.body
      // Before anything is hashed: another site must not sign its visitors in as somebody else (login CSRF).
      if (transport === 'cookie') reply.assertSameSite()
      // Taken before the hash is read, so that a password change in the meantime refuses this sign-in.
      const authenticatedAt = Date.now()
      const credentials = { username, password, from: networkOf(request) }
      // Counted by what was typed: a common count would reveal which address belongs to which username.
      const user = await attempt(request, { account: username, check: async () => await identify(credentials) })
      if (user === null) {
        // One query for every name, so that the time does not reveal who exists.
        const owner = await (isAddress(username) ? users.byEmail(username) : users.find(username))
        audit(request, { action: 'sign-in-failed', sub: owner?.id ?? null })
        throw new AppError('LOGIN_FAILED', { headers: challenge })
      }
      return await startSession(reply, { user, transport, remember, authenticatedAt })
    }
  )

  /**
   * Refuses a form that another site posts before its body is parsed: a form cannot send JSON, so parsing would fail.
   */
  async function assertFormIsSameSite(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!request.headers['content-type']?.startsWith('application/json')) reply.assertSameSite()
  }

  /** Takes as long for an unknown user as for a wrong password, so that the time does not reveal who exists. */
  async function identify({ username, password, from }: Credentials): Promise<User | null> {
    const user = await (isAddress(username) ? users.byEmail(username) : users.byName(username))
    const isRight = await passwords.verify(password, { hash: user?.passwordHash ?? null, from })
    if (user === null || !isRight) return null
    if (passwords.isWeak(user.passwordHash)) {
      await users.replacePasswordHash(user.id, { from: user.passwordHash, to: await passwords.hash(password, from) })
    }
    return user
  }
}

/** Usernames do not contain `@`. */
const isAddress = (username: string) => username.includes('@')
