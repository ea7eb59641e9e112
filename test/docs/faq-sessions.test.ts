// Tries what docs/faq.md says about sessions, passwords and secrets. Each test is named after its heading.
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import fastify from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, epoch, issuer, secret } from '../fixtures/app.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { bearer, claimsOf, logout, me, refresh } from '../fixtures/signed-in.ts'

t.test('every heading of docs/faq.md has a test of its name', async (t) => {
  const headings = [...readFileSync('docs/faq.md', 'utf8').matchAll(/^### (.+)$/gm)].map(([, heading]) => heading!)
  t.ok(headings.length > 25)
  const tests = ['sessions', 'browsers', 'routes'].map((name) => readFileSync(`test/docs/faq-${name}.test.ts`, 'utf8'))
  t.strictSame(
    headings.filter((heading) => !tests.some((text) => text.includes(`t.test('${heading}'`))),
    []
  )
})

t.test('Are two tabs signed out if they refresh at the same time?', async (t) => {
  const server = await createApp()
  const { refresh: token } = await server.signIn('bearer')
  server.clock.advance(600)
  const [one, other] = await Promise.all([refresh(server, token), refresh(server, token)])
  server.clock.advance(9)
  const late = await refresh(server, token)
  t.strictSame([one.statusCode, other.statusCode, late.statusCode], [200, 200, 200])
  t.equal(one.json().refresh_token, other.json().refresh_token)
  t.equal(one.json().refresh_token, late.json().refresh_token)

  const strict = await createApp({ plugin: { refreshToken: { retrySeconds: 0, lateRetries: 0 } } })
  const { refresh: first } = await strict.signIn('bearer')
  await refresh(strict, first)
  t.equal((await refresh(strict, first)).json().code, 'AUTH_REFRESH_REUSED', 'with retrySeconds: 0')
})

t.test('Why is everyone signed out when the server restarts?', async (t) => {
  const store = memoryStore({ clock: createClock() })
  const before = await createApp({ plugin: { store } })
  const { refresh: token } = await before.signIn('bearer')
  const otherSecret = 'another secret of the tests, of 32 bytes at least'
  const codes = async (plugin: object) => (await refresh(await createApp({ plugin }), token)).json().code ?? 'accepted'
  t.equal(await codes({}), 'AUTH_REFRESH_INVALID', 'with another store in memory')
  t.equal(await codes({ store, secret: otherSecret }), 'AUTH_REFRESH_INVALID', 'with another secret')
  t.equal(await codes({ store }), 'accepted', 'with the store and the secret of before')
})

t.test('Why does one node accept a token that another refuses as expired?', async (t) => {
  const store = memoryStore({ clock: createClock() })
  const right = await createApp({ plugin: { store } })
  const fast = await createApp({ plugin: { store, clock: createClock(epoch + 1_800_000) } })
  const { access } = await right.signIn('bearer')
  t.match(fast.events(), [{ type: 'clock-skew', skewMs: -1_800_000 }])
  t.strictSame([await me(right, access), await me(fast, access)], [200, 200])
})

t.test('Why is a token invalid that I have just made with another library?', async (t) => {
  const server = await createApp()
  const jsonwebtoken = await import('jsonwebtoken')
  const { sign } = jsonwebtoken.default
  const iat = epoch / 1000
  const claims = { iss: issuer, aud: issuer, sub: 'alice', iat, exp: iat + 600 }
  const header = { alg: 'HS256', typ: 'at+jwt' } as const
  const detailOf = async (token: string) => {
    server.events()
    await me(server, token)
    const [event] = server.events()
    return event?.type === 'token-refused' ? event.detail : 'accepted'
  }
  t.equal(await detailOf(sign(claims, secret, { header })), 'accepted')
  t.match(await detailOf(sign(claims, secret, { header: { alg: 'HS256', typ: 'JWT' } })), /typ/)
  for (const name of ['iss', 'aud', 'sub', 'exp', 'iat'] as const) {
    const { [name]: _left, ...others } = claims
    t.match(await detailOf(sign(others, secret, { header, noTimestamp: name === 'iat' })), new RegExp(name))
  }
  t.match(await detailOf(sign({ ...claims, exp: iat + 86_401 }, secret, { header })), /exp/)
  t.equal(await me(server, await server.app.accessTokens.sign({ sub: 'alice' })), 200)
})

t.test('Can an access token be valid for 7 days?', async (t) => {
  const week = 604_800
  await t.rejects(createApp({ plugin: { accessToken: { lifetimeSeconds: week } } }), {
    message: /accessToken\.(?:maxL|l)ifetimeSeconds/
  })
  const server = await createApp({ plugin: { accessToken: { lifetimeSeconds: week, maxLifetimeSeconds: week } } })
  const { access } = await server.signIn('bearer')
  const { iat, exp } = claimsOf(access)
  t.equal(exp - iat, week)
  const usual = await createApp()
  const { refresh: token } = await usual.signIn('bearer')
  usual.clock.advance(14 * 86_400 - 1)
  t.equal((await refresh(usual, token)).statusCode, 200, 'a session lasts 14 days after its last refresh')
})

t.test('Why does a refresh return the refresh token that I sent?', async (t) => {
  const server = await createApp()
  const { refresh: token, access } = await server.signIn('bearer')
  server.clock.advance(9)
  const { refresh_token: same, access_token: other } = (await refresh(server, token)).json()
  t.equal(same, token)
  t.not(other, access)
  server.clock.advance(1)
  t.not((await refresh(server, token)).json().refresh_token, token)
})

t.test('How do I invalidate tokens when a password changes?', async (t) => {
  const server = await createApp()
  const old = await server.signIn('bearer')
  const next = await server.signIn('bearer', { revokeOthers: true })
  t.strictSame([await me(server, old.access), await me(server, next.access)], ['AUTH_REVOKED_TOKEN', 200])
  t.equal((await refresh(server, old.refresh)).json().code, 'AUTH_REFRESH_INVALID')
})

t.test('How do I sign a user out everywhere?', async (t) => {
  const server = await createApp()
  const tokens = [(await server.signIn('bearer')).access, (await server.signIn('cookie')).access]
  t.equal(await server.app.sessions.revokeAll('alice'), 2)
  for (const token of tokens) t.equal(await me(server, token), 'AUTH_REVOKED_TOKEN')
})

t.test('When does a changed role take effect?', async (t) => {
  let roles = ['admin']
  const server = await createApp({ plugin: { refreshToken: { claims: async () => ({ claims: { roles } }) } } })
  const { refresh: token, access } = await server.signIn('bearer', { claims: { roles } })
  roles = []
  t.strictSame(claimsOf(access).roles, ['admin'])
  server.clock.advance(600)
  t.strictSame(claimsOf((await refresh(server, token)).json().access_token).roles, [])
})

t.test('Are tokens encrypted?', async (t) => {
  const { access } = await (await createApp()).signIn('bearer', { claims: { plan: 'free' } })
  t.equal(JSON.parse(Buffer.from(access.split('.')[1]!, 'base64url').toString()).plan, 'free')
})

t.test('Why is my secret refused?', async (t) => {
  await t.rejects(Promise.resolve(fastify().register(authenticate, { issuer, secret: 'short' })), {
    message: /"secret" must/
  })
  const made = execFileSync('sh', ['-ec', namedBlock('docs/faq.md', 'secret')], { encoding: 'utf8' }).trim()
  await t.resolves(createApp({ plugin: { secret: made } }))
})

t.test('Can I change the secret without signing everybody out?', async (t) => {
  const store = memoryStore({ clock: createClock() })
  const before = await createApp({ plugin: { store } })
  const { access, refresh: token } = await before.signIn('bearer')
  const after = await createApp({
    plugin: { store, secret: ['another secret of the tests, of 32 bytes at least', secret] }
  })
  t.equal(await me(after, access), 200)
  t.equal((await refresh(after, token)).statusCode, 200)
  t.equal((await logout(after, access)).statusCode, 204)
  t.equal((await after.app.inject({ url: '/me', headers: bearer(access) })).statusCode, 401)
})
