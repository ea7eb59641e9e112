import { createRequire } from 'node:module'
import t from 'tap'
import { AuthError, refusals, type RefusalCode, refusal } from '../plugin/errors.ts'
import { createApp } from './fixtures/app.ts'

/** How NestJS, `http-errors` and `koa` recognize an error whose status they use. */
function isHttpError(error: unknown): boolean {
  const { expose, statusCode, status } = error as Partial<AuthError>
  return (
    error instanceof Error && typeof expose === 'boolean' && typeof statusCode === 'number' && status === statusCode
  )
}

t.test('AuthError follows http-errors: frameworks use its status, and hide the message of a 5xx', async (t) => {
  const { isHttpError: byHttpErrors } = createRequire(import.meta.resolve('@fastify/static'))('http-errors') as {
    isHttpError: (error: unknown) => boolean
  }
  for (const [code, { status, message }] of Object.entries(refusals)) {
    const error = new AuthError(code as RefusalCode, 'the precise reason')
    t.ok(isHttpError(error) && byHttpErrors(error), code)
    t.strictSame([error.status, error.statusCode, error.expose, error.message], [status, status, status < 500, message])
    t.strictSame(
      Object.keys(error).sort(),
      ['code', 'headers', 'name', 'statusCode'],
      'a serializer sees these members'
    )
  }
})

t.test('Fastify sends a refusal in its usual shape, without other members', async (t) => {
  const { app } = await createApp()
  t.strictSame((await app.inject('/me')).json(), {
    statusCode: 401,
    code: 'AUTH_NO_CREDENTIALS',
    error: 'Unauthorized',
    message: 'Authentication is required'
  })
})

t.test('refusals has the status, the message and the challenge of every code', async (t) => {
  t.strictSame(
    Object.fromEntries(
      Object.entries(refusals).map(([code, { status, message, ...rest }]) => [
        code,
        [status, 'challenge' in rest ? rest.challenge : 'none', message]
      ])
    ),
    {
      AUTH_NO_CREDENTIALS: [401, null, 'Authentication is required'],
      AUTH_MALFORMED_CREDENTIALS: [400, 'invalid_request', 'The credentials are malformed'],
      AUTH_INVALID_TOKEN: [401, 'invalid_token', 'The access token is invalid'],
      AUTH_EXPIRED_TOKEN: [401, 'invalid_token', 'The access token has expired'],
      AUTH_REVOKED_TOKEN: [401, 'invalid_token', 'The access token has been revoked'],
      AUTH_STALE_AUTHENTICATION: [
        401,
        'insufficient_user_authentication',
        'A more recent or a stronger authentication is required'
      ],
      AUTH_INSUFFICIENT_SCOPE: [403, 'insufficient_scope', 'The access token lacks a scope that is needed here'],
      AUTH_INSUFFICIENT_ROLE: [403, 'insufficient_scope', 'A role that is needed here is missing'],
      AUTH_CROSS_SITE: [403, 'none', 'The request came from another site'],
      AUTH_REFRESH_INVALID: [401, 'invalid_token', 'The refresh token is invalid'],
      AUTH_REFRESH_REUSED: [401, 'invalid_token', 'The refresh token was used before: the session has been ended'],
      AUTH_REFRESH_SUPERSEDED: [
        401,
        'invalid_token',
        'The refresh token was replaced: read your stored token again and do not resend this one'
      ],
      AUTH_STORE_UNAVAILABLE: [503, 'none', 'Sessions are unavailable at the moment'],
      AUTH_KEYS_UNAVAILABLE: [503, 'none', 'Keys are unavailable at the moment'],
      AUTH_TOKEN_TOO_LARGE: [500, 'none', 'The access token is too large']
    }
  )
})

t.test(
  'refusal() returns an error without a stack, with a detail that is not serialized and its own headers',
  async (t) => {
    const limit = Error.stackTraceLimit
    for (const code of Object.keys(refusals) as RefusalCode[]) {
      const cause = new Error('the cause')
      const error = refusal(code, 'the precise reason', { cause })
      const { status, message } = refusals[code]
      t.type(error, AuthError)
      t.match(error, { name: 'AuthError', code, statusCode: status, message, detail: 'the precise reason', cause })
      t.match(error.stack, new RegExp(`^\\w+: ${message}$`), 'no frames')
      t.strictSame(Object.keys(error).sort(), ['code', 'headers', 'name', 'statusCode'], 'nothing more is enumerable')
      t.notMatch(JSON.stringify(error), /precise|cause/)
      t.notMatch(JSON.stringify({ ...error }), /precise|cause/)
      t.strictSame(error.headers, status === 503 ? { 'retry-after': '2' } : {})
      t.not(refusal(code).headers, error.headers, 'headers are not shared')
      t.equal(refusal(code).detail, message)
      t.equal(Object.isFrozen(error), false)
    }
    t.equal(Error.stackTraceLimit, limit, 'the limit is restored')
    t.match(new Error('x').stack, /errors\.test/)
    t.throws(() => refusal('NONE' as never), TypeError)
    t.equal(Error.stackTraceLimit, limit, 'also after a fault')
  }
)
