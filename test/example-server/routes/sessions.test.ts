import t from 'tap'
import { bearer, password, register, summaryOf } from '../../fixtures/example-client.ts'
import { createDemo, createInjected } from '../../fixtures/example-server.ts'

t.test("users list and end their own sessions, and nobody else's", async (t) => {
  const { app, signIn } = await createInjected(t)
  await register(app, 'bob')
  const device = 'Browser '.repeat(40)
  const earliest = Math.floor(Date.now() / 1000) * 1000
  const first = (
    await app.inject({
      method: 'POST',
      url: '/auth/login',
      headers: { 'user-agent': device },
      payload: { username: 'bob', password }
    })
  ).json()
  const [second, third, carol] = [await signIn('bob'), await signIn('bob'), await signIn('carol')]
  const list = async ({ headers }: typeof carol) => (await app.inject({ url: '/auth/sessions', headers })).json()
  const end = async ({ headers }: typeof carol, id = '') =>
    await app.inject({ method: 'DELETE', url: `/auth/sessions${id && `/${id}`}`, headers })

  const bobs = await list(second)
  t.strictSame(
    bobs.map(({ current }: { current: boolean }) => current),
    [false, true, false]
  )
  t.equal(bobs[0].device, device.slice(0, 200))
  t.strictSame(Object.keys(bobs[0]).sort(), ['created_at', 'current', 'device', 'expires_at', 'id', 'last_used_at'])
  const createdAt = Date.parse(bobs[0].created_at)
  t.ok(createdAt >= earliest && createdAt <= Date.now())

  for (const id of [(await list(carol))[0].id, 'none', 'x'.repeat(64)]) {
    t.strictSame(summaryOf(await end(second, id)), [404, 'NOT_FOUND'])
  }
  t.equal((await list(carol)).length, 1)
  t.equal((await end(second, bobs[0].id)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(first) })).statusCode, 401)
  t.equal((await end(second)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: third.headers })).statusCode, 401)
  t.strictSame(
    (await list(second)).map(({ id }: { id: string }) => id),
    [bobs[1].id]
  )
})

t.test('a refresh reads roles and scopes again, and signs out a deleted user', async (t) => {
  const { app, database, signIn } = await createInjected(t)
  // As if this session had started before there was `notes:write`.
  const { sub, refreshToken } = await signIn('bob', { scope: 'notes:read' })
  const refresh = async () =>
    await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: refreshToken } })
  const { byId } = database.users
  const users = database.users as { byId: typeof byId }
  users.byId = async (sub) => ({ ...(await byId(sub))!, roles: ['admin'] })
  const changed = (await refresh()).json()
  t.match((await app.inject({ url: '/me', headers: bearer(changed) })).json(), {
    sub,
    roles: ['admin'],
    scope: 'notes:read notes:write users:read users:write'
  })
  users.byId = async () => null
  t.strictSame(summaryOf(await refresh()), [401, 'AUTH_REFRESH_INVALID'])
  t.equal((await app.inject({ url: '/me', headers: bearer(changed) })).statusCode, 401)
})

t.test('only admins list the users and sign them out', async (t) => {
  const { app, signIn } = await createDemo(t)
  const [alice, admin] = [await signIn('alice'), await signIn('admin')]
  const list = async (headers = {}) => await app.inject({ url: '/admin/users', headers })
  const signOut = async ({ headers }: typeof alice, id: string) =>
    await app.inject({ method: 'POST', url: `/admin/users/${id}/sign-out`, headers })

  t.strictSame(summaryOf(await list()), [401, 'AUTH_NO_CREDENTIALS'])
  t.strictSame(summaryOf(await list(alice.headers)), [403, 'AUTH_INSUFFICIENT_ROLE'])
  t.strictSame(summaryOf(await signOut(alice, alice.sub)), [403, 'AUTH_INSUFFICIENT_ROLE'])
  const listed = await list(admin.headers)
  t.match(listed.json(), [
    { username: 'admin', roles: ['admin'] },
    { username: 'alice', roles: [], id: alice.sub }
  ])
  t.notMatch(listed.body, /argon2/)
  t.strictSame(summaryOf(await signOut(admin, 'nobody')), [404, 'NOT_FOUND'])
  t.equal((await signOut(admin, alice.sub)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: alice.headers })).statusCode, 401)
})
