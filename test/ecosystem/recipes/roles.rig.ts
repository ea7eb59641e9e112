import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { importBlock, importCode, writeBlock } from '../printed-code.ts'

writeBlock('docs/recipes/roles.md', 'file database.ts')
const { createApp } = await importBlock<{
  createApp: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
}>('docs/recipes/roles.md', 'file app.ts')

async function start(t: Test, addRoutes: (app: FastifyInstance) => void = () => {}) {
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  addRoutes(app)
  t.teardown(() => app.close())
  const call = async (token: string, method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) => {
    const headers = { authorization: `Bearer ${token}` }
    const { statusCode, body } = await app.inject({ method, url, headers, ...(payload && { payload }) })
    return statusCode < 300 ? statusCode : [statusCode, (JSON.parse(body) as { code?: string }).code]
  }
  async function post(url: string, payload: object) {
    return (await app.inject({ method: 'POST', url, payload })).json<Record<string, string>>()
  }
  const passwords: Record<string, string> = { alice: 'wonderland', bob: 'builder', carol: 'christmas' }
  const signIn = (username: string) => post('/login', { username, password: passwords[username] })
  return { auth, app, call, post, signIn }
}

t.test('the routes require scopes and roles, and the handler checks whose object it is', async (t) => {
  const { call, signIn } = await start(t)
  const cases = {
    alice: [200, [404, undefined], 200, 200],
    bob: [200, [404, undefined], [403, 'AUTH_INSUFFICIENT_SCOPE'], [403, 'AUTH_INSUFFICIENT_ROLE']],
    carol: [[404, undefined], 200, 200, [403, 'AUTH_INSUFFICIENT_ROLE']]
  }
  for (const [name, expected] of Object.entries(cases)) {
    const { access_token: token } = await signIn(name)
    t.strictSame(
      [
        await call(token!, 'GET', '/invoices/1'),
        await call(token!, 'GET', '/invoices/2'),
        await call(token!, 'DELETE', '/invoices'),
        await call(token!, 'PUT', '/members')
      ],
      expected,
      name
    )
  }
})

t.test('more roles take effect at the next refresh, fewer immediately', async (t) => {
  const { auth, call, post, signIn } = await start(t)
  const { access_token: alice } = await signIn('alice')
  const bob = await signIn('bob')
  t.equal(await call(alice!, 'POST', '/members/bob/roles', { roles: ['member', 'accountant'] }), 204)
  t.strictSame(await call(bob.access_token!, 'DELETE', '/invoices'), [403, 'AUTH_INSUFFICIENT_SCOPE'])
  auth.clock.advance(60)
  const refreshed = await post('/refresh', { refresh_token: bob.refresh_token! })
  t.equal(refreshed.scope, 'invoices:read invoices:write')
  t.equal(await call(refreshed.access_token!, 'DELETE', '/invoices'), 200)

  t.equal(await call(alice!, 'POST', '/members/bob/roles', { roles: ['member'] }), 204)
  t.strictSame(await call(refreshed.access_token!, 'DELETE', '/invoices'), [401, 'AUTH_REVOKED_TOKEN'])
  auth.clock.advance(1)
  t.equal((await signIn('bob')).scope, 'invoices:read')
})

t.test('a token without the claims is refused, and a sign-in without them throws', async (t) => {
  const { app, call } = await start(t)
  const token = await app.accessTokens.sign({
    sub: 'robot',
    claims: { roles: [], team: 'red' },
    scope: 'invoices:read'
  } as never)
  t.equal(await call(token, 'GET', '/invoices/1'), 200)
  await t.rejects(app.accessTokens.sign({ sub: 'robot', claims: { roles: ['root'], team: 'red' } } as never), TypeError)
})

t.test('a route that reads the database notices a change immediately', async (t) => {
  const page = 'docs/recipes/roles.md'
  const { addRoutes } = await importCode<{ addRoutes: (app: FastifyInstance) => void }>(
    page,
    `import type { FastifyInstance } from 'fastify'
    import { findUser } from './database.js'
    export function addRoutes (app: FastifyInstance) {
      ${namedBlock(page, 'current')}
    }`
  )
  const { call, signIn } = await start(t, addRoutes)
  const { access_token: alice } = await signIn('alice')
  const { access_token: bob } = await signIn('bob')
  t.strictSame(await call(bob!, 'DELETE', '/team'), [403, undefined])
  t.equal(await call(alice!, 'DELETE', '/team'), 200)
  const { findUser } = await importBlock<{ findUser: (id: string) => Promise<{ roles: string[] }> }>(
    page,
    'file database.ts'
  )
  const user = await findUser('alice')
  user.roles = ['member']
  t.teardown(() => {
    user.roles = ['admin']
  })
  t.strictSame(await call(alice!, 'DELETE', '/team'), [403, undefined])
  t.equal(await call(alice!, 'PUT', '/members'), 200, 'the token still says what it said')
})
