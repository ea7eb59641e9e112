import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { RouteParts } from '../app.ts'
import { assertUncommon } from '../common-passwords.ts'
import { Refusal } from '../refusals.ts'
import { badBody, Done, limited, PasswordChange, Problem, strictBody } from '../schemas.ts'

export const passwordRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function password (app, { database: { users }, passwords, attempt, assertEncrypted }) {
  app.post('/auth/password', {
    config: { auth: true },
    onRequest: assertEncrypted,
    validatorCompiler: strictBody,
    schema: {
      summary: 'Change the password, and end every other session',
      tags: ['auth'],
      body: PasswordChange,
      response: {
        204: Done('Changed: every other device is signed out'),
        403: Problem('The current password is wrong, or the request came from another site or, in production, over plain http: see the code'),
        ...badBody,
        400: Problem('The body is not as described, or the new password is a common one: see the code'),
        ...limited
      }
    }
  }, async (request, reply) => {
    const { current_password: current, new_password: next } = request.body
    const { sub } = request.user
    const user = await users.byId(sub)
    await assertUncommon(next, { username: user?.name ?? '' })
    // As at sign-in: whoever found a device unlocked must not guess on.
    const isRight = await attempt(request, user?.name ?? sub, async () => await passwords.verify(current, user?.passwordHash ?? null) || null)
    if (user === null || isRight === null) throw new Refusal('PASSWORD_WRONG')
    const isChanged = await users.replacePasswordHash(user.id, { from: user.passwordHash, to: await passwords.hash(next) })
    if (!isChanged) throw new Refusal('PASSWORD_WRONG')
    // After the change, so that a login under way with the old password is refused.
    await app.sessions.revokeAll(sub, { except: request.auth.sessionId })
    return await reply.code(204).send()
  })
}
