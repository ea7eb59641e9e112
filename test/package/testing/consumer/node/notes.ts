import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createTestAuth } from 'fastify-authenticate/testing'
import { createApp } from '../app.js'

const acme = { roles: [], tenant: 'acme' }
const partner = 'https://login.example.com'

/** The application with test options. It closes with the test. */
async function start(t: TestContext) {
  const auth = createTestAuth()
  const trustedIssuers = [auth.issuer(partner).trust({ audience: 'https://notes.example.com' })]
  const app = await createApp({ ...auth.options, trustedIssuers })
  t.after(() => app.close())
  return { auth, app }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('without a token, a route is closed', async (t) => {
  const { app } = await start(t)
  const response = await app.inject('/me')
  assert.equal(response.statusCode, 401)
  assert.equal(response.json().code, 'AUTH_NO_CREDENTIALS')
})

test('with a token, the route knows the user', async (t) => {
  const { auth, app } = await start(t)
  const response = await app.inject({ url: '/me', headers: await auth.as('alice', { claims: acme }) })
  assert.deepEqual(response.json(), { sub: 'alice', tenant: 'acme' })
})

test('notes require a scope', async (t) => {
  const { auth, app } = await start(t)
  const reader = await auth.as('alice', { scope: 'notes:read', claims: acme })
  const writer = await auth.as('alice', { scope: 'notes:write', claims: acme })
  assert.deepEqual((await app.inject({ url: '/notes', headers: reader })).json(), ['buy milk'])
  assert.equal((await app.inject({ url: '/notes', headers: writer })).json().code, 'AUTH_INSUFFICIENT_SCOPE')
})

test('only admins delete notes', async (t) => {
  const { auth, app } = await start(t)
  const remove = async (roles: string[]) => {
    const headers = await auth.as('alice', { claims: { ...acme, roles } })
    return (await app.inject({ method: 'DELETE', url: '/notes', headers })).statusCode
  }
  assert.equal(await remove(['admin']), 204)
  assert.equal(await remove(['reader']), 403)
})

test('a tenant sees its own notes', async (t) => {
  const { auth, app } = await start(t)
  const headers = await auth.as('bob', { scope: 'notes:read', claims: { ...acme, tenant: 'initech' } })
  assert.deepEqual((await app.inject({ url: '/notes', headers })).json(), [])
})

test('a token expires after five minutes', async (t) => {
  const { auth, app } = await start(t)
  const headers = await auth.as('alice', { claims: acme })
  auth.clock.advance(299)
  assert.equal((await app.inject({ url: '/me', headers })).statusCode, 200)
  auth.clock.advance(1)
  assert.equal((await app.inject({ url: '/me', headers })).json().code, 'AUTH_EXPIRED_TOKEN')
})

test('a sign-out takes effect immediately', async (t) => {
  const { auth, app } = await start(t)
  const headers = await auth.as('alice', { claims: acme })
  const other = await auth.as('bob', { claims: acme })
  await auth.signOut('alice')
  assert.equal((await app.inject({ url: '/me', headers })).json().code, 'AUTH_REVOKED_TOKEN')
  assert.equal((await app.inject({ url: '/me', headers: other })).statusCode, 200)
  assert.equal((await app.inject({ method: 'POST', url: '/sign-out', headers: other })).statusCode, 204)
  assert.equal((await app.inject({ url: '/me', headers: other })).json().code, 'AUTH_REVOKED_TOKEN')
})

test('a page of another site cannot write notes with the cookie', async (t) => {
  const { auth, app } = await start(t)
  const write = async (crossSite: boolean) => {
    const headers = await auth.as('alice', { scope: 'notes:write', claims: acme, transport: 'cookie', crossSite })
    return await app.inject({ method: 'POST', url: '/notes', headers })
  }
  assert.equal((await write(false)).statusCode, 201)
  assert.equal((await write(true)).json().code, 'AUTH_CROSS_SITE')
})

test('partners sign in elsewhere', async (t) => {
  const { auth, app } = await start(t)
  const token = await auth.issuer(partner).token({ sub: 'carol', roles: [], tenant: 'acme' })
  assert.equal((await app.inject({ url: '/partners', headers: bearer(token) })).body, 'carol')
  assert.equal((await app.inject({ url: '/me', headers: bearer(token) })).json().code, 'AUTH_INVALID_TOKEN')
})

test('a refresh rotates, and a refresh token that comes back late ends the session', async (t) => {
  const { auth, app } = await start(t)
  const refresh = async (headers: Record<string, string>) => {
    auth.clock.advance(60)
    const response = await app.inject({ method: 'POST', url: '/token', headers })
    return { response, headers: { cookie: response.cookies.map(({ name, value }) => `${name}=${value}`).join('; ') } }
  }
  const first = await auth.as('alice', { claims: acme, transport: 'cookie' })
  const second = await refresh(first)
  const third = await refresh(second.headers)
  assert.equal((await app.inject({ url: '/me', headers: third.headers })).statusCode, 200)
  assert.equal((await refresh(first)).response.json().code, 'AUTH_REFRESH_REUSED')
  assert.equal((await app.inject({ url: '/me', headers: third.headers })).statusCode, 401)
})

test('a spoilt token is refused', async (t) => {
  const { auth, app } = await start(t)
  const codes = {
    expired: 'AUTH_EXPIRED_TOKEN',
    otherKey: 'AUTH_INVALID_TOKEN',
    otherAudience: 'AUTH_INVALID_TOKEN',
    none: 'AUTH_INVALID_TOKEN',
    revoked: 'AUTH_REVOKED_TOKEN'
  } as const
  for (const kind of Object.keys(codes) as (keyof typeof codes)[]) {
    const headers = bearer(await auth.spoiltToken(kind, { claims: acme }))
    assert.equal((await app.inject({ url: '/me', headers })).json().code, codes[kind], kind)
  }
})

test('the events say what happened', async (t) => {
  const { auth, app } = await start(t)
  await app.inject('/me')
  await auth.as('alice', { claims: acme, transport: 'cookie' })
  await auth.signOut('alice')
  assert.deepEqual(
    auth.events.map(({ type }) => type),
    ['token-refused', 'session-started', 'session-revoked']
  )
})
