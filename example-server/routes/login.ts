import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RouteParts } from '../app.ts'
import { networkOf, type Network } from '../client-network.ts'
import { Refusal } from '../refusals.ts'
import { badBody, limited, Login, Problem, SignedIn, strictBody } from '../schemas.ts'
import { sessionStart } from '../session-start.ts'
import type { User } from '../users.ts'

interface Given {
  readonly username: string
  readonly password: string
  readonly from: Network
}

export const loginRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function login(
  app,
  { config, database: { users }, passwords, attempt, assertEncrypted, metrics }
) {
  // RFC 9110 §15.5.2: a 401 says how to get in.
  const challenge = { 'www-authenticate': `Bearer realm="${config.issuer}"` }

  app.post(
    '/auth/login',
    {
      onRequest: [assertEncrypted, refuseForeignForms],
      onError: metrics.signInRefused,
      validatorCompiler: strictBody,
      schema: {
        summary: 'Sign in',
        tags: ['auth'],
        body: Login,
        response: {
          200: SignedIn,
          401: Problem('The username or the password is wrong'),
          403: Problem('By cookie: the request came from another site. In production: it came over plain http'),
          ...badBody,
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { username, password, transport = 'bearer' } = request.body
      // Before any work is done for it: another site must not sign its visitors in as somebody else.
      if (transport === 'cookie') reply.assertSameSite()
      // Before the hash is read: should the password change meanwhile, this login is refused.
      const authenticatedAt = Date.now()
      const given = { username, password, from: networkOf(request) }
      const user = await attempt(request, username, async () => await identify(given))
      if (user === null) throw new Refusal('LOGIN_FAILED', challenge)
      return await reply.signIn({ ...sessionStart(user, request), transport, authenticatedAt })
    }
  )

  /** A form of another site, which needs no cookie to sign its visitors in: told so before its body is read, which can be no JSON. */
  async function refuseForeignForms(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!request.headers['content-type']?.startsWith('application/json')) reply.assertSameSite()
  }

  /** Unknown users and wrong passwords are one and the same, in what is answered and in what it costs. */
  async function identify({ username, password, from }: Given): Promise<User | null> {
    const user = await users.byName(username)
    const isRight = await passwords.verify(password, { hash: user?.passwordHash ?? null, from })
    if (user === null || !isRight) return null
    if (passwords.isWeak(user.passwordHash)) {
      await users.replacePasswordHash(user.id, { from: user.passwordHash, to: await passwords.hash(password, from) })
    }
    return user
  }
}
