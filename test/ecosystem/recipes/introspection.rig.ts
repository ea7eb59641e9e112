import formbody from '@fastify/formbody'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import authenticate, { type AuthenticateOptions } from 'fastify-authenticate'
import t, { type Test } from 'tap'
import { createFaultyStore } from '../../fixtures/fault-store.ts'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { importRecipe } from '../printed-code.ts'
import { bearer, serve } from './recipe-application.ts'

interface Service {
  server: Record<string, unknown>
  isActive(token: string, authentication: oauth.ClientAuth, options: object): Promise<boolean>
  revoke(token: string, options: object): Promise<void>
}
interface Oauth {
  oauthRoutes: FastifyPluginAsync<{ readClient: Clients['readClient'] }>
}
interface Clients {
  createApp(): Promise<FastifyInstance>
  clients: Map<string, { id: string; scopes: string[]; secretHashes: Buffer[] }>
  hashOf(secret: string): Buffer
  readClient(authorization?: string): { id: string } | null
}

const insecure = { [oauth.allowInsecureRequests]: true }
const secret = 'a-secret-of-reports'

async function start(t: Test, options: Partial<AuthenticateOptions> = {}) {
  const { oauthRoutes } = await importRecipe<Oauth>(t, { page: 'docs/recipes/introspection.md', file: 'file oauth.ts' })
  const { clients, hashOf, readClient } = await importRecipe<Clients>(t, {
    page: 'docs/recipes/machine-tokens.md',
    file: 'file clients.ts'
  })
  const service = await importRecipe<Service>(t, { page: 'docs/recipes/introspection.md', file: 'file service.ts' })
  clients.set('reports', { id: 'reports', scopes: [], secretHashes: [hashOf(secret)] })
  const app = Fastify()
  const auth = { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET!, protect: 'all' as const }
  await app.register(authenticate, { ...auth, ...options })
  await app.register(formbody)
  await app.register(oauthRoutes, { readClient })
  app.get('/me', async ({ user }) => user)
  app.post('/login', { config: { auth: false } }, async (_request, reply) => {
    return await reply.signIn({
      sub: 'alice',
      scope: 'reports:read',
      claims: { email: 'a@example.com' },
      transport: 'bearer'
    })
  })
  app.post('/refresh', { config: { auth: false } }, async (request, reply) => {
    return await reply.refresh((request.body as { token: string }).token)
  })
  const url = await serve(t, app)
  Object.assign(service.server, {
    introspection_endpoint: `${url}/oauth/introspect`,
    revocation_endpoint: `${url}/oauth/revoke`
  })
  const signIn = async () =>
    (await app.inject({ method: 'POST', url: '/login' })).json<{ access_token: string; refresh_token: string }>()
  const isActive = async (token: string, given = secret) =>
    await service.isActive(token, oauth.ClientSecretBasic(given), insecure)
  const revoke = async (token: string) => await service.revoke(token, insecure)
  const status = async (token: string) => (await app.inject({ url: '/me', headers: bearer(token) })).statusCode
  const refresh = async (token: string) =>
    (await app.inject({ method: 'POST', url: '/refresh', payload: { token } })).statusCode
  return { app, url, service, signIn, isActive, revoke, status, refresh }
}

t.test('oauth4webapi introspects an access token, before and after its session has ended', async (t) => {
  const { app, service, signIn, isActive, revoke, status } = await start(t)
  const { access_token: token, refresh_token: refreshToken } = await signIn()
  t.equal(await isActive(token), true)
  const config = new openid.Configuration(
    service.server as never,
    'reports',
    undefined,
    openid.ClientSecretBasic(secret)
  )
  openid.allowInsecureRequests(config)
  const claims = await openid.tokenIntrospection(config, token)
  t.match(claims, { active: true, sub: 'alice', scope: 'reports:read', iss: 'https://api.example.com' })
  t.notOk('email' in claims, "the application's own claims are not sent")
  t.strictSame(await openid.tokenIntrospection(config, refreshToken), { active: false }, 'a refresh token')
  t.equal(await isActive(await app.accessTokens.sign({ sub: 'machine', scope: 'other' })), false, 'without the scope')

  await revoke(token)
  t.equal(await status(token), 401)
  t.strictSame(await openid.tokenIntrospection(config, token), { active: false })
})

