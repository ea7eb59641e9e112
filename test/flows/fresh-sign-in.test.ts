import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { AuthenticateOptions } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import {
  cookieHeader,
  createApp,
  createClock,
  epoch,
  issuer,
  setCookies,
  summaryOf,
  type TestApp
} from '../fixtures/app.ts'
import { claimsOf, present, tokensOf, types } from '../fixtures/refresh.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const now = epoch / 1000
const stale = {
  status: 401,
  code: 'AUTH_STALE_AUTHENTICATION',
  challenge:
    `Bearer realm="${issuer}", error="insufficient_user_authentication", ` +
    'error_description="A more recent or a stronger authentication is required", max_age="300", acr_values="mfa"',
  cookies: [],
  cacheControl: null
}
const authentication = { acr: 'mfa', amr: ['pwd', 'otp'] }

/** A shop: to pay, one must have signed in within 5 minutes, with two factors. */
async function createShop(plugin: Partial<AuthenticateOptions> = {}): Promise<TestApp> {
  return await createApp({
    plugin,
    after(app: FastifyInstance) {
      app.post('/pay', { config: { auth: { maxAgeSeconds: 300, acr: ['mfa'] } } }, async ({ auth }) => ({
        authenticatedAt: auth.authenticatedAt
      }))
      app.post('/sign-in-again', { config: { auth: true } }, async ({ user, auth }, reply) => {
        const transport = auth.source === 'cookie' ? 'cookie' : 'bearer'
        return reply.signIn({ sub: user.sub, transport, ...authentication })
      })
    }
  })
}

const pay = (server: TestApp, headers: Record<string, string>) =>
  server.app.inject({ method: 'POST', url: '/pay', headers })

t.test('by bearer, a session becomes stale, no refresh makes it fresh, and a new sign-in does', async (t) => {
  const server = await createShop()
  const { clock, app } = server
  const first = await server.signIn('bearer', authentication)
  t.strictSame((await pay(server, bearer(first.access))).json(), { authenticatedAt: epoch })
  clock.advance(301)
  t.strictSame(summaryOf(await pay(server, bearer(first.access))), stale)
  t.match(server.events(), [{ type: 'token-refused', code: 'AUTH_STALE_AUTHENTICATION', source: 'header' }])

  let current = first
  const kinds: [seconds: number, token: () => string, event: string][] = [
    [0, () => current.refresh, 'session-refreshed'],
    [0, () => current.refresh, 'refresh-coalesced'],
    [5, () => first.refresh, 'refresh-coalesced'],
    [60, () => first.refresh, 'refresh-retried'],
    [600, () => current.refresh, 'session-refreshed']
  ]
  for (const [seconds, token, event] of kinds) {
    clock.advance(seconds)
    const response = await present(server, token(), 'bearer')
    t.strictSame(types(server.events()), [event])
    current = { ...current, ...tokensOf(response, 'bearer') }
    t.match(claimsOf(current.access), { auth_time: now, ...authentication, iat: clock() / 1000 }, event)
    t.strictSame(summaryOf(await pay(server, bearer(current.access))), stale, event)
    server.events()
  }

  const again = await app.inject({ method: 'POST', url: '/sign-in-again', headers: bearer(current.access) })
  const access = again.json().access_token as string
  t.strictSame((await pay(server, bearer(access))).json(), { authenticatedAt: Math.floor(clock() / 1000) * 1000 })
  t.equal((await app.inject({ url: '/me', headers: bearer(current.access) })).statusCode, 200, 'the old one goes on')
})

