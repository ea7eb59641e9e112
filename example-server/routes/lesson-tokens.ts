import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Services } from '../services.ts'
import type { Auth } from 'fastify-authenticate'
import { AppError } from '../errors.ts'
import { badBody, Problem } from './problems.ts'
import { strictBody } from './schemas.ts'

/** Nobody has this audience: names that end with ".example" do not exist (RFC 2606 §3). */
export const otherAudience = 'https://calendar.example'

/** What can be wrong with a token that the server itself has signed. */
const kinds = {
  'short-lived': { seconds: 5 },
  'other-audience': { seconds: 30, audience: otherAudience },
  'read-only': { seconds: 30 }
} as const

const LessonToken = Type.Object(
  { kind: Type.Union([Type.Literal('short-lived'), Type.Literal('other-audience'), Type.Literal('read-only')]) },
  { additionalProperties: false }
)

const SignedToken = Type.Object(
  {
    access_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds' })
  },
  { description: 'A token for one of the lessons' }
)

/**
 * Tokens for the lessons of the page, which show how they are refused. Outside production only. Such a token never
 * allows more than the one it is requested with: it may read notes if that one may, it has no roles, and it does not
 * live longer.
 */
export const lessonTokensRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'config'>> = async function lessonTokens(
  app,
  { config: { production } }
) {
  if (production) return

  app.post(
    '/lesson/tokens',
    {
      config: { auth: true },
      validatorCompiler: strictBody,
      schema: {
        // Not part of the API: production does not have it.
        hide: true,
        body: LessonToken,
        response: {
          201: SignedToken,
          403: Problem('The access token is in a cookie, or does not belong to a session', [
            'SESSION_TOKEN_REQUIRED',
            'AUTH_CROSS_SITE'
          ]),
          ...badBody
        }
      }
    },
    async (request, reply) => {
      const { auth, body, user } = request
      if (!isTokenOfProgram(auth)) throw new AppError('SESSION_TOKEN_REQUIRED')
      const { seconds, ...audience } = kinds[body.kind]
      const lifetimeSeconds = Math.max(1, Math.min(seconds, user.exp - Math.floor(Date.now() / 1000)))
      const token = await app.accessTokens.sign({
        sub: user.sub,
        claims: { name: user.name, roles: [] },
        scope: auth.scopes.includes('notes:read') ? 'notes:read' : undefined,
        lifetimeSeconds,
        ...audience
      })
      return await reply.code(201).send({ access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds })
    }
  )
}

/**
 * From a cookie, a script in the page would get a token that it can read, which the cookie prevents. And a token
 * without a session must not get another one: a stolen one could then be renewed for ever, also after a sign-out.
 */
function isTokenOfProgram({ source, sessionId }: Auth): boolean {
  return source === 'header' && sessionId !== null
}
