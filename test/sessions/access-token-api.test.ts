import { Type } from '@sinclair/typebox'
import t from 'tap'
import { AuthError } from '../../plugin/index.ts'
import { createApp, epoch, issuer, summaryOf, challenges } from '../fixtures/app.ts'
import { decode, forge, now, localSigner } from '../fixtures/tokens.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('app.accessTokens signs, verifies and revokes tokens without a session', async (t) => {
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

t.test('app.accessTokens.sign() rejects wrong input and names the member', async (t) => {
  const tier = Type.Object({ tier: Type.Optional(Type.String()) })
  const { app } = await createApp({ plugin: { accessToken: { claims: tier, maxLifetimeSeconds: 3600 } } })
  const sign = app.accessTokens.sign as (input: unknown) => Promise<string>
  const lifetime = { constructor: RangeError, message: '"lifetimeSeconds" must be a whole number between 1 and 3600' }
  const scope = {
    constructor: TypeError,
    message: '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)'
  }
  const subject = { constructor: TypeError, message: '"sub" must be a non-empty string' }
  const object = { constructor: TypeError, message: '"claims" must be an object' }
  const rows: [Record<string, unknown>, { constructor: unknown; message: string }][] = [
    ...[undefined, '', null, 7, ['alice']].map((sub): (typeof rows)[0] => [{ sub }, subject]),
    ...[0, -1, 1.5, 3601, NaN, Infinity, '60', null].map((lifetimeSeconds): (typeof rows)[0] => [
      { lifetimeSeconds },
      lifetime
    ]),
    ...[' ', 'a  b', ' a', 'a ', 'a"b', 'a\\b', 'ä', 'a\nb', 7, ['a']].map((value): (typeof rows)[0] => [
      { scope: value },
      scope
    ]),
    ...[null, 7, 'text', ['x'], new Date(0), () => {}].map((claims): (typeof rows)[0] => [{ claims }, object]),
    ...['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'sid', 'scope'].map((name): (typeof rows)[0] => [
      { claims: { [name]: 'x' } },
      { constructor: TypeError, message: `"claims" must not contain "${name}": the plugin sets it` }
    ]),
    [
      { claims: { toJSON: () => ({ sid: 'x' }) } },
      { constructor: TypeError, message: '"claims" must not contain "sid": the plugin sets it' }
    ],
    [
      { claims: { tier: 7 } },
      {
        constructor: TypeError,
        message: 'The claims do not match "accessToken.claims": a token with them would be rejected'
      }
    ]
  ]
  for (const [input, expected] of rows) {
    await t.rejects(sign({ sub: 'robot', ...input }), expected, JSON.stringify(input))
  }
  await t.rejects(
    sign({ sub: 'robot', lifetime: 60 }),
    {
      constructor: TypeError,
      message: 'unknown member "lifetime": expected sub, scope, claims or lifetimeSeconds'
    },
    'a typo'
  )
  t.match(decode(await sign({ sub: 'robot', lifetimeSeconds: 3600 }), 1), { exp: now + 3600 }, 'the longest lifetime')
  t.match(decode(await sign({ sub: 'robot', lifetimeSeconds: 1 }), 1), { exp: now + 1 }, 'and the shortest')
})

t.test('app.accessTokens.verify() rejects a token that is not a string', async (t) => {
  const { app } = await createApp()
  const token = await app.accessTokens.sign({ sub: 'robot' })
  for (const value of [undefined, null, 7, Buffer.from(token), [token], { token }, Object(token)]) {
    await t.rejects(app.accessTokens.verify(value as string), {
      constructor: AuthError,
      code: 'AUTH_INVALID_TOKEN',
      detail: 'the token must be a string'
    })
  }
})

t.test('app.accessTokens.revoke() revokes one token by its jti until its exp', async (t) => {
  const { app, clock } = await createApp()
  const token = await app.accessTokens.sign({ sub: 'robot' })
  const other = await app.accessTokens.sign({ sub: 'robot' })
  const { jti, exp } = await app.accessTokens.verify(token)
  const revoke = app.accessTokens.revoke as (jti: unknown, exp: unknown) => Promise<void>
  for (const wrong of [undefined, null, '', 7]) {
    await t.rejects(revoke(wrong, exp), {
      constructor: TypeError,
      message: '"jti" must be a string of 1 to 256 characters'
    })
  }
  for (const wrong of ['a\0b', 'a\ud800']) {
    await t.rejects(revoke(wrong, exp), {
      constructor: TypeError,
      message: '"jti" must be well-formed Unicode without U+0000'
    })
  }
  for (const wrong of [undefined, null, NaN, Infinity, 1.5, '1', now + 86_401]) {
    await t.rejects(revoke(jti, wrong), {
      constructor: RangeError,
      message: '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
    })
  }
  t.match(await app.accessTokens.verify(token), { jti }, 'none of these has ended it')
  await revoke(jti, exp)
  await t.rejects(app.accessTokens.verify(token), {
    code: 'AUTH_REVOKED_TOKEN',
    detail: 'the token or its session was revoked'
  })
  t.strictSame(summaryOf(await app.inject({ url: '/me', headers: bearer(token) })), {
    status: 401,
    code: 'AUTH_REVOKED_TOKEN',
    challenge: challenges.revoked,
    cookies: [],
    cacheControl: null
  })
  t.match(await app.accessTokens.verify(other), { sub: 'robot' }, 'another token lives')
  const respelled = forge(localSigner, { claims: JSON.stringify(decode(token, 1), null, 1) })
  await t.rejects(
    app.accessTokens.verify(respelled),
    { code: 'AUTH_REVOKED_TOKEN' },
    'the same token in other bytes is revoked too'
  )
  await revoke('at the latest', now + 86_400)
  clock.advance(600)
  await t.rejects(app.accessTokens.verify(token), { code: 'AUTH_EXPIRED_TOKEN' }, 'from then on it has expired')
})