t.test('a token that is not valid for any reason gets the same response', async (t) => {
  let now = Date.now()
  const clock = () => now
  const { app } = await start(t, { clock, store: memoryStore({ clock }) })
  const authorization = `Basic ${Buffer.from(`reports:${secret}`).toString('base64')}`
  const introspect = async (token: string) => {
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const payload = new URLSearchParams({ token }).toString()
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/oauth/introspect', headers, payload })
    return [statusCode, body]
  }
  const expired = await app.accessTokens.sign({ sub: 'job', lifetimeSeconds: 1 })
  now += 1000
  const good = await app.accessTokens.sign({ sub: 'job' })
  const revoked = await app.accessTokens.sign({ sub: 'job' })
  const { jti, exp } = await app.accessTokens.verify(revoked)
  await app.accessTokens.revoke(jti!, exp)
  const elsewhere = await app.accessTokens.sign({ sub: 'job', audience: 'password-reset' })
  t.match(await introspect(good), [200, /"active":true/])
  for (const token of [expired, revoked, elsewhere, good.slice(0, -2), 'x', 'a.b.c', 'A'.repeat(9000)]) {
    t.strictSame(await introspect(token), [200, '{"active":false}'])
  }
  t.equal((await introspect('A'.repeat(20_000)))[0], 413)
})

t.test('the routes join the application of machine tokens', async (t) => {
  const page = 'docs/recipes/introspection.md'
  const { oauthRoutes } = await importRecipe<Oauth>(t, { page, file: 'file oauth.ts' })
  const recipe = { page: 'docs/recipes/machine-tokens.md', file: 'file clients.ts' }
  const { createApp, clients, hashOf, readClient } = await importRecipe<Clients>(t, recipe)
  clients.set('acme', { id: 'acme', scopes: ['orders:read'], secretHashes: [hashOf(secret)] })
  const app = await createApp()
  t.teardown(() => app.close())
  await app.register(oauthRoutes, { readClient })
  const authorization = `Basic ${Buffer.from(`acme:${secret}`).toString('base64')}`
  const post = async (url: string, payload: string) => {
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    return (await app.inject({ method: 'POST', url, headers, payload })).json<Record<string, unknown>>()
  }
  const { access_token: token } = await post('/oauth/token', 'grant_type=client_credentials')
  t.match(await post('/oauth/introspect', `token=${token as string}`), { active: true, sub: 'client:acme' })
})

t.test('only a client with its secret may introspect', async (t) => {
  const { app, signIn, isActive } = await start(t)
  const { access_token: token } = await signIn()
  await t.rejects(isActive(token, 'wrong'))
  const payload = `token=${token}`
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const headers of [form, { ...form, ...bearer(token) }, { ...form, authorization: 'Basic cmVwb3J0czo=' }]) {
    const response = await app.inject({ method: 'POST', url: '/oauth/introspect', headers, payload })
    t.equal(response.statusCode, 401)
    t.strictSame(response.json(), { error: 'invalid_client' })
  }
})

t.test('oauth4webapi revokes access tokens, refresh tokens and machine tokens', async (t) => {
  const { app, url, signIn, revoke, status, refresh } = await start(t)
  const byRefreshToken = await signIn()
  await revoke(byRefreshToken.refresh_token)
  t.equal(await status(byRefreshToken.access_token), 401)
  t.equal(await refresh(byRefreshToken.refresh_token), 401)

  const byAccessToken = await signIn()
  await revoke(byAccessToken.access_token)
  t.equal(await refresh(byAccessToken.refresh_token), 401)

  const machine = await app.accessTokens.sign({ sub: 'job' })
  await revoke(machine)
  t.equal(await status(machine), 401)

  const other = await signIn()
  await revoke('unknown')
  await revoke(`${other.refresh_token}x`)
  t.equal(await refresh(other.refresh_token), 200, 'another session stays')
  const response = await fetch(`${url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ nothing: '' }) })
  t.equal(response.status, 400)
  t.strictSame(await response.json(), { error: 'invalid_request' })
})

t.test('while revocations cannot be read, introspection and revocation are unavailable, not inactive', async (t) => {
  const store = createFaultyStore(memoryStore(), { method: 'readRevocations', fault: 'throws' })
  store.state.isFaulty = true
  const { app } = await start(t, { store: store.store, revocation: { whenStale: 'refuse' } })
  const token = await app.accessTokens.sign({ sub: 'job' })
  const authorization = `Basic ${Buffer.from(`reports:${secret}`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  for (const url of ['/oauth/introspect', '/oauth/revoke']) {
    const response = await app.inject({ method: 'POST', url, headers, payload: `token=${token}` })
    t.equal(response.statusCode, 503, url)
    t.equal(response.headers['retry-after'], '2')
  }
})
