import fastify from 'fastify'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions } from '../plugin/index.ts'
import { createTestAuth, type TestAuth } from '../plugin/testing.ts'

const api = 'https://api.example.com'

/** An application as users write it: it does not know the kit. */
function createApp(options: Partial<AuthenticateOptions> = {}) {
  const app = fastify()
  app.register(authenticate, { issuer: api, secret: 'a secret of the application, of 32 bytes', ...options })
  app.get('/me', { config: { auth: true } }, async (request) => request.user)
  app.get('/notes', { config: { auth: { scopes: ['notes:read'] } } }, async () => ['buy milk'])
  app.post('/notes', { config: { auth: true } }, async () => ({ created: true }))
  app.post('/logout', async (_request, reply) => {
    await reply.signOut()
    return reply.code(204).send()
  })
  app.post('/refresh', async (request, reply) =>
    reply.refresh((request.body as { refresh_token?: string } | undefined)?.refresh_token)
  )
  return app
}

async function start(
  t: Test,
  { auth = createTestAuth(), ...options }: Partial<AuthenticateOptions> & { auth?: TestAuth } = {}
) {
  const app = createApp({ ...options, ...auth.options })
  t.teardown(() => app.close())
  await app.ready()
  return { app, auth }
}

t.test('as() resolves to headers that the application accepts', async (t) => {
  const { app, auth } = await start(t)
  const response = await app.inject({ url: '/notes', headers: await auth.as('alice', { scope: 'notes:read' }) })
  t.strictSame([response.statusCode, response.json()], [200, ['buy milk']])
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/notes',
    headers: await auth.as('alice', { transport: 'cookie' })
  })
  t.equal(statusCode, 200)
  for (const kind of ['expired', 'otherKey', 'otherAudience', 'none', 'revoked'] as const) {
    const headers = { authorization: `Bearer ${await auth.spoiltToken(kind)}` }
    t.match((await app.inject({ url: '/me', headers })).json(), { code: /^AUTH_/ })
  }
})
