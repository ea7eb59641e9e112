import t from 'tap'
import { password, type Tokens, bearer, summaryOf, register, tokensOf } from '../../fixtures/example-client.ts'
import { createDemo, createInjected } from '../../fixtures/example-server.ts'

t.test("users list and end their own sessions, and nobody else's", async (t) => {
  const { app } = await createInjected(t)
  await register(app, 'bob')
  await register(app, 'carol')
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
  const [second, third, carols] = [await tokensOf(app, 'bob'), await tokensOf(app, 'bob'), await tokensOf(app, 'carol')]
  const list = async (tokens: Tokens) => (await app.inject({ url: '/auth/sessions', headers: bearer(tokens) })).json()
  const end = async (tokens: Tokens, id = '') =>
    await app.inject({ method: 'DELETE', url: `/auth/sessions${id && `/${id}`}`, headers: bearer(tokens) })

  const bobs = await list(second)
  t.strictSame(
    bobs.map(({ current }: { current: boolean }) => current),
    [false, true, false]
  )
  t.equal(bobs[0].device, device.slice(0, 200))
  t.strictSame(Object.keys(bobs[0]).sort(), ['createdAt', 'current', 'device', 'expiresAt', 'id', 'lastUsedAt'])
  const createdAt = Date.parse(bobs[0].createdAt)
  t.ok(createdAt >= earliest && createdAt <= Date.now())

  for (const id of [(await list(carols))[0].id, 'none', 'x'.repeat(64)]) {
    t.strictSame(summaryOf(await end(second, id)), [404, 'NOT_FOUND'])
  }
  t.equal((await list(carols)).length, 1)
  t.equal((await end(second, bobs[0].id)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(first) })).statusCode, 401)
  t.equal((await end(second)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(third) })).statusCode, 401)
  t.strictSame(
    (await list(second)).map(({ id }: { id: string }) => id),
    [bobs[1].id]
  )
})

t.test('a refresh reads roles and scopes again, and signs out a deleted user', async (t) => {
  const { app, database } = await createInjected(t)
  const id = await register(app, 'bob')
  const tokens = await tokensOf(app, 'bob')
  const refresh = async () =>
    await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: tokens.refresh_token } })
  const { byId } = database.users
  const users = database.users as { byId: typeof byId }
  users.byId = async (sub) => ({ ...(await byId(sub))!, roles: ['admin'], scope: 'notes:read admin:all' })
  const changed = (await refresh()).json()
  t.match((await app.inject({ url: '/me', headers: bearer(changed) })).json(), {
    sub: id,
    roles: ['admin'],
    scope: 'notes:read'
  })
  users.byId = async () => null
  t.strictSame(summaryOf(await refresh()), [401, 'AUTH_REFRESH_INVALID'])
  t.equal((await app.inject({ url: '/me', headers: bearer(changed) })).statusCode, 401)
})

t.test('only admins list the users and sign them out', async (t) => {
  const { app, users } = await createDemo(t)
  const [alice, admin] = [await tokensOf(app, 'alice'), await tokensOf(app, 'admin')]
  const list = async (headers = {}) => await app.inject({ url: '/admin/users', headers })
  const signOut = async (tokens: Tokens, id: string) =>
    await app.inject({ method: 'POST', url: `/admin/users/${id}/sign-out`, headers: bearer(tokens) })
  const { id } = (await users.byName('alice'))!

  t.strictSame(summaryOf(await list()), [401, 'AUTH_NO_CREDENTIALS'])
  t.strictSame(summaryOf(await list(bearer(alice))), [403, 'AUTH_INSUFFICIENT_ROLE'])
  t.strictSame(summaryOf(await signOut(alice, id)), [403, 'AUTH_INSUFFICIENT_ROLE'])
  const listed = await list(bearer(admin))
  t.match(listed.json(), [
    { username: 'admin', roles: ['admin'] },
    { username: 'alice', roles: [], id }
  ])
  t.notMatch(listed.body, /argon2/)
  t.strictSame(summaryOf(await signOut(admin, 'nobody')), [404, 'NOT_FOUND'])
  t.equal((await signOut(admin, id)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(alice) })).statusCode, 401)
})
