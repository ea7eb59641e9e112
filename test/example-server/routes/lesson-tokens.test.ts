import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { otherAudience } from '../../../example-server/routes/lesson-tokens.ts'
import { bearer, overTls, production, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

type Headers = Record<string, string>

async function createLesson(t: Test, env: Record<string, string> = {}) {
  const injected = await createInjected(t, { env })
  const { app } = injected
  const request = async (headers: Headers, payload: object) =>
    await app.inject({ method: 'POST', url: '/lesson/tokens', headers, payload })
  return {
    ...injected,
    request,
    tokenOf: async (headers: Headers, kind: string) => (await request(headers, { kind })).json(),
    get: async (url: string, headers: Headers) => await app.inject({ url, headers })
  }
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

t.test('POST /lesson/tokens signs tokens that the server refuses, each for its own reason', async (t) => {
  const { app, signIn, tokenOf, get } = await createLesson(t)
  const { headers, sub } = await signIn('bob')

  const short = await tokenOf(headers, 'short-lived')
  t.match(short, { token_type: 'Bearer', expires_in: 5 })
  const { exp, iat, ...claims } = claimsOf(short.access_token)
  t.equal(exp - iat, 5)
  t.match(claims, { sub, name: 'bob', roles: [], scope: 'notes:read', aud: 'http://localhost:3000' })
  t.equal((await get('/me', bearer(short))).statusCode, 200)

  const foreign = await tokenOf(headers, 'other-audience')
  t.match(claimsOf(foreign.access_token), { sub, aud: otherAudience })
  t.strictSame(summaryOf(await get('/me', bearer(foreign))), [401, 'AUTH_INVALID_TOKEN'])

  const reader = await tokenOf(headers, 'read-only')
  t.equal((await get('/notes', bearer(reader))).statusCode, 200)
  const note = { method: 'POST', url: '/notes', headers: bearer(reader), payload: { text: 'x' } } as const
  t.strictSame(summaryOf(await app.inject(note)), [403, 'AUTH_INSUFFICIENT_SCOPE'])
})

t.test('POST /lesson/tokens does not exist in production', async (t) => {
  const { signIn, request, get } = await createLesson(t, production)
  const { headers } = await signIn('bob')
  t.equal((await get('/me', headers)).statusCode, 200)
  for (const given of [headers, {}]) {
    t.equal((await request({ ...given, ...overTls }, { kind: 'short-lived' })).statusCode, 404)
  }
  t.notMatch((await get('/docs/json', {})).body, '/lesson/')
})

t.test('a stolen lesson token cannot get another one, so that it cannot outlive its seconds', async (t) => {
  const { signIn, request, tokenOf } = await createLesson(t)
  const { headers } = await signIn('bob')
  for (const kind of ['short-lived', 'read-only', 'other-audience']) {
    const stolen = bearer(await tokenOf(headers, kind))
    const response = await request(stolen, { kind: 'short-lived' })
    t.strictSame(
      summaryOf(response),
      kind === 'other-audience' ? [401, 'AUTH_INVALID_TOKEN'] : [403, 'SESSION_TOKEN_REQUIRED'],
      kind
    )
  }
})

t.test('a script with the cookies of a browser cannot get a token that it can read', async (t) => {
  const { signIn, request } = await createLesson(t)
  const { headers } = await signIn('bob', { transport: 'cookie' })
  const own = { ...headers, 'sec-fetch-site': 'same-origin', origin: 'http://localhost:3000' }
  t.strictSame(summaryOf(await request(own, { kind: 'short-lived' })), [403, 'SESSION_TOKEN_REQUIRED'])
  const foreign = { ...headers, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  t.strictSame(summaryOf(await request(foreign, { kind: 'short-lived' })), [403, 'AUTH_CROSS_SITE'])
  t.strictSame(summaryOf(await request({}, { kind: 'short-lived' })), [401, 'AUTH_NO_CREDENTIALS'])
})

t.test('a lesson token has no roles, and no scope that the caller lacks', async (t) => {
  const { signIn, database, get, tokenOf } = await createLesson(t)
  const { sub } = await signIn('root')
  await database.users.setRoles(sub, ['admin'])
  const { headers } = await signIn('root')
  t.equal((await get('/admin/users', headers)).statusCode, 200)
  for (const kind of ['short-lived', 'read-only']) {
    const token = bearer(await tokenOf(headers, kind))
    t.strictSame(summaryOf(await get('/admin/users', token)), [403, 'AUTH_INSUFFICIENT_ROLE'], kind)
  }
  for (const scope of ['notes:write', 'notes:reader']) {
    const { access_token: token } = await tokenOf((await signIn('bob', { scope })).headers, 'read-only')
    t.notOk('scope' in claimsOf(token), scope)
  }
})

t.test('a caller cannot choose the lifetime, the audience or the scope', async (t) => {
  const { signIn, request } = await createLesson(t)
  const { headers } = await signIn('bob')
  for (const payload of [
    { kind: 'short-lived', lifetimeSeconds: 600 },
    { kind: 'other-audience', audience: 'https://payments.example.com' },
    { kind: 'read-only', scope: 'notes:read notes:write' },
    { kind: 'short-lived', sub: 'admin' },
    { kind: 'toString' },
    { kind: ['read-only'] },
    {}
  ]) {
    t.equal((await request(headers, payload)).statusCode, 400, JSON.stringify(payload))
  }
})

t.test('a lesson token does not live longer than the token it was requested with', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const { signIn, tokenOf } = await createLesson(t, { ACCESS_TOKEN_SECONDS: '3' })
  const { headers } = await signIn('bob')
  const limit = claimsOf(String(headers.authorization).slice(7)).exp
  mock.timers.setTime(Date.now() + 1000)
  for (const kind of ['short-lived', 'other-audience', 'read-only']) {
    t.equal(claimsOf((await tokenOf(headers, kind)).access_token).exp, limit, kind)
  }
})
