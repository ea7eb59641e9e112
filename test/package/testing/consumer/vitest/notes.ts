import type { FastifyInstance } from 'fastify'
import { createTestAuth, type TestAuth } from 'fastify-authenticate/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createApp } from '../app.js'

const acme = { roles: [], tenant: 'acme' }
const partner = 'https://login.example.com'

let auth: TestAuth
let app: FastifyInstance
beforeEach(async () => {
  auth = createTestAuth()
  const trustedIssuers = [auth.issuer(partner).trust({ audience: 'https://notes.example.com' })]
  app = await createApp({ ...auth.options, trustedIssuers })
})
afterEach(() => app.close())

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('without a token, a route is closed', async () => {
  const response = await app.inject('/me')
  expect(response.statusCode).toBe(401)
  expect(response.json()).toMatchObject({ code: 'AUTH_NO_CREDENTIALS' })
})

test('with a token, the route knows the user', async () => {
  const response = await app.inject({ url: '/me', headers: await auth.as('alice', { claims: acme }) })
  expect(response.json()).toEqual({ sub: 'alice', tenant: 'acme' })
})

test('notes require a scope', async () => {
  const reader = await auth.as('alice', { scope: 'notes:read', claims: acme })
  const writer = await auth.as('alice', { scope: 'notes:write', claims: acme })
  expect((await app.inject({ url: '/notes', headers: reader })).json()).toEqual(['buy milk'])
  expect((await app.inject({ url: '/notes', headers: writer })).json()).toMatchObject({
    code: 'AUTH_INSUFFICIENT_SCOPE'
  })
})

test('only admins delete notes', async () => {
  const remove = async (roles: string[]) => {
    const headers = await auth.as('alice', { claims: { ...acme, roles } })
    return (await app.inject({ method: 'DELETE', url: '/notes', headers })).statusCode
  }
  expect(await remove(['admin'])).toBe(204)
  expect(await remove(['reader'])).toBe(403)
})

test('a tenant sees its own notes', async () => {
  const headers = await auth.as('bob', { scope: 'notes:read', claims: { ...acme, tenant: 'initech' } })
  expect((await app.inject({ url: '/notes', headers })).json()).toEqual([])
})

test('a token expires after five minutes', async () => {
  const headers = await auth.as('alice', { claims: acme })
  auth.clock.advance(299)
  expect((await app.inject({ url: '/me', headers })).statusCode).toBe(200)
  auth.clock.advance(1)
  expect((await app.inject({ url: '/me', headers })).json()).toMatchObject({ code: 'AUTH_EXPIRED_TOKEN' })
})

test('a sign-out takes effect immediately', async () => {
  const headers = await auth.as('alice', { claims: acme })
  const other = await auth.as('bob', { claims: acme })
  await auth.signOut('alice')
  expect((await app.inject({ url: '/me', headers })).json()).toMatchObject({ code: 'AUTH_REVOKED_TOKEN' })
  expect((await app.inject({ url: '/me', headers: other })).statusCode).toBe(200)
  expect((await app.inject({ method: 'POST', url: '/sign-out', headers: other })).statusCode).toBe(204)
  expect((await app.inject({ url: '/me', headers: other })).json()).toMatchObject({ code: 'AUTH_REVOKED_TOKEN' })
})

test('a page of another site cannot write notes with the cookie', async () => {
  const write = async (crossSite: boolean) => {
    const headers = await auth.as('alice', { scope: 'notes:write', claims: acme, transport: 'cookie', crossSite })
    return await app.inject({ method: 'POST', url: '/notes', headers })
  }
  expect((await write(false)).statusCode).toBe(201)
  expect((await write(true)).json()).toMatchObject({ code: 'AUTH_CROSS_SITE' })
})

test('partners sign in elsewhere', async () => {
  const token = await auth.issuer(partner).token({ sub: 'carol', roles: [], tenant: 'acme' })
  expect((await app.inject({ url: '/partners', headers: bearer(token) })).body).toBe('carol')
  expect((await app.inject({ url: '/me', headers: bearer(token) })).json()).toMatchObject({
    code: 'AUTH_INVALID_TOKEN'
  })
})

test('a refresh rotates, and a refresh token that comes back late ends the session', async () => {
  const refresh = async (headers: Record<string, string>) => {
    auth.clock.advance(60)
    const response = await app.inject({ method: 'POST', url: '/token', headers })
    return { response, headers: { cookie: response.cookies.map(({ name, value }) => `${name}=${value}`).join('; ') } }
  }
  const first = await auth.as('alice', { claims: acme, transport: 'cookie' })
  const second = await refresh(first)
  const third = await refresh(second.headers)
  expect((await app.inject({ url: '/me', headers: third.headers })).statusCode).toBe(200)
  expect((await refresh(first)).response.json()).toMatchObject({ code: 'AUTH_REFRESH_REUSED' })
  expect((await app.inject({ url: '/me', headers: third.headers })).statusCode).toBe(401)
})

test('a spoilt token is refused', async () => {
  const code = async (kind: Parameters<TestAuth['spoiltToken']>[0]) =>
    (await app.inject({ url: '/me', headers: bearer(await auth.spoiltToken(kind, { claims: acme })) })).json().code
  expect(await code('expired')).toBe('AUTH_EXPIRED_TOKEN')
  expect(await code('otherKey')).toBe('AUTH_INVALID_TOKEN')
  expect(await code('otherAudience')).toBe('AUTH_INVALID_TOKEN')
  expect(await code('none')).toBe('AUTH_INVALID_TOKEN')
  expect(await code('revoked')).toBe('AUTH_REVOKED_TOKEN')
})

test('the events say what happened', async () => {
  await app.inject('/me')
  await auth.as('alice', { claims: acme, transport: 'cookie' })
  await auth.signOut('alice')
  expect(auth.events).toMatchObject([
    { type: 'token-refused', code: 'AUTH_NO_CREDENTIALS' },
    { type: 'session-started', sub: 'alice', transport: 'cookie' },
    { type: 'session-revoked' }
  ])
})
