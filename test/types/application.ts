// What compiles and what must not. `tsc` checks this file twice: against the sources, with the rest of the tests, and
// against the package as it is published (test/types.test.ts). Nothing runs it.
import fastify from 'fastify'
import authenticate, {
  AuthError,
  type Auth,
  type AuthEvent,
  type BearerResponse,
  type CookieResponse,
  type Needs,
  type RefusalCode,
  type SessionStore,
  type SessionSummary,
  type TokenNeeds,
  type User
} from '../../plugin/index.ts'

declare const store: SessionStore
declare const isOpen: boolean
declare const someNeeds: Needs

const app = fastify()
app.register(authenticate, { issuer: 'https://api.example.com', secret: 'a secret' })
app.register(authenticate, {
  issuer: 'https://api.example.com',
  secret: process.env.AUTH_SECRET,
  store,
  cookies: false,
  onEvent: ({ type }) => type satisfies AuthEvent['type']
})
app.register(authenticate, {
  issuer: 'https://api.example.com',
  secret: 'a secret',
  cookies: { sameSite: 'none', partitioned: true },
  trustedOrigins: (origin, request) => (origin satisfies string) === `https://${request.hostname satisfies string}`
})
// @ts-expect-error -- the issuer is required
app.register(authenticate, { secret: 'a secret' })
// @ts-expect-error -- a typo
app.register(authenticate, { issuer: 'x', secret: 'y', accessTokens: {} })
// @ts-expect-error -- a typo, deeper
app.register(authenticate, { issuer: 'x', secret: 'y', accessToken: { lifetime: 600 } })
// @ts-expect-error -- not a value of SameSite
app.register(authenticate, { issuer: 'x', secret: 'y', cookies: { sameSite: 'Lax' } })
// @ts-expect-error -- nobody waits for a promise
app.register(authenticate, { issuer: 'x', secret: 'y', trustedOrigins: async () => true })
// @ts-expect-error -- only `true` allows
app.register(authenticate, { issuer: 'x', secret: 'y', trustedOrigins: (origin) => /x/.exec(origin) })
// @ts-expect-error -- no store
app.register(authenticate, { issuer: 'x', secret: 'y', store: new Map() })

app.get('/declared', { config: { auth: true } }, async ({ user, auth }) => {
  auth.sessionId satisfies string | null
  auth.source satisfies 'header' | 'cookie'
  auth.claims satisfies User
  auth.user satisfies User
  auth.scopes satisfies readonly string[]
  auth.roles satisfies readonly string[]
  user.sub satisfies string
  // @ts-expect-error -- claims are frozen
  user.sub = 'mallory'
  // @ts-expect-error -- sub is a string
  user.sub satisfies number
})
app.get(
  '/scoped',
  { config: { auth: { scopes: ['notes:read'], roles: ['admin'], issuers: ['https://idp.example.com'] } } },
  async ({ auth }) => auth.issuer satisfies string
)
app.get('/optional', { config: { auth: { optional: true } } }, async ({ auth }) => {
  auth satisfies Auth | null
  // @ts-expect-error -- the user can be null
  return auth.sessionId
})
app.get('/optional/user', { config: { auth: { optional: true } } }, async ({ auth }) => {
  auth?.user.sub satisfies string | undefined
  // @ts-expect-error -- the user can be null
  return auth.user.sub
})
app.get(
  '/required',
  { config: { auth: { optional: false, scopes: ['notes:read'] } } },
  async ({ auth }) => auth.user.sub satisfies string
)
app.get('/either', { config: { auth: { optional: isOpen } } }, async ({ auth }) => {
  // @ts-expect-error -- the user can be null
  return auth.user.sub
})
app.get('/needs', { config: { auth: someNeeds } }, async ({ auth }) => {
  // @ts-expect-error -- these needs can be optional
  return auth.user.sub
})
app.get('/exempt', { config: { auth: false } }, async ({ auth }) => {
  // @ts-expect-error -- the user can be null
  return auth.sessionId
})
app.get('/undeclared', async ({ auth }) => {
  // @ts-expect-error -- the user can be null
  return auth.sessionId
})
// @ts-expect-error -- the list is scopes
app.get('/typo', { config: { auth: { scope: 'notes:read' } } }, async () => {})
// @ts-expect-error -- the list is roles
app.get('/typo', { config: { auth: { role: ['admin'] } } }, async () => {})
// @ts-expect-error -- a list is needed
app.get('/typo', { config: { auth: { scopes: 'notes:read' } } }, async () => {})
// @ts-expect-error -- undefined is not a need
app.get('/typo', { config: { auth: { roles: undefined } } }, async () => {})
// @ts-expect-error -- undefined is not a declaration
app.get('/typo', { config: { auth: undefined } }, async () => {})
// @ts-expect-error -- undefined would open every route
app.register(authenticate, { issuer: 'x', secret: 'y', protect: undefined })

