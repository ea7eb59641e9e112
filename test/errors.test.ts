import { createRequire } from 'node:module'
import t from 'tap'
import { AuthError, refusals, type RefusalCode } from '../plugin/errors.ts'
import { createApp } from './fixtures/app.ts'

/** How NestJS, `http-errors` and `koa` recognize an error whose status they pass on. */
function isHttpError(error: unknown): boolean {
  const { expose, statusCode, status } = error as Partial<AuthError>
  return (
    error instanceof Error && typeof expose === 'boolean' && typeof statusCode === 'number' && status === statusCode
  )
}

t.test(
  'every refusal is an error by the convention of http-errors: frameworks pass its status on, and hide the message of a 5xx',
  async (t) => {
    const { isHttpError: byHttpErrors } = createRequire(import.meta.resolve('@fastify/static'))('http-errors') as {
      isHttpError: (error: unknown) => boolean
    }
    for (const [code, { status, message }] of Object.entries(refusals)) {
      const error = new AuthError(code as RefusalCode, 'the precise reason')
      t.ok(isHttpError(error) && byHttpErrors(error), code)
      t.strictSame(
        [error.status, error.statusCode, error.expose, error.message],
        [status, status, status < 500, message]
      )
      t.strictSame(
        Object.keys(error).sort(),
        ['code', 'headers', 'name', 'statusCode'],
        'what a serializer sees is as before'
      )
    }
  }
)

t.test('Fastify sends a refusal in its own shape, with no other member', async (t) => {
  const { app } = await createApp()
  t.strictSame((await app.inject('/me')).json(), {
    statusCode: 401,
    code: 'AUTH_NO_CREDENTIALS',
    error: 'Unauthorized',
    message: 'Authentication is required'
  })
})
