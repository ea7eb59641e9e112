import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestApp, password } from './app.ts'

test('a user signs in, refreshes, and signs out', async (t) => {
  const { app, addUser } = await createTestApp(t)
  await addUser('alice')
  const post = async (url: string, body?: object, token?: string) =>
    await app.inject({
      method: 'POST',
      url,
      ...(body && { body }),
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } })
    })
  const me = async (token: string) =>
    (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode

  const wrong = await post('/auth/login', { username: 'alice', password: 'wrong horse' })
  assert.equal(wrong.statusCode, 401)

  const first = (await post('/auth/login', { username: 'alice', password })).json()
  assert.equal(await me(first.access_token), 200)

  const second = (await post('/auth/refresh', { refresh_token: first.refresh_token })).json()
  assert.equal(await me(second.access_token), 200)

  assert.equal((await post('/auth/logout', undefined, second.access_token)).statusCode, 204)
  assert.equal(await me(second.access_token), 401)
  assert.equal((await post('/auth/refresh', { refresh_token: second.refresh_token })).statusCode, 401)
})

test('a browser gets cookies that scripts cannot read', async (t) => {
  const { app, addUser } = await createTestApp(t)
  await addUser('bob')
  const body = { username: 'bob', password, transport: 'cookie' }
  const response = await app.inject({ method: 'POST', url: '/auth/login', body })
  assert.equal(response.statusCode, 200)
  assert.ok(response.cookies.length > 0)
  for (const { httpOnly, sameSite } of response.cookies) {
    assert.equal(httpOnly, true)
    assert.match(String(sameSite), /^(lax|strict)$/i)
  }
})
