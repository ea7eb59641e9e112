import t from 'tap'
import { post } from '../../fixtures/account-client.ts'
import { bearer, createJar, password, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

const authTime = Math.floor(Date.now() / 1000) - 301

t.test('by bearer, the password starts a fresh session and ends the former one', async (t) => {
  const { app, signIn } = await createInjected(t)
  const [old, other] = [await signIn('bob', { authTime }), await signIn('bob', { authTime })]
  const wrong = await post(app, '/auth/sign-in-again', { headers: old.headers, payload: { password: 'a guess' } })
  t.strictSame(summaryOf(wrong), [403, 'PASSWORD_WRONG'])
  const again = await post(app, '/auth/sign-in-again', { headers: old.headers, payload: { password } })
  t.equal(again.statusCode, 200)
  const headers = bearer(again.json())
  t.equal((await app.inject({ url: '/auth/account/export', headers })).statusCode, 200)
  t.equal((await app.inject({ url: '/me', headers: old.headers })).statusCode, 401)
  t.equal((await app.inject({ url: '/me', headers: other.headers })).statusCode, 200, 'other devices stay')
  t.equal((await app.inject({ url: '/auth/sessions', headers })).json().length, 2)
})

t.test('by cookie, it sets new cookies, and keeps whether they outlive the browser', async (t) => {
  const { app } = await createInjected(t)
  await post(app, '/auth/register', { payload: { username: 'bob', password } })
  for (const remember of [true, false]) {
    const jar = createJar()
    const signIn = await post(app, '/auth/login', {
      payload: { username: 'bob', password, transport: 'cookie', remember }
    })
    jar.keep([signIn.headers['set-cookie'] ?? []].flat())
    for (const path of ['/auth/sign-in-again', '/auth/refresh', '/auth/sign-in-again', '/auth/password']) {
      const payload = path === '/auth/password' ? { current_password: password, new_password: password } : { password }
      const response = await post(app, path, { headers: jar.header(), ...(path !== '/auth/refresh' && { payload }) })
      t.equal(response.statusCode, 200, path)
      t.ok(
        response.cookies.every(({ maxAge }) => (maxAge !== undefined) === remember),
        `${path}: ${remember}`
      )
      jar.keep([response.headers['set-cookie'] ?? []].flat())
    }
  }
})

t.test('guesses are limited like those at sign-in', async (t) => {
  const { app, signIn } = await createInjected(t)
  const { headers } = await signIn('bob', { authTime })
  const codes = []
  for (let guess = 0; guess < 21; guess++) {
    const payload = { password: `guess ${guess}` }
    codes.push((await post(app, '/auth/sign-in-again', { headers, payload })).json().code)
  }
  t.strictSame(codes, [...Array(20).fill('PASSWORD_WRONG'), 'TOO_MANY_ATTEMPTS'])
  t.equal((await post(app, '/auth/sign-in-again', { headers, payload: { password } })).statusCode, 429)
})

t.test('a body with neither or both is refused', async (t) => {
  const { app, signIn } = await createInjected(t)
  const { headers } = await signIn('bob')
  for (const payload of [{}, { password: '' }, { passkey: {} }, { password, username: 'alice' }]) {
    const response = await post(app, '/auth/sign-in-again', { headers, payload })
    t.strictSame(summaryOf(response), [400, 'FST_ERR_VALIDATION'], JSON.stringify(payload))
  }
})
