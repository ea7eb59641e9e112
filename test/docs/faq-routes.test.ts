// Tries what docs/faq.md says about routes and types. Each test is named after its heading.
import fastify from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { createApp, issuer, secret } from '../fixtures/app.ts'
import { bearer } from '../fixtures/signed-in.ts'

const statusOf = async (app: { inject: (url: string) => Promise<{ statusCode: number }> }) =>
  (await app.inject('/notes')).statusCode

t.test('Why is my route open, although it has the hook?', async (t) => {
  const open = fastify()
  // Not awaited: the plugin loads later.
  void open.register(authenticate, { issuer, secret })
  t.throws(() => open.get('/listed', { preHandler: [open.authenticate] }, async () => 'notes'), 'in a list')
  open.get('/notes', { preHandler: open.authenticate }, async () => 'notes')
  t.equal(await statusOf(open), 200, 'a bare hook that is undefined')

  const closed = fastify()
  await closed.register(authenticate, { issuer, secret })
  closed.get('/notes', { preHandler: [closed.authenticate] }, async () => 'notes')
  t.equal(await statusOf(closed), 401)

  const early = fastify()
  early.get('/notes', { config: { auth: true } }, async () => 'notes')
  void early.register(authenticate, { issuer, secret })
  t.equal(await statusOf(early), 401, 'config.auth does not depend on the order')

  const misspelt = async (protect: 'all' | 'declared') => {
    const app = fastify()
    await app.register(authenticate, { issuer, secret, protect })
    app.get('/notes', { config: { authenticate: true } as object }, async () => 'notes')
    return await statusOf(app)
  }
  t.strictSame([await misspelt('declared'), await misspelt('all')], [200, 401])
})

t.test('Why does `config.auth` stop the start with "outside"?', async (t) => {
  const app = fastify()
  app.register(async (child) => {
    await child.register(authenticate, { issuer, secret })
  })
  app.get('/notes', { config: { auth: true } }, async () => 'notes')
  await t.rejects(Promise.resolve(app.ready()), { message: /it is outside the context/ })
})

t.test('`request.user` is not typed, or my claims are missing in it', async (t) => {
  // test/types.test.ts compiles the block.
  const server = await createApp({
    after: (app) =>
      app.get('/roles', { config: { auth: true } }, async ({ user }) => (user as { roles?: object }).roles)
  })
  const { access } = await server.signIn('bearer', { claims: { roles: ['admin'] } })
  t.strictSame((await server.app.inject({ url: '/roles', headers: bearer(access) })).json(), ['admin'])
})

t.test('Why does assigning to `request.user` throw?', async (t) => {
  const server = await createApp({
    after: (app) =>
      app.get('/rename', { config: { auth: true } }, async ({ user }) => {
        ;(user as { name?: string }).name = 'Alice'
      })
  })
  const { access } = await server.signIn('bearer')
  const response = await server.app.inject({ url: '/rename', headers: bearer(access) })
  t.match(response.json(), { statusCode: 500, message: /not extensible/ })
})
