import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { RouteParts } from '../app.ts'
import { networkOf } from '../client-network.ts'
import { assertUncommon } from '../common-passwords.ts'
import { Refusal } from '../refusals.ts'
import { badBody, limited, PasswordChange, Problem, SignedIn, strictBody } from '../schemas.ts'
import { sessionStart } from '../session-start.ts'
import type { User } from '../users.ts'

interface Change {
  readonly request: FastifyRequest
  readonly user: User
  readonly current: string
  readonly next: string
}

export const passwordRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function password(
  app,
  { database: { users }, passwords, attempt, assertEncrypted }
) {
  app.post(
    '/auth/password',
    {
      config: { auth: true },
      onRequest: assertEncrypted,
      validatorCompiler: strictBody,
      schema: {
        summary: 'Change the password, and end every session but a new one',
        description:
          'The session of the caller is replaced by a new one and all others end, so that a copy of any token is of no use. ' +
          'After a 503 send the same request again: it goes on from where it stopped. If the response was lost, sign in ' +
          'with the new password.',
        tags: ['auth'],
        body: PasswordChange,
        response: {
          200: {
            ...SignedIn,
            description: 'Changed. The new session comes as the request did: by bearer tokens or by cookies'
          },
          403: Problem(
            'The current password is wrong, or the request came from another site or, in production, over plain http: see the code'
          ),
          ...badBody,
          400: Problem('The body is not as described, or the new password is a common one: see the code'),
          ...limited
        }
      }
    },
    async (request, reply) => {
      const { current_password: current, new_password: next } = request.body
      // Before the hash is read: should all sessions be ended meanwhile, this one does not start.
      const authenticatedAt = Date.now()
      const user = await users.byId(request.user.sub)
      await assertUncommon(next, { username: user?.name ?? '' })
      if (user === null || !(await hasChanged({ request, user, current, next }))) throw new Refusal('PASSWORD_WRONG')
      // After the change, so that a sign-in under way with the old password is refused.
      return await reply.signIn({
        ...sessionStart(user, request),
        transport: request.auth.source === 'cookie' ? 'cookie' : 'bearer',
        authenticatedAt,
        revokeOthers: true
      })
    }
  )

  /** Whether the password is the new one now, because it was changed here or by the same request before. */
  async function hasChanged({ request, user, current, next }: Change): Promise<boolean> {
    const { id, name, passwordHash } = user
    const from = networkOf(request)
    // As at sign-in: whoever found a device unlocked must not guess on.
    const isRight = async (given: string, hash: string | null): Promise<boolean> => {
      return (
        (await attempt(request, name, async () => (await passwords.verify(given, { hash, from })) || null)) !== null
      )
    }
    if (await isRight(current, passwordHash)) {
      const nextHash = await passwords.hash(next, from)
      if (await users.replacePasswordHash(id, { from: passwordHash, to: nextHash })) return true
    }
    // The new password can be guessed at as well as the old one: it is an attempt of its own.
    const latest = await users.byId(id)
    return await isRight(next, latest?.passwordHash ?? null)
  }
}
