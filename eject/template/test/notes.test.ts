import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spoiltTokenCodes, type SpoiltKind } from 'fastify-authenticate/testing'
import { createTestApp } from './app.ts'

test('nobody reads notes without a session', async (t) => {
  const { app } = await createTestApp(t)
  const response = await app.inject({ url: '/notes' })
  assert.equal(response.statusCode, 401)
  assert.equal(response.json().code, 'AUTH_NO_CREDENTIALS')
})

test('users see their own notes only', async (t) => {
  const { app, signedIn } = await createTestApp(t)
  const alice = await signedIn('alice')
  const bob = await signedIn('bob')
  const added = await app.inject({ method: 'POST', url: '/notes', headers: alice, body: { text: 'buy milk' } })
  assert.equal(added.statusCode, 201)

  assert.match((await app.inject({ url: '/notes', headers: alice })).body, /buy milk/)
  assert.doesNotMatch((await app.inject({ url: '/notes', headers: bob })).body, /buy milk/)
  const { id } = added.json()
  assert.equal((await app.inject({ method: 'DELETE', url: `/notes/${id}`, headers: bob })).statusCode, 404)
})

test('a token without the scope cannot write', async (t) => {
  const { app, auth } = await createTestApp(t)
  const reader = await auth.as('carol', { scope: 'notes:read', claims: { name: 'carol', roles: [] } })
  const response = await app.inject({ method: 'POST', url: '/notes', headers: reader, body: { text: 'no' } })
  assert.equal(response.statusCode, 403)
  assert.equal(response.json().code, 'AUTH_INSUFFICIENT_SCOPE')
})

test('no bad token is accepted', async (t) => {
  const { app, auth } = await createTestApp(t)
  for (const [kind, code] of Object.entries(spoiltTokenCodes)) {
    const terms = { scope: 'notes:read', claims: { name: 'dave', roles: [] } }
    const token = await auth.spoiltToken(kind as SpoiltKind, terms)
    const response = await app.inject({ url: '/notes', headers: { authorization: `Bearer ${token}` } })
    assert.equal(response.statusCode, 401, kind)
    assert.equal(response.json().code, code, kind)
  }
})

test('only an administrator lists the users', async (t) => {
  const { app, signedIn } = await createTestApp(t)
  const list = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/admin/users', headers })).statusCode
  assert.equal(await list(await signedIn('erin', ['admin'])), 200)
  assert.equal(await list(await signedIn('frank')), 403)
})
