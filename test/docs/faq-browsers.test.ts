// Tries what docs/faq.md says about cookies and CORS. Each test is named after its heading.
import cors from '@fastify/cors'
import t from 'tap'
import { createApp, secret, setCookies, type TestApp } from '../fixtures/app.ts'

/** A request of a page, with a cookie. */
const post = ({ app }: TestApp, headers: Record<string, string>, url = '/me') =>
  app.inject({ method: 'POST', url, headers })

t.test('The browser ignores the cookies on http', async (t) => {
  const server = await createApp()
  await server.signIn('cookie', {}, { host: 'localhost:3000' })
  t.strictSame(server.warnings(), [], 'browsers make an exception for localhost')
  const { response } = await server.signIn('cookie', {}, { host: 'my-laptop:3000' })
  t.match(server.warnings(), [/over plain http, where browsers drop Secure cookies/])
  t.match(setCookies(response), [/^__Host-access=.*; Secure/, /^__Host-refresh=.*; Secure/])

  const development = await createApp({ plugin: { cookies: { secure: false } } })
  const lines = setCookies((await development.signIn('cookie', {}, { host: 'my-laptop:3000' })).response)
  t.match(lines, [/^access=/, /^refresh=/])
  t.notOk(lines.some((line) => line.includes('Secure')))
  t.strictSame(development.warnings(), [])
  process.env.NODE_ENV = 'production'
  t.teardown(() => delete process.env.NODE_ENV)
  await t.rejects(createApp({ plugin: { cookies: { secure: false } } }), { message: /"cookies.secure"/ })
})

t.test('The cookies are still there after sign-out', async (t) => {
  const server = await createApp()
  const { cookie } = await server.signIn('cookie')
  t.match(setCookies(await post(server, { cookie }, '/logout')), [
    /^__Host-access=; Max-Age=0; Path=\//,
    /^__Host-refresh=; Max-Age=0; Path=\//
  ])
  const left = await server.app.inject({ url: '/me', headers: { cookie } })
  t.equal(left.json().code, 'AUTH_REVOKED_TOKEN')
})

t.test('Is a page on another port another site?', async (t) => {
  const page = 'http://localhost:5173'
  const headers = (cookie: string) => ({ cookie, origin: page, host: 'localhost:3000', 'sec-fetch-site': 'same-site' })
  const server = await createApp()
  const { cookie } = await server.signIn('cookie')
  t.equal((await server.app.inject({ url: '/me', headers: headers(cookie) })).statusCode, 200, 'reading is allowed')
  t.equal((await post(server, headers(cookie))).json().code, 'AUTH_CROSS_SITE')

  const trusting = await createApp({ plugin: { trustedOrigins: [page] } })
  t.equal((await post(trusting, headers((await trusting.signIn('cookie')).cookie))).statusCode, 200)
})

t.test('What happens if a token is larger than 4 KB?', async (t) => {
  const server = await createApp()
  const sizes = async (transport: string, length: number) => {
    const payload = { sub: 'alice', transport, claims: { history: 'x'.repeat(length) } }
    const { statusCode } = await server.app.inject({ method: 'POST', url: '/login', payload })
    const [event] = server.events()
    return statusCode === 200 ? 200 : [statusCode, event]
  }
  t.strictSame(await sizes('cookie', 2500), 200)
  t.match(await sizes('cookie', 3100), [500])
  t.strictSame(await sizes('bearer', 3100), 200)
  t.match(await sizes('bearer', 6200), [500])
})

t.test('Why is my own page refused with `AUTH_CROSS_SITE`?', async (t) => {
  const own = { origin: 'https://api.example.com', host: 'api.example.com' }
  const server = await createApp({ server: { trustProxy: true } })
  const { cookie } = await server.signIn('cookie')
  server.events()
  t.equal((await post(server, { ...own, cookie })).json().code, 'AUTH_CROSS_SITE')
  t.match(server.events(), [{ type: 'cross-site-refused', detail: /only the scheme differs/ }])
  t.equal((await post(server, { ...own, cookie, 'x-forwarded-proto': 'https' })).statusCode, 200)
})

t.test('Do I need a CSRF token?', async (t) => {
  const server = await createApp()
  const { cookie } = await server.signIn('cookie')
  const evil = { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  t.equal((await post(server, evil)).json().code, 'AUTH_CROSS_SITE')
  t.equal((await post(server, { ...evil, origin: 'null' })).json().code, 'AUTH_CROSS_SITE')
  t.equal((await post(server, { cookie, 'sec-fetch-site': 'same-origin' })).statusCode, 200)
})

const origin = 'https://app.example.com'
const options = { origin, credentials: true, methods: ['GET', 'POST'], exposedHeaders: ['www-authenticate'] }

t.test('Why does the browser report a CORS error instead of the 401?', async (t) => {
  const headers = { origin }
  const first = await createApp({ before: (app) => app.register(cors, options) })
  const refused = await first.app.inject({ url: '/me', headers })
  t.equal(refused.statusCode, 401)
  t.match(refused.headers, {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'www-authenticate'
  })
  const last = await createApp({ after: (app) => app.register(cors, options) })
  t.equal((await last.app.inject({ url: '/me', headers })).headers['access-control-allow-origin'], undefined)
})

t.test('Why does the preflight request receive 401?', async (t) => {
  const preflight = (app: TestApp['app']) =>
    app.inject({ method: 'OPTIONS', url: '/other', headers: { origin, 'access-control-request-method': 'POST' } })
  const plugin = { protect: 'all' } as const
  const addRoute = (app: TestApp['app']) => app.post('/other', async () => '')
  const first = await createApp({ plugin, before: (app) => app.register(cors, options), after: addRoute })
  t.equal((await preflight(first.app)).statusCode, 204)
  const last = await createApp({
    plugin,
    after: async (app) => {
      addRoute(app)
      await app.register(cors, options)
    }
  })
  t.equal((await preflight(last.app)).statusCode, 401)
})

t.test('Should a page keep tokens in localStorage?', async (t) => {
  const { response } = await (await createApp()).signIn('cookie')
  t.strictSame(Object.keys(response.json()).sort(), ['expires_in', 'session_id'])
  for (const line of setCookies(response)) t.match(line, '; HttpOnly')
})

t.test('Can the token be in the URL?', async (t) => {
  const server = await createApp({ plugin: { secret } })
  const { access, cookie } = await server.signIn('cookie')
  t.equal((await server.app.inject({ url: `/me?access_token=${access}` })).statusCode, 401)
  t.equal((await server.app.inject({ url: '/me', headers: { cookie } })).statusCode, 200)
})
