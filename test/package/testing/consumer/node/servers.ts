import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createTestAuth } from 'fastify-authenticate/testing'
import request from 'supertest'
import { createApp } from '../app.js'

const claims = { roles: [], tenant: 'acme' }

async function start(t: TestContext) {
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  t.after(() => app.close())
  return { auth, app }
}

test('supertest sends the headers', async (t) => {
  const { auth, app } = await start(t)
  await app.ready()
  await request(app.server).get('/me').expect(401)
  await request(app.server)
    .get('/me')
    .set(await auth.as('alice', { claims }))
    .expect(200, { sub: 'alice', tenant: 'acme' })
  const cookie = await auth.as('alice', { claims, transport: 'cookie' })
  await request(app.server).get('/me').set(cookie).expect(200)
  const [access] = (await request(app.server).post('/sign-out').set(cookie).expect(204)).get('Set-Cookie') ?? []
  assert.match(access ?? '', /Max-Age=0/)
  await request(app.server).get('/me').set(cookie).expect(401)
})

test('fetch sends the headers to a server that listens', async (t) => {
  const { auth, app } = await start(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const transport of ['bearer', 'cookie'] as const) {
    const headers = await auth.as('alice', { claims, transport, scope: 'notes:write' })
    assert.deepEqual(await (await fetch(`${url}/me`, { headers })).json(), { sub: 'alice', tenant: 'acme' })
    assert.equal((await fetch(`${url}/notes`, { method: 'POST', headers })).status, 201)
  }
  const crossSite = await auth.as('alice', { claims, transport: 'cookie', scope: 'notes:write', crossSite: true })
  assert.equal((await fetch(`${url}/notes`, { method: 'POST', headers: crossSite })).status, 403)
})
