import t from 'tap'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AuthError } from '../../plugin/index.ts'
import { createApp, challenges, setCookies, issuer } from '../fixtures/app.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Shows the user that the handler sees: `null`, never `undefined`, without one. */
async function echoUser({ user, auth }: Pick<FastifyRequest, 'user' | 'auth'>) {
  const show = (value: unknown) => (value === undefined ? 'undefined' : value)
  return { user: user?.sub ?? show(user), auth: auth?.source ?? show(auth) }
}

t.test("a refusal keeps its challenge under the application's own error handlers", async (t) => {
  const handlers: [string, Parameters<FastifyInstance['setErrorHandler']>[0], object][] = [
    [
      'that sends a body of its own',
      (error, _request, reply) => {
        reply.code((error as AuthError).statusCode).send({ oops: (error as AuthError).code })
      },
      { oops: 'AUTH_NO_CREDENTIALS' }
    ],
    [
      'that is async',
      async (error, _request, reply) => {
        reply.code((error as AuthError).statusCode)
        return { oops: (error as AuthError).message }
      },
      { oops: 'Authentication is required' }
    ],
    [
      'that throws it again',
      (error) => {
        throw error
      },
      { statusCode: 401, code: 'AUTH_NO_CREDENTIALS', error: 'Unauthorized', message: 'Authentication is required' }
    ],
    [
      'that sends it',
      (error, _request, reply) => {
        reply.send(error)
      },
      { statusCode: 401, code: 'AUTH_NO_CREDENTIALS', error: 'Unauthorized', message: 'Authentication is required' }
    ]
  ]
  for (const [name, handler, body] of handlers) {
    for (const where of ['before', 'after'] as const) {
      const { app } = await createApp({
        [where]: (app: FastifyInstance) => {
          app.setErrorHandler(handler)
        }
      })
      const response = await app.inject('/me')
      t.strictSame(
        [response.statusCode, response.headers['www-authenticate'], response.json()],
        [401, challenges.bare, body],
        `${name}, set ${where}`
      )
    }
    const { app } = await createApp({
      after: (app) =>
        app.register(async (scope) => {
          scope.setErrorHandler(handler).get('/child', { config: { auth: true } }, echoUser)
        })
    })
    const response = await app.inject('/child')
    t.strictSame(
      [response.statusCode, response.headers['www-authenticate'], response.json()],
      [401, challenges.bare, body],
      `${name}, in a child`
    )
    const cookies = await app.inject({ url: '/child', headers: { cookie: '__Host-access=x' } })
    t.equal(setCookies(cookies).length, 1, 'and the cookies')
  }
})

t.test('AuthError.headers has what an application that catches a refusal must send', async (t) => {
  const { app } = await createApp({
    after(app) {
      app.get('/caught', async (request, reply) => {
        try {
          return await request.authenticate({ scopes: ['a', 'b'] })
        } catch (error) {
          if (!(error instanceof AuthError)) throw error
          return reply.code(error.statusCode).headers(error.headers).send({ mine: error.code })
        }
      })
    }
  })
  const response = await app.inject('/caught')
  t.strictSame(
    [response.statusCode, response.headers['www-authenticate'], response.json()],
    [401, challenges.bare, { mine: 'AUTH_NO_CREDENTIALS' }]
  )
  const token = await app.accessTokens.sign({ sub: 'alice', scope: 'a' })
  const scope = await app.inject({ url: '/caught', headers: bearer(token) })
  t.strictSame(
    [scope.statusCode, scope.headers['www-authenticate']],
    [403, `Bearer realm="${issuer}", error="insufficient_scope", scope="a b"`]
  )
})

t.test('createChallenge() quotes the realm', async (t) => {
  const { app } = await createApp({ plugin: { realm: 'the "inner" \\ circle' } })
  t.equal((await app.inject('/me')).headers['www-authenticate'], 'Bearer realm="the \\"inner\\" \\\\ circle"')
})