app.get('/explicit', async (request) => {
  const user = await request.authenticate()
  user.sub satisfies string
  const scoped = await request.authenticate({ scopes: ['notes:read'], optional: false })
  scoped.exp satisfies number
  const nobody = await request.authenticate({ optional: true })
  // @ts-expect-error -- the user can be null
  nobody.sub satisfies string
  const needs: Needs = { roles: ['admin'] }
  const someone = await request.authenticate(needs)
  // @ts-expect-error -- these needs can be optional
  someone.sub satisfies string
  // @ts-expect-error -- the list is scopes
  await request.authenticate({ scope: 'notes:read' })
  // @ts-expect-error -- the list is roles
  await request.authenticate({ role: 'admin' })
  // @ts-expect-error -- a list is needed
  await request.authenticate({ scopes: 'notes:read' })
  // @ts-expect-error -- undefined is not a need
  await request.authenticate({ issuers: undefined })
})

// A hook from a decorator leaves the route's own types alone.
app.get<{ Params: { id: string } }>(
  '/hook/:id',
  { onRequest: [app.authenticate] },
  async (request) => request.params.id satisfies string
)

app.post('/login', async (_request, reply) => {
  reply.assertSameSite()
  const bearer = await reply.signIn({
    sub: 'alice',
    transport: 'bearer',
    scope: 'a',
    claims: {},
    device: 'phone',
    authenticatedAt: Date.now()
  })
  bearer satisfies BearerResponse
  const cookie = await reply.signIn({ sub: 'alice', transport: 'cookie', crossSite: true })
  cookie satisfies CookieResponse
  await reply.signIn({ sub: 'alice', transport: 'cookie', persistent: false, idleSeconds: 3600, absoluteSeconds: 7200 })
  // @ts-expect-error -- undefined would keep the cookies
  await reply.signIn({ sub: 'alice', transport: 'cookie', persistent: undefined })
  // @ts-expect-error -- there is no token in the body
  cookie.access_token satisfies string
  // @ts-expect-error -- the transport is required
  await reply.signIn({ sub: 'alice' })
  // @ts-expect-error -- no such transport
  await reply.signIn({ sub: 'alice', transport: 'header' })
  // @ts-expect-error -- the subject is required
  await reply.signIn({ transport: 'bearer' })
  ;(await reply.signOut()) satisfies void
  await reply.signOut('rt1.x')
  return (await reply.refresh()) satisfies BearerResponse | CookieResponse
})

export async function administer(): Promise<SessionSummary[]> {
  ;(await app.sessions.revoke('id', { sub: 'alice' })) satisfies boolean
  ;(await app.sessions.revokeAll('alice', { except: 'id' })) satisfies number
  await app.sessions.revokeAll('alice', { except: null })
  // @ts-expect-error -- undefined would end a session of any subject
  await app.sessions.revoke('id', { sub: undefined })
  // @ts-expect-error -- undefined would end all
  await app.sessions.revokeAll('alice', { except: undefined })
  // @ts-expect-error -- a typo
  await app.sessions.revoke('id', { subject: 'alice' })
  // @ts-expect-error -- only a reply starts a session
  await app.sessions.start
  const token: string = await app.accessTokens.sign({ sub: 'robot', lifetimeSeconds: 60 })
  const claims: User = await app.accessTokens.verify(token)
  await app.accessTokens.verify(token, {
    scopes: ['a'],
    roles: ['b'],
    issuers: ['https://idp.example.com']
  } satisfies TokenNeeds)
  // @ts-expect-error -- a token that was given must be valid
  await app.accessTokens.verify(token, { optional: true })
  // @ts-expect-error -- undefined is not a need
  await app.accessTokens.verify(token, { scopes: undefined })
  await app.accessTokens.revoke('jti', claims.exp)
  await app.accessTokens.sign({
    sub: 'robot',
    claims: { anything: ['goes', 'where', 'no', 'claims', 'are', 'declared'] }
  })
  // @ts-expect-error -- claims are an object
  await app.accessTokens.sign({ sub: 'robot', claims: 'admin' })
  // @ts-expect-error -- exp is seconds, not a date
  await app.accessTokens.revoke('jti', new Date())
  app.keys.jwks().keys satisfies unknown[]
  app.securitySchemes.bearerAuth.scheme satisfies string
  return await app.sessions.list('alice')
}

export function isSuperseded(error: unknown): boolean {
  if (!(error instanceof AuthError)) return false
  error.code satisfies RefusalCode
  error.headers satisfies Record<string, string>
  // @ts-expect-error -- no such code
  if (error.code === 'AUTH_SUPERSEDED') return true
  return error.code === 'AUTH_REFRESH_SUPERSEDED'
}
