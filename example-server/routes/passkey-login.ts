import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import type { Services } from '../services.ts'
import { AuthenticationResponse, RequestOptions } from './passkey-schemas.ts'
import { badBody, limited, Problem, unavailable, unsafe } from './problems.ts'
import { closed, Login, SignedIn, strictBody } from './schemas.ts'
import { byPasskey, startSession } from './session-start.ts'

const { transport, remember } = Login.properties
const PasskeyLogin = Type.Object({ passkey: AuthenticationResponse, transport, remember }, closed)

/** Signs in by a passkey. Nobody types a username: the passkey names its user. */
export const passkeyLoginRoutes: FastifyPluginAsyncTypebox<
  Pick<Services, 'config' | 'database' | 'attempt' | 'assertEncrypted' | 'ceremonies' | 'metrics'>
> = async function passkeyLogin(app, { config, database: { users }, attempt, assertEncrypted, ceremonies, metrics }) {
  // RFC 9110 §15.5.2: every 401 has a challenge.
  const challenge = { 'www-authenticate': `Bearer realm="${config.issuer}"` }

  app.post(
    '/auth/login/passkey/options',
    {
      schema: {
        operationId: 'beginPasskeySignIn',
        summary: 'Begin a sign-in by passkey',
        description: 'The options are valid for three minutes, and for one sign-in. Also for POST /auth/sign-in-again.',
        tags: ['passkeys'],
        response: {
          200: RequestOptions,
          403: Problem('The server has no domain, so it cannot have passkeys', ['PASSKEYS_OFF', 'AUTH_CROSS_SITE'])
        }
      }
    },
    async () => {
      const options = await ceremonies.signInOptions()
      if (options === null) throw new AppError('PASSKEYS_OFF')
      return options
    }
  )

  app.post(
    '/auth/login/passkey',
    {
      onRequest: assertEncrypted,
      onError: async (_request, _reply, { code }) => metrics.countRefusedSignIn(code),
      validatorCompiler: strictBody,
      schema: {
        operationId: 'signInByPasskey',
        summary: 'Sign in by passkey',
        tags: ['passkeys'],
        body: PasskeyLogin,
        response: {
          200: SignedIn,
          401: Problem('The passkey is unknown, or does not match the options', ['PASSKEY_LOGIN_FAILED']),
          403: Problem('By cookie: the request came from another site. In production: it came over plain http', unsafe),
          ...badBody,
          ...limited,
          ...unavailable
        }
      }
    },
    async (request, reply) => {
      const { passkey: response, transport = 'bearer', remember = true } = request.body
      if (transport === 'cookie') reply.assertSameSite()
      // Taken before the passkey is read, so that a removal of all sessions in the meantime refuses this sign-in.
      const authenticatedAt = Date.now()
      const passkey = await attempt(request, {
        // No username has this form: a stranger's failures must not delay the owner, who may use the password.
        account: `passkey:${response.id}`,
        check: async () => await ceremonies.verifySignIn(response)
      })
      const user = passkey && (await users.byId(passkey.userId))
      if (user === null) {
        audit(request, { action: 'sign-in-failed', sub: passkey?.userId ?? null })
        throw new AppError('PASSKEY_LOGIN_FAILED', { headers: challenge })
      }
      return await startSession(reply, { user, transport, remember, authenticatedAt, proof: byPasskey })
    }
  )
}
