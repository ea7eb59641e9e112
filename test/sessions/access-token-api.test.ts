import { setImmediate } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { AuthError } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { checkRequirements } from '../../plugin/tokens/requirements.ts'
import { challenges, createApp, createClock, epoch, issuer, summaryOf } from '../fixtures/app.ts'
import { makeKey } from '../fixtures/issuer.ts'
import { decode, forge, now, localSigner } from '../fixtures/tokens.ts'
import type { PushListener } from '../../plugin/stores/session-store.ts'

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
  for (const input of [undefined, null, 'robot', 7, ['robot'], Promise.resolve({ sub: 'robot' })]) {
    await t.rejects(sign(input), {
      constructor: TypeError,
      message: 'expected an object with sub, scope, claims, lifetimeSeconds or audience'
    })
  }
  await t.rejects(
    sign({ sub: 'robot', lifetime: 60 }),
    {
      constructor: TypeError,
      message: 'unknown member "lifetime": expected sub, scope, claims, lifetimeSeconds or audience'
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

t.test('sign({ audience }) makes a token that only verify({ audience }) accepts', async (t) => {
  const server = await createApp({ plugin: { audience: ['https://notes.example', 'https://files.example'] } })
  const { accessTokens } = server.app
  const reset = await accessTokens.sign({ sub: 'alice', audience: 'password-reset', lifetimeSeconds: 900 })
  const both = await accessTokens.sign({ sub: 'alice', audience: ['a', 'password-reset', 'a'] })
  const usual = await accessTokens.sign({ sub: 'alice' })
  t.equal(decode(reset, 1).aud, 'password-reset')
  t.strictSame(decode(both, 1).aud, ['a', 'password-reset'])
  t.strictSame(decode(usual, 1).aud, ['https://notes.example', 'https://files.example'])
  const wrong = { code: 'AUTH_INVALID_TOKEN', detail: 'aud must name an accepted audience' }
  for (const round of ['once', 'again, when tokens are in the cache']) {
    for (const [what, token] of Object.entries({ reset, both })) {
      t.match(await accessTokens.verify(token, { audience: 'password-reset' }), { sub: 'alice' }, `${what}, ${round}`)
      t.match(await accessTokens.verify(token, { audience: ['x', 'password-reset'] }), { sub: 'alice' })
      await t.rejects(accessTokens.verify(token), wrong, `${what}, ${round}: verify() without an audience`)
      await t.rejects(accessTokens.verify(token, { audience: 'e-mail' }), wrong, `${what}, ${round}: another purpose`)
      await t.rejects(accessTokens.verify(token, { audience: 'https://notes.example' }), wrong)
      t.match((await server.app.inject({ url: '/me', headers: bearer(token) })).json(), { code: 'AUTH_INVALID_TOKEN' })
      const cookie = { cookie: `__Host-access=${token}` }
      t.match((await server.app.inject({ url: '/me', headers: cookie })).json(), { code: 'AUTH_INVALID_TOKEN' })
    }
    t.match(await accessTokens.verify(usual), { sub: 'alice' })
    t.equal((await server.app.inject({ url: '/me', headers: bearer(usual) })).statusCode, 200)
    await t.rejects(accessTokens.verify(usual, { audience: 'password-reset' }), wrong, `${round}: the usual token`)
    t.match(await accessTokens.verify(usual, { audience: 'https://files.example' }), { sub: 'alice' })
  }
  const { jti, exp } = await accessTokens.verify(reset, { audience: 'password-reset' })
  await accessTokens.revoke(jti!, exp)
  await t.rejects(accessTokens.verify(reset, { audience: 'password-reset' }), { code: 'AUTH_REVOKED_TOKEN' })
  server.clock.advance(600)
  await t.rejects(accessTokens.verify(both, { audience: 'password-reset' }), { code: 'AUTH_EXPIRED_TOKEN' })
})

t.test('a token for another purpose needs scopes and roles like any other', async (t) => {
  const { accessTokens } = (await createApp()).app
  const audience = 'jobs'
  const token = await accessTokens.sign({ sub: 'robot', audience, scope: 'a', claims: { roles: ['bot'] } })
  t.match(await accessTokens.verify(token, { audience, scopes: ['a'], roles: ['bot'] }), { sub: 'robot' })
  await t.rejects(accessTokens.verify(token, { audience, scopes: ['b'] }), { code: 'AUTH_INSUFFICIENT_SCOPE' })
  await t.rejects(accessTokens.verify(token, { audience, roles: ['root'] }), { code: 'AUTH_INSUFFICIENT_ROLE' })
  await t.rejects(accessTokens.verify(token, { audience, issuers: ['https://idp'] }), { code: 'AUTH_INVALID_TOKEN' })
})

t.test('sign() and verify() reject a wrong "audience", which must not become the usual one', async (t) => {
  const { accessTokens } = (await createApp({ plugin: { issuer: [issuer, 'https://former.example'] } })).app
  const sign = accessTokens.sign as (input: unknown) => Promise<string>
  const verify = accessTokens.verify as (token: string, needs: unknown) => Promise<unknown>
  const token = await sign({ sub: 'robot' })
  const illTyped = { constructor: TypeError, message: '"audience" must be a non-empty string or a list of them' }
  for (const audience of [null, '', [], [''], ['a', undefined], new Array(1), 7, {}, true]) {
    await t.rejects(sign({ sub: 'robot', audience }), illTyped, JSON.stringify(audience))
    await t.rejects(verify(token, { audience }), illTyped, JSON.stringify(audience))
    await t.rejects(verify(token, Object.create({ audience })), illTyped, `${JSON.stringify(audience)}, inherited`)
  }
  const lost = { constructor: TypeError, message: '"audience" is undefined: give it a value, or leave it out' }
  await t.rejects(sign({ sub: 'robot', audience: undefined }), lost)
  await t.rejects(verify(token, { audience: undefined }), lost)
  for (const ours of [issuer, 'https://former.example']) {
    for (const audience of [ours, ['password-reset', ours]]) {
      await t.rejects(sign({ sub: 'robot', audience }), {
        constructor: TypeError,
        message: `"audience" must not contain "${ours}": authenticate() accepts that audience`
      })
    }
  }
  await t.rejects(verify(token, { optional: true }), {
    constructor: TypeError,
    message: 'unknown member "optional": expected scopes, roles, issuers, acr, maxAgeSeconds or audience'
  })
  t.throws(
    () => checkRequirements({ audience: 'password-reset' }),
    { message: 'unknown member "audience": expected scopes, roles, issuers, acr, maxAgeSeconds or optional' },
    'a route has one audience'
  )
})

t.test("app.accessTokens.revoke() revokes another issuer's token by its issuer and jti", async (t) => {
  const key = makeKey('ES256', 'one')
  const [one, two] = ['https://one.example', 'https://two.example'] as const
  const trusted = (name: string) => ({
    issuer: name,
    audience: 'notes',
    jwks: { keys: [key.jwk] },
    algorithms: ['ES256'],
    maxLifetimeSeconds: 7200
  })
  const wakes: (() => void)[] = []
  const subscribe = async (listener: PushListener) => {
    wakes.push(() => listener.wake())
  }
  const store = { ...memoryStore({ clock: createClock() }), subscribe }
  const open = () => createApp({ plugin: { store, trustedIssuers: [trusted(one), trusted(two)] } })
  const [server, other] = [await open(), await open()]
  t.teardown(() => Promise.all([server.app.close(), other.app.close()]))
  const { accessTokens } = server.app
  const claims = { aud: 'notes', sub: 'theirs', jti: 'the same', exp: now + 600.25 }
  const tokens = [one, two].map((iss) => forge(key, { claims: { ...claims, iss } }))
  const ours = forge(localSigner, { claims: { jti: 'the same' } })
  const outcomes = async ({ app }: typeof server) =>
    await Promise.all(
      [...tokens, ours].map((token, index) =>
        app.accessTokens.verify(token, { issuers: [[one, two, issuer][index]!] }).then(
          () => 'accepted',
          ({ code }) => code
        )
      )
    )
  for (const node of [server, other]) {
    t.strictSame(await outcomes(node), ['accepted', 'accepted', 'accepted'], 'all of them are in the cache')
  }

  const revoke = accessTokens.revoke as (...args: unknown[]) => Promise<void>
  const unknown = { constructor: TypeError, message: '"issuer" must be one of "issuer" or of "trustedIssuers"' }
  for (const wrong of ['https://three.example', `${one}/`, '', null, 7, [one], 'a\0b']) {
    await t.rejects(revoke('the same', now + 60, { issuer: wrong }), unknown, JSON.stringify(wrong))
  }
  await t.rejects(revoke('the same', now + 60, { issuer: undefined }), {
    constructor: TypeError,
    message: '"issuer" is undefined: give it a value, or leave it out'
  })
  await t.rejects(revoke('the same', now + 60, undefined), {
    constructor: TypeError,
    message: '"options" is undefined: give it a value, or leave it out'
  })
  await t.rejects(revoke('the same', now + 60, { iss: one }), {
    constructor: TypeError,
    message: 'unknown member "iss": expected issuer'
  })
  for (const wrong of [undefined, null, NaN, Infinity, -1, `${now}`, now * 1000, now + 14_400.001]) {
    await t.rejects(
      revoke('the same', wrong, { issuer: one }),
      {
        constructor: RangeError,
        message: '"exp" must be seconds since the epoch, within "maxLifetimeSeconds" of the issuer from now'
      },
      String(wrong)
    )
  }
  t.strictSame(await outcomes(server), ['accepted', 'accepted', 'accepted'], 'none of these has revoked one')

  await revoke('the same', claims.exp, { issuer: one })
  t.strictSame(await outcomes(server), ['AUTH_REVOKED_TOKEN', 'accepted', 'accepted'])
  t.strictSame(await outcomes(await open()), ['AUTH_REVOKED_TOKEN', 'accepted', 'accepted'], 'a node that starts later')
  for (const wake of wakes) wake()
  await setImmediate()
  t.strictSame(await outcomes(other), ['AUTH_REVOKED_TOKEN', 'accepted', 'accepted'], 'a node that had it in its cache')
  t.match(
    (await store.readRevocations(null, 10)).entries,
    [{ kind: 'token', id: `${one} the same`, until: epoch + 600_250 + 2 * 3600_000 }],
    'until the last node has seen it expire'
  )
  await revoke('the same', now + 600, { issuer })
  t.strictSame(await outcomes(server), ['AUTH_REVOKED_TOKEN', 'accepted', 'AUTH_REVOKED_TOKEN'])
  await revoke('at the latest', now + 14_400, { issuer: one })
})

t.test('a space in an issuer or a jti does not make one revocation pass as another', async (t) => {
  const key = makeKey('ES256', 'one')
  const trusted = ['idp', 'idp a'].map((name) => ({
    issuer: name,
    audience: 'notes',
    jwks: { keys: [key.jwk] },
    algorithms: ['ES256']
  }))
  const { accessTokens } = (await createApp({ plugin: { trustedIssuers: trusted } })).app
  const token = forge(key, { claims: { iss: 'idp a', aud: 'notes', jti: 'b' } })
  await accessTokens.revoke('a b', now + 600, { issuer: 'idp' })
  t.match(await accessTokens.verify(token, { issuers: ['idp a'] }), { jti: 'b' })
  await accessTokens.revoke('b', now + 600, { issuer: 'idp a' })
  await t.rejects(accessTokens.verify(token, { issuers: ['idp a'] }), { code: 'AUTH_REVOKED_TOKEN' })
})

t.test("verify({ audience }) compares another issuer's token with that audience alone", async (t) => {
  const key = makeKey('ES256', 'one')
  const idp = 'https://idp.example'
  const { app } = await createApp({
    plugin: {
      trustedIssuers: [{ issuer: idp, audience: 'notes', jwks: { keys: [key.jwk] }, algorithms: ['ES256'] }]
    },
    after: (app) => app.get('/theirs', { config: { auth: { issuers: [idp] } } }, async () => 'ok')
  })
  const token = forge(key, { claims: { iss: idp, aud: 'upload' } })
  const wrong = { code: 'AUTH_INVALID_TOKEN', detail: 'aud must name an accepted audience' }
  for (const round of ['once', 'again']) {
    t.match(await app.accessTokens.verify(token, { audience: 'upload', issuers: [idp] }), { iss: idp }, round)
    await t.rejects(app.accessTokens.verify(token, { audience: 'notes', issuers: [idp] }), wrong, round)
    await t.rejects(app.accessTokens.verify(token, { issuers: [idp] }), wrong, round)
    await t.rejects(app.accessTokens.verify(token, { audience: 'upload' }), {
      code: 'AUTH_INVALID_TOKEN',
      detail: 'tokens of this issuer are not accepted here'
    })
    t.equal((await app.inject({ url: '/theirs', headers: bearer(token) })).statusCode, 401)
  }
})
