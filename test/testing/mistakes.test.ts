import fastify from 'fastify'
import t from 'tap'
import authenticate, { type AuthenticateOptions } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createTestAuth } from '../../plugin/testing.ts'
import { bearer, login, start } from '../fixtures/tested-app.ts'

t.test('as() without await does not make a request without credentials', async (t) => {
  const { app, auth } = await start(t)
  const forgotten = { name: 'TypeError', message: 'as() returns a promise: write "await auth.as(…)"' }
  const headers = () => auth.as('alice') as unknown as Record<string, string>
  await t.rejects(async () => app.inject({ url: '/me', headers: headers() }), forgotten)
  t.throws(() => ({ ...headers() }), forgotten)
  await t.rejects(async () => fetch('http://127.0.0.1:1', { headers: headers() }), forgotten)
  t.match(await Promise.all([auth.as('alice')]), [{ authorization: /^Bearer / }])
})

t.test('signIn() without await does not either', async (t) => {
  const { auth } = await start(t)
  const { headers } = await auth.signIn('alice')
  t.match(headers, { authorization: /^Bearer / })
  const forgotten = { name: 'TypeError', message: 'signIn() returns a promise: write "await auth.signIn(…)"' }
  t.throws(() => (auth.signIn('alice') as unknown as { headers: object }).headers, forgotten)
  await t.rejects(async () => ({ ...(auth.signIn('alice') as object) }), forgotten)
})

t.test('storageState() rejects a URL at which no browser would send the cookies', async (t) => {
  const { auth } = await start(t)
  const notUrl = { name: 'TypeError', message: /^"url" must be where the browser finds the application, such as/ }
  for (const terms of [undefined, {}, { url: 'localhost' }, { url: 'file:///tmp' }]) {
    await t.rejects(auth.storageState('alice', terms as never), notUrl)
  }
  for (const url of ['http://app.test:3000', 'http://192.168.0.10', 'http://localhost.example.com']) {
    await t.rejects(auth.storageState('alice', { url }), {
      name: 'TypeError',
      message:
        `"url" must use https, or be http://localhost: the cookies are Secure, so a browser does not send them to ` +
        new URL(url).origin
    })
  }
  t.strictSame(auth.events, [], 'no session was started')
  for (const url of [
    'https://app.test',
    'http://localhost',
    'http://a.localhost:1',
    'http://127.0.0.1',
    'http://[::1]'
  ]) {
    t.match(await auth.storageState('alice', { url }), { cookies: [{ domain: new URL(url).hostname }, {}] }, url)
  }
  const insecure = await start(t, { cookies: { secure: false } })
  t.match(await insecure.auth.storageState('alice', { url: new URL('http://app.test') }), { cookies: [{}, {}] })

  const shared = await start(t, { cookies: { domain: 'example.com' } })
  for (const url of ['https://localhost', 'https://badexample.com']) {
    await t.rejects(shared.auth.storageState('alice', { url }), {
      message: `"url" must be a host of "cookies.domain", example.com: received ${url}`
    })
  }
  for (const url of ['https://example.com', 'https://app.EXAMPLE.com']) await shared.auth.storageState('alice', { url })
})

t.test('issuer(), trust() and token() name what they expect', async (t) => {
  const auth = createTestAuth()
  for (const url of [new URL(login), 'mailto:alice', undefined, 'login']) {
    t.throws(() => auth.issuer(url as never), {
      name: 'TypeError',
      message: `"url" must be the URL of an issuer, a string: received ${String(url)}`
    })
  }
  const idp = auth.issuer(login)
  for (const entry of [undefined, null, 'https://api.example.com', ['https://api.example.com']]) {
    t.throws(() => idp.trust(entry as never), {
      name: 'TypeError',
      message: '"entry" must be an object such as { audience: \'https://api.example.com\' }'
    })
  }
  for (const [claims, header] of [['bob'], [null], [['bob']], [{}, 'JWT']]) {
    await t.rejects(idp.token(claims as never, header as never), {
      name: 'TypeError',
      message: '"claims" and "header" must be objects, such as token({ sub: \'bob\' })'
    })
  }
})

t.test('"app" must be an application', async (t) => {
  const { auth, app } = await start(t)
  const message = '"app" must be a Fastify application or a context of one: is an "await" missing?'
  for (const wrong of [{}, null, 'app', Promise.resolve(app)]) {
    await t.rejects(auth.as('alice', { app: wrong } as never), { name: 'TypeError', message })
  }
})

t.test('a term of the wrong type is shown', async (t) => {
  const { auth } = await start(t)
  const message = '"roles" must be a list of strings, such as ["admin"]: received \'admin\''
  await t.rejects(auth.as('alice', { roles: 'admin' } as never), { name: 'TypeError', message })
})

t.test('the options also stand alone: an application without an issuer gets one', async (t) => {
  const auth = createTestAuth()
  for (const issuer of [{}, { issuer: undefined }]) {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(authenticate, { ...issuer, ...auth.options } as AuthenticateOptions)
    app.get('/me', { config: { auth: true } }, async ({ user }) => user.iss)
    t.equal((await app.inject({ url: '/me', headers: await auth.as('alice') })).body, 'https://tested-app.example')
  }
  const wrong = fastify().register(authenticate, { issuer: null, ...auth.options } as never)
  await t.rejects(async () => wrong, { message: /"issuer" must be/ })
})

t.test('spoiltToken() ends no session of the users of the test', async (t) => {
  const { auth, get } = await start(t, { refreshToken: { maxSessions: 1 } })
  const headers = await auth.as('alice')
  for (const kind of ['expired', 'revoked'] as const) await auth.spoiltToken(kind)
  t.match(await get('/me', headers), { sub: 'alice' })
})

t.test('spoiltToken("revoked") is refused by every application of the kit immediately', async (t) => {
  const one = await start(t)
  const two = await start(t, { auth: one.auth })
  for (const { get } of [one, two]) await get('/me', await one.auth.as('alice'))
  const token = await one.auth.spoiltToken('revoked')
  for (const { get } of [one, two]) t.strictSame(await get('/me', bearer(token)), [401, 'AUTH_REVOKED_TOKEN'])
})

t.test('spoiltToken("expired") has expired by the clock that decides: a database has one of its own', async (t) => {
  const store = () => memoryStore({ clock: () => Date.now() })
  const auth = createTestAuth({ clock: () => Date.now(), store })
  const { get } = await start(t, { auth })
  auth.clock.advance(300)
  t.match(await get('/me', await auth.as('alice')), { sub: 'alice' })
  t.strictSame(await get('/me', bearer(await auth.spoiltToken('expired'))), [401, 'AUTH_EXPIRED_TOKEN'])
})