t.test('by cookie, a stale session is refused and kept, and a new sign-in replaces it', async (t) => {
  const server = await createShop()
  const { clock, app, store } = server
  const old = await server.signIn('cookie', authentication)
  t.equal((await pay(server, { cookie: old.cookie })).statusCode, 200)
  clock.advance(301)
  for (const attempt of ['first', 'second']) {
    t.strictSame(summaryOf(await pay(server, { cookie: old.cookie })), stale, `${attempt}: no cookie is changed`)
  }
  t.match((await store.find(old.sessionId)).row, { revokedAt: null, generation: 0 })
  t.equal((await app.inject({ url: '/me', headers: { cookie: old.cookie } })).statusCode, 200)

  const again = await app.inject({ method: 'POST', url: '/sign-in-again', headers: { cookie: old.cookie } })
  t.equal(again.statusCode, 200)
  t.strictSame((await pay(server, { cookie: cookieHeader(again) })).json(), { authenticatedAt: clock() })
  t.ok((await store.find(old.sessionId)).row?.revokedAt, 'the old session has ended')
  t.equal((await app.sessions.list('alice')).length, 1)
})

t.test('cookies.renew renews an expired cookie, and the renewed session is as stale as before', async (t) => {
  const server = await createShop({ cookies: { renew: true } })
  const { clock } = server
  const { cookie, refresh, sessionId } = await server.signIn('cookie', authentication)
  clock.advance(700)
  for (const [what, header] of [
    ['an expired access cookie', cookie],
    ['only a refresh cookie', `__Host-refresh=${refresh}`]
  ] as const) {
    const response = await pay(server, { cookie: header })
    t.match(summaryOf(response), { ...stale, cookies: [String, String], cacheControl: String }, what)
    const access = response.cookies.find(({ name }) => name === '__Host-access')!.value
    t.match(claimsOf(access), { auth_time: now, sid: sessionId, iat: clock() / 1000 }, what)
    t.strictSame(setCookies(await pay(server, { cookie: `__Host-access=${access}` })), [], what)
  }
})

t.test('a session keeps its authentication in other processes, and whatever refreshToken.claims returns', async (t) => {
  const clock = createClock()
  const store = memoryStore({ clock })
  const first = await createShop({ clock, store })
  const { refresh } = await first.signIn('bearer', { ...authentication, claims: { roles: ['old'] } })
  const others: Partial<AuthenticateOptions>[] = [
    {},
    { refreshToken: { claims: async ({ claims }) => ({ claims: { ...claims, roles: ['new'] } }) } }
  ]
  for (const [index, options] of others.entries()) {
    const other = await createShop({ clock, store, ...options })
    const { access } = tokensOf(await present(other, refresh, 'bearer'), 'bearer')
    t.match(claimsOf(access), { auth_time: now, ...authentication, roles: [index === 0 ? 'old' : 'new'] })
    t.equal((await pay(other, bearer(access))).statusCode, 200)
  }
  const forging = await createShop({
    clock,
    store,
    refreshToken: { claims: async () => ({ claims: { auth_time: now, acr: 'mfa' } }) }
  })
  const refused = await present(forging, refresh, 'bearer')
  t.match(refused.json(), { statusCode: 500, message: '"claims" must not contain "auth_time": the plugin sets it' })
})

t.test('tokens without auth_time are stale: of machines, of unknown sign-ins, and of rows from before', async (t) => {
  const server = await createShop()
  const { app, store } = server
  const machine = await app.accessTokens.sign({ sub: 'job' })
  t.strictSame(summaryOf(await pay(server, bearer(machine))), stale, 'a machine')
  const unknown = await server.signIn('bearer', { ...authentication, authTime: null })
  t.strictSame(summaryOf(await pay(server, bearer(unknown.access))), stale, 'the provider did not say when')

  const withoutDetails: typeof store = {
    ...store,
    async find(id) {
      const found = await store.find(id)
      return { ...found, row: found.row && { ...found.row, details: {} } }
    }
  }
  const { refresh } = await server.signIn('bearer', authentication)
  const updated = await createShop({ clock: server.clock, store: withoutDetails })
  const { access } = tokensOf(await present(updated, refresh, 'bearer'), 'bearer')
  t.strictSame(
    [claimsOf(access).auth_time, claimsOf(access).acr, claimsOf(access).amr],
    [undefined, undefined, undefined]
  )
  t.strictSame(summaryOf(await pay(updated, bearer(access))), stale, 'a row without the details')
})
