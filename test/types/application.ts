// What compiles and what must not. `tsc` checks this file twice: against the sources, with the rest of the tests, and
// against the package as it is published (test/types.test.ts). Nothing runs it.
import fastify from 'fastify'
import authenticate, { AuthError, type Auth, type AuthEvent, type BearerResponse, type CookieResponse, type Needs, type RefusalCode, type SessionStore, type SessionSummary, type User } from '../../plugin/index.ts'

declare const store: SessionStore

const app = fastify()
app.register(authenticate, { issuer: 'https://api.example.com', secret: 'a secret' })
app.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET, store, cookies: false, onEvent: ({ type }) => type satisfies AuthEvent['type'] })
// @ts-expect-error -- the issuer is required
app.register(authenticate, { secret: 'a secret' })
// @ts-expect-error -- a typo
app.register(authenticate, { issuer: 'x', secret: 'y', accessTokens: {} })
// @ts-expect-error -- a typo, deeper
app.register(authenticate, { issuer: 'x', secret: 'y', accessToken: { lifetime: 600 } })
// @ts-expect-error -- not a value of SameSite
app.register(authenticate, { issuer: 'x', secret: 'y', cookies: { sameSite: 'Lax' } })
// @ts-expect-error -- no store
app.register(authenticate, { issuer: 'x', secret: 'y', store: new Map() })

app.get('/declared', { config: { auth: true } }, async ({ user, auth }) => {
  auth.sessionId satisfies string | null
  auth.source satisfies 'header' | 'cookie'
  auth.claims satisfies User
  user.sub satisfies string
  // @ts-expect-error -- claims are frozen
  user.sub = 'mallory'
  // @ts-expect-error -- sub is a string
  user.sub satisfies number
})
app.get('/scoped', { config: { auth: { scopes: ['notes:read'], roles: ['admin'], issuers: ['https://idp.example.com'] } } }, async ({ auth }) => auth.issuer satisfies string)
app.get('/optional', { config: { auth: { optional: true } } }, async ({ auth }) => {
  auth satisfies Auth | null
  // @ts-expect-error -- there may be nobody
  return auth.sessionId
})
app.get('/exempt', { config: { auth: false } }, async ({ auth }) => {
  // @ts-expect-error -- there may be nobody
  return auth.sessionId
})
app.get('/undeclared', async ({ auth }) => {
  // @ts-expect-error -- there may be nobody
  return auth.sessionId
})
// @ts-expect-error -- the list is scopes
app.get('/typo', { config: { auth: { scope: 'notes:read' } } }, async () => {})
// @ts-expect-error -- the list is roles
app.get('/typo', { config: { auth: { role: ['admin'] } } }, async () => {})
// @ts-expect-error -- a list is needed
app.get('/typo', { config: { auth: { scopes: 'notes:read' } } }, async () => {})

app.get('/explicit', async (request) => {
  const user = await request.authenticate()
  user.sub satisfies string
  const scoped = await request.authenticate({ scopes: ['notes:read'], optional: false })
  scoped.exp satisfies number
  const nobody = await request.authenticate({ optional: true })
  // @ts-expect-error -- there may be nobody
  nobody.sub satisfies string
  const needs: Needs = { roles: ['admin'] }
  const someone = await request.authenticate(needs)
  // @ts-expect-error -- these needs may be optional
  someone.sub satisfies string
  // @ts-expect-error -- the list is scopes
  await request.authenticate({ scope: 'notes:read' })
  // @ts-expect-error -- the list is roles
  await request.authenticate({ role: 'admin' })
  // @ts-expect-error -- a list is needed
  await request.authenticate({ scopes: 'notes:read' })
})

// A hook from a decorator leaves the route's own types alone.
app.get<{ Params: { id: string } }>('/hook/:id', { onRequest: [app.authenticate] }, async (request) => request.params.id satisfies string)

app.post('/login', async (_request, reply) => {
  reply.assertSameSite()
  const bearer = await reply.signIn({ sub: 'alice', transport: 'bearer', scope: 'a', claims: {}, device: 'phone', authenticatedAt: Date.now() })
  bearer satisfies BearerResponse
  const cookie = await reply.signIn({ sub: 'alice', transport: 'cookie', crossSite: true })
  cookie satisfies CookieResponse
  // @ts-expect-error -- there is no token in the body
  cookie.access_token satisfies string
  // @ts-expect-error -- the transport is required
  await reply.signIn({ sub: 'alice' })
  // @ts-expect-error -- no such transport
  await reply.signIn({ sub: 'alice', transport: 'header' })
  // @ts-expect-error -- the subject is required
  await reply.signIn({ transport: 'bearer' })
  await reply.signOut() satisfies void
  await reply.signOut('rt1.x')
  return await reply.refresh() satisfies BearerResponse | CookieResponse
})

export async function administer (): Promise<SessionSummary[]> {
  await app.sessions.revoke('id', { sub: 'alice' }) satisfies boolean
  await app.sessions.revokeAll('alice', { except: 'id' }) satisfies number
  // @ts-expect-error -- starting a session is the reply's
  await app.sessions.start
  const token: string = await app.accessTokens.sign({ sub: 'robot', lifetimeSeconds: 60 })
  const claims: User = await app.accessTokens.verify(token)
  await app.accessTokens.revoke('jti', claims.exp)
  // @ts-expect-error -- exp is seconds, not a date
  await app.accessTokens.revoke('jti', new Date())
  app.keys.jwks().keys satisfies unknown[]
  app.securitySchemes.bearerAuth.scheme satisfies string
  return await app.sessions.list('alice')
}

export function isSuperseded (error: unknown): boolean {
  if (!(error instanceof AuthError)) return false
  error.code satisfies RefusalCode
  error.headers satisfies Record<string, string>
  // @ts-expect-error -- no such code
  if (error.code === 'AUTH_SUPERSEDED') return true
  return error.code === 'AUTH_REFRESH_SUPERSEDED'
}
