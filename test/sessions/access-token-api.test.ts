import t from 'tap'
import { createApp, epoch, issuer, summaryOf, challenges } from '../fixtures/app.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('app.accessTokens signs, checks and revokes tokens without a session', async (t) => {
  const server = await createApp()
  const { app, clock, store } = server
  const { accessTokens } = app
  const now = epoch / 1000
  const token = await accessTokens.sign({ sub: 'robot', scope: 'a', claims: { roles: ['bot'] }, lifetimeSeconds: 3600 })
  const claims = await accessTokens.verify(token)
  t.strictSame(
    { ...claims, jti: typeof claims.jti },
    { roles: ['bot'], iss: issuer, aud: issuer, sub: 'robot', scope: 'a', iat: now, exp: now + 3600, jti: 'string' }
  )
  t.ok(Object.isFrozen(claims) && Object.isFrozen(claims.roles), 'deep-frozen')
  t.strictSame((await app.inject({ url: '/me', headers: bearer(token) })).json(), {
    sub: 'robot',
    source: 'header',
    sessionId: null
  })
  t.equal((await accessTokens.verify(await accessTokens.sign({ sub: 'robot' }))).exp, now + 600)
  t.equal(
    (await app.inject({ method: 'POST', url: '/logout', headers: bearer(token) })).statusCode,
    204,
    'it has no session to end'
  )
  t.equal((await app.inject({ url: '/me', headers: bearer(token) })).statusCode, 200)

  const wrong: [object, { name: string; message: string } | { code: string }][] = [
    [{}, { name: 'TypeError', message: '"sub" must be a non-empty string' }],
    [{ sub: '' }, { name: 'TypeError', message: '"sub" must be a non-empty string' }],
    [
      { sub: 'x', claims: { sid: 'y' } },
      { name: 'TypeError', message: '"claims" must not contain "sid": the plugin sets it' }
    ],
    [
      { sub: 'x', scope: 'a  b' },
      { name: 'TypeError', message: '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)' }
    ],
    ...[0, 0.5, 86_401, NaN, '60', null].map((lifetimeSeconds): [object, { name: string; message: string }] => [
      { sub: 'x', lifetimeSeconds },
      { name: 'RangeError', message: '"lifetimeSeconds" must be a whole number between 1 and 86400' }
    ]),
    [{ sub: 'x', claims: { large: 'x'.repeat(9000) } }, { code: 'AUTH_TOKEN_TOO_LARGE' }]
  ]
  for (const [input, error] of wrong) {
    await t.rejects(accessTokens.sign(input as never), error, JSON.stringify(input).slice(0, 60))
  }
  for (const text of [undefined, null, 1, {}, '', 'x', 'x'.repeat(10_000), `${token}x`]) {
    await t.rejects(accessTokens.verify(text as never), { code: 'AUTH_INVALID_TOKEN' }, String(text).slice(0, 30))
  }

  for (const exp of [now + 86_401, 1.5, NaN, '1', undefined, Infinity]) {
    await t.rejects(accessTokens.revoke('j', exp as never), {
      name: 'RangeError',
      message: '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
    })
  }
  for (const jti of ['', undefined, 1]) {
    await t.rejects(accessTokens.revoke(jti as never, now + 1), {
      name: 'TypeError',
      message: '"jti" must be a string of 1 to 256 characters'
    })
  }
  await accessTokens.revoke(claims.jti!, claims.exp)
  await t.rejects(accessTokens.verify(token), { code: 'AUTH_REVOKED_TOKEN' })
  t.strictSame(summaryOf(await app.inject({ url: '/me', headers: bearer(token) })), {
    status: 401,
    code: 'AUTH_REVOKED_TOKEN',
    challenge: challenges.revoked,
    cookies: [],
    cacheControl: null
  })
  t.match((await store.readRevocations(null, 10)).entries, [
    { kind: 'token', id: `${issuer} ${claims.jti}`, until: (now + 3600) * 1000 }
  ])
  clock.advance(3600)
  await t.rejects(accessTokens.verify(token), { code: 'AUTH_EXPIRED_TOKEN' })
})
