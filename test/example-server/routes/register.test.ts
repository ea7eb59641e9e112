import t from 'tap'
import { password, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('a username can be taken once, regardless of case, even by concurrent requests', async (t) => {
  const { app } = await createInjected(t)
  const take = async (username: string) =>
    await app.inject({ method: 'POST', url: '/auth/register', payload: { username, password } })
  const first = await take('Dave')
  t.equal(first.statusCode, 201)
  t.match(first.json(), { id: /^[\da-f-]{36}$/, username: 'Dave', roles: [] })
  t.notMatch(first.body, /hash|argon/)
  t.strictSame(summaryOf(await take('dAVE')), [409, 'USERNAME_TAKEN'])
  const race = await Promise.all([take('erin'), take('ERIN'), take('Erin')])
  t.strictSame(race.map(({ statusCode }) => statusCode).sort(), [201, 409, 409])
})

t.test('a common password, or one that equals the username, cannot be chosen at sign-up or later', async (t) => {
  const { app, signIn } = await createInjected(t)
  const register = async (username: string, chosen: string) =>
    await app.inject({ method: 'POST', url: '/auth/register', payload: { username, password: chosen } })
  for (const chosen of ['password', 'Password1', '12345678', 'iloveyou', 'QWERTYUIOP', 'trustno1', 'Bobby.Tables']) {
    const response = await register('bobby.tables', chosen)
    t.strictSame([response.statusCode, response.json().code], [400, 'PASSWORD_COMMON'], chosen)
  }
  t.equal((await register('bobby.tables', password)).statusCode, 201)
  const { headers } = await signIn('bobby.tables')
  for (const chosen of ['sunshine', 'BOBBY.TABLES']) {
    const response = await app.inject({
      method: 'POST',
      url: '/auth/password',
      headers,
      payload: { current_password: password, new_password: chosen }
    })
    t.strictSame([response.statusCode, response.json().code], [400, 'PASSWORD_COMMON'], chosen)
  }
})
