import { randomUUID, type JsonWebKey } from 'node:crypto'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions } from '../../plugin/index.ts'
import { challenges, createApp, issuer, secret, summaryOf } from '../fixtures/app.ts'
import {
  audience,
  createVerifier,
  json,
  jwks,
  makeKey,
  startIssuer,
  text,
  tokenOf,
  type Answer,
  type LocalIssuer
} from '../fixtures/issuer.ts'
import { forge, goodClaims, now } from '../fixtures/tokens.ts'

// Some hundred small servers take their time on a busy machine.
t.setTimeout(120_000)

type Option = NonNullable<AuthenticateOptions['trustedIssuers']>[number]

const rsa = makeKey('RS256', 'rsa')
const other = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')
const nameless = makeKey('ES256', undefined)
const minute = 60

function trusting({ url }: LocalIssuer, more: Partial<Option> = {}): Option {
  return { issuer: url, audience, jwksUri: `${url}/jwks`, algorithms: ['RS256', 'ES256'], ...more }
}

/** An application whose route `/theirs` takes the issuer's tokens. */
async function createTrusting(t: Test, option: Option) {
  const made = await createApp({
    plugin: { trustedIssuers: [option] },
    after: (app) => {
      app.get('/theirs', { config: { auth: { issuers: [option.issuer] } } }, async ({ user, auth }) => ({
        sub: user.sub,
        sessionId: auth?.sessionId
      }))
    }
  })
  t.teardown(() => made.app.close())
  return {
    ...made,
    call: (token: string, url = '/theirs') => made.app.inject({ url, headers: { authorization: `Bearer ${token}` } })
  }
}

const unavailable = { status: 503, code: 'AUTH_KEYS_UNAVAILABLE', challenge: null, cookies: [], cacheControl: null }
const invalid = {
  status: 401,
  code: 'AUTH_INVALID_TOKEN',
  challenge: challenges.invalid,
  cookies: [],
  cacheControl: null
}
const accepted = { status: 200, code: null, challenge: null, cookies: [], cacheControl: null }

async function shows(
  t: Test,
  idp: LocalIssuer,
  option: Option,
  { token, expected, detail, what }: { token: string; expected: object; detail?: RegExp | undefined; what: string }
) {
  const { call, events, warnings } = await createTrusting(t, option)
  const response = await call(token)
  t.strictSame(summaryOf(response), expected, what)
  t.equal(response.headers['retry-after'], expected === unavailable ? '2' : undefined, `${what}: Retry-After`)
  if (detail) t.match(events(), [{ type: 'token-refused', detail }], `${what}: the reason`)
  t.strictSame(warnings(), expected === unavailable ? ['Keys are unavailable at the moment'] : [], `${what}: the log`)
  t.ok(idp.fetches.discovery <= 1 && idp.fetches.jwks <= 1, `${what}: one fetch`)
}

const endless: Answer = (response) => {
  const more = () => {
    while (response.writable && response.write('{"keys":['.padEnd(65_536)));
  }
  response.writeHead(200).on('drain', more)
  more()
}
const broken: Answer = (response) => {
  response.writeHead(200, { 'content-length': 1000 })
  response.write('{"keys":', () => response.destroy())
}

t.test('a key endpoint that gives no JWK Set is 503, with the reason in the event', async (t) => {
  const rows: [string, Answer, RegExp][] = [
    ['500', json({ keys: [rsa.jwk] }, 500), /unexpected status 500/],
    ['404', text('', 404), /unexpected status 404/],
    ['201', json({ keys: [rsa.jwk] }, 201), /unexpected status 201/],
    ['204', text('', 204), /unexpected status 204/],
    ['a redirect, to a good set even', text('', 302, { location: '/good' }), /unexpected status 302/],
    ['another redirect', text('', 308, { location: 'http://169.254.169.254/' }), /unexpected status 308/],
    ['nothing', text(''), /as JSON/],
    ['a page', text('<html>', 200, { 'content-type': 'text/html' }), /as JSON/],
    ['half a set', text('{"keys":['), /as JSON/],
    ['an answer that breaks off', broken, /terminated|cannot fetch/],
    ['no set', json({ rsa: rsa.jwk }), /malformed/],
    ['a key alone', json(rsa.jwk), /malformed/],
    ['a list', json([rsa.jwk]), /malformed/],
    ['null', json(null), /malformed/],
    ['keys that are no list', json({ keys: { rsa: rsa.jwk } }), /malformed/],
    ['a key that is null', jwks(rsa.jwk, null), /malformed/],
    ['a set that is nested deep', text(`{"keys":[${'{"x":['.repeat(80_000)}${']}'.repeat(80_000)}]}`), /cannot fetch/],
    ['over 512 KiB', text(JSON.stringify({ keys: [rsa.jwk] }).padEnd(512 * 1024 + 1)), /exceeds 524288 bytes/],
    ['without end', endless, /exceeds 524288 bytes/]
  ]
  for (const [what, answer, detail] of rows) {
    const idp = await startIssuer(t, [rsa.jwk])
    idp.answers.jwks = answer
    await shows(t, idp, trusting(idp), { token: tokenOf(idp.url, rsa), expected: unavailable, detail, what })
    t.equal(idp.fetches.elsewhere, 0, `${what}: followed nowhere`)
  }
  const down = await startIssuer(t)
  down.close()
  await shows(t, down, trusting(down), {
    token: tokenOf(down.url, rsa),
    expected: unavailable,
    detail: /ECONNREFUSED/,
    what: 'down'
  })
})

t.test("a discovery document that is not the issuer's own, or leads elsewhere, is 503", async (t) => {
  const rows: [string, (url: string) => Answer, RegExp][] = [
    ["another issuer's", (url) => json({ issuer: `${url}/other`, jwks_uri: `${url}/jwks` }), /names another issuer/],
    ['with a slash more', (url) => json({ issuer: `${url}/`, jwks_uri: `${url}/jwks` }), /names another issuer/],
    ['without an issuer', (url) => json({ jwks_uri: `${url}/jwks` }), /names another issuer/],
    ['no JSON', () => text('<html>'), /is not JSON/],
    ['null', () => json(null), /is not JSON/],
    ['404', () => text('', 404), /unexpected status 404/],
    ['a redirect', () => text('', 301, { location: '/good' }), /unexpected status 301/],
    ['huge', () => text(' '.repeat(512 * 1024 + 1)), /exceeds 524288 bytes/],
    ['without jwks_uri', (url) => json({ issuer: url }), /not an https URL/],
    [
      'a jwks_uri over http',
      (url) => json({ issuer: url, jwks_uri: 'http://keys.example.com/jwks' }),
      /not an https URL/
    ],
    ['a jwks_uri of another kind', (url) => json({ issuer: url, jwks_uri: 'file:///etc/passwd' }), /not an https URL/],
    [
      'a jwks_uri in data',
      (url) => json({ issuer: url, jwks_uri: `data:application/json,${JSON.stringify({ keys: [rsa.jwk] })}` }),
      /not an https URL/
    ],
    [
      'a jwks_uri with a password',
      (url) => json({ issuer: url, jwks_uri: 'https://user:hunter2@keys.example.com/' }),
      /not an https URL/
    ],
    ['a jwks_uri that is no text', (url) => json({ issuer: url, jwks_uri: [`${url}/jwks`] }), /not an https URL/]
  ]
  for (const [what, answer, detail] of rows) {
    const idp = await startIssuer(t, [rsa.jwk])
    idp.answers.discovery = answer(idp.url)
    await shows(t, idp, trusting(idp, { jwksUri: undefined }), {
      token: tokenOf(idp.url, rsa),
      expected: unavailable,
      detail,
      what
    })
    t.strictSame([idp.fetches.jwks, idp.fetches.elsewhere], [0, 0], `${what}: led nowhere`)
  }
  const idp = await startIssuer(t, [rsa.jwk])
  await shows(t, idp, trusting(idp, { jwksUri: undefined }), {
    token: tokenOf(idp.url, rsa),
    expected: accepted,
    what: 'its own'
  })
  t.strictSame(idp.fetches, { discovery: 1, jwks: 1, elsewhere: 0 })
})

t.test('an issuer elsewhere cannot send us to this machine', async (t) => {
  const url = 'https://idp.example.com'
  const asked: string[] = []
  const fetchNothing = async (what: string) => {
    asked.push(what)
    return Response.json({ issuer: url, jwks_uri: 'http://127.0.0.1:9/jwks' })
  }
  t.intercept(globalThis, 'fetch', { value: fetchNothing })
  const { outcome } = await createVerifier([{ issuer: url, audience, algorithms: ['RS256'] }])
  t.equal(await outcome(tokenOf(url, rsa)), 'AUTH_KEYS_UNAVAILABLE')
  t.strictSame(asked, [`${url}/.well-known/openid-configuration`])
})

t.test('of a published set, only keys that are fit for their use verify', async (t) => {
  const rsa512 = makeKey('RS256', 'rsa', 512)
  const rsa1024 = makeKey('RS256', 'rsa', 1024)
  const { alg: _alg, use: _use, ...bare } = rsa.jwk
  const { kid: _kid, ...withoutKid } = ec.jwk
  const crowd = Array.from({ length: 3000 }, (_, index) => ({
    kty: 'EC',
    crv: 'P-256',
    x: nameless.jwk.x,
    kid: `k${index}`
  }))
  const secretJwk = { kty: 'oct', kid: 'hs', k: Buffer.alloc(32, 'known').toString('base64url') }
  const rows: [string, unknown[], string | ((url: string) => string), object][] = [
    ['a good key', [rsa.jwk], '', accepted],
    ['a good key among others', [other.jwk.n && { ...other.jwk, kid: 'b' }, ec.jwk, rsa.jwk], '', accepted],
    ['a key without use and alg, as Entra publishes', [bare], '', accepted],
    ['a key with a certificate chain, which is not looked at', [{ ...rsa.jwk, x5c: ['AAAA'], x5t: 'x' }], '', accepted],
    ['no key', [], '', invalid],
    ['another key', [{ ...rsa.jwk, kid: 'else' }], '', invalid],
    ['another key of that kid', [other.jwk], '', invalid],
    ['a private key', [rsa.privateJwk], '', invalid],
    ['a private key without d', [{ ...rsa.jwk, p: rsa.privateJwk.p }], '', invalid],
    ['a private key beside the public one', [rsa.privateJwk, rsa.jwk], '', accepted],
    ['duplicate kids, the good one first', [rsa.jwk, other.jwk], '', accepted],
    ['duplicate kids, the good one last', [other.jwk, rsa.jwk], '', accepted],
    ['duplicate kids of two algorithms', [{ ...ec.jwk, kid: 'rsa' }, rsa.jwk], '', accepted],
    [
      'an oct key',
      [secretJwk],
      (url) => tokenOf(url, { alg: 'HS256', kid: 'hs', key: Buffer.alloc(32, 'known') }),
      invalid
    ],
    [
      'its public key as HMAC secret',
      [rsa.jwk],
      (url) => tokenOf(url, { alg: 'HS256', kid: 'rsa', key: Buffer.from(JSON.stringify(rsa.jwk)) }),
      invalid
    ],
    ['RSA of 512 bits', [rsa512.jwk], (url) => tokenOf(url, rsa512), invalid],
    ['RSA of 1024 bits', [rsa1024.jwk], (url) => tokenOf(url, rsa1024), invalid],
    ['a weak modulus and exponent', [{ ...rsa.jwk, e: 'Aw' }], '', invalid],
    [
      'an exponent that would take minutes',
      [{ ...rsa.jwk, e: Buffer.alloc(375_000, 1).toString('base64url') }],
      '',
      invalid
    ],
    ['a key to encrypt with', [{ ...rsa.jwk, use: 'enc' }], '', invalid],
    ['a key whose key_ops forbid it', [{ ...rsa.jwk, key_ops: ['encrypt'] }], '', invalid],
    ['an unknown alg', [{ ...rsa.jwk, alg: 'RS1' }], '', invalid],
    ['an alg of encryption', [{ ...rsa.jwk, alg: 'RSA-OAEP' }], '', invalid],
    ['an alg that is no text', [{ ...rsa.jwk, alg: 7 }], '', invalid],
    ["another alg than the token's", [{ ...rsa.jwk, alg: 'PS256' }], '', invalid],
    ['an alg that is not pinned', [rsa.jwk], (url) => tokenOf(url, { ...rsa, alg: 'RS512' }), invalid],
    ['an unknown kty', [{ ...rsa.jwk, kty: 'AKP' }], '', invalid],
    ['no kty', [{ ...rsa.jwk, kty: undefined }], '', invalid],
    ['a modulus that is no base64url', [{ ...rsa.jwk, n: `${rsa.jwk.n}==` }], '', invalid],
    [
      'a key that cannot be read beside a good one',
      [{ kty: 'RSA', kid: 'rsa' }, { kty: 'RSA', kid: 'rsa', n: 7, e: {} }, rsa.jwk],
      '',
      accepted
    ],
    [
      'kids that are no text',
      [
        { ...rsa.jwk, kid: 7 },
        { ...rsa.jwk, kid: ['rsa'] }
      ],
      '',
      invalid
    ],
    ['a set without kids, a token with one', [withoutKid], (url) => tokenOf(url, ec), invalid],
    ['a set without kids, a token without', [withoutKid], (url) => tokenOf(url, { ...ec, kid: undefined }), accepted],
    ['a set with kids, a token without', [rsa.jwk, ec.jwk], (url) => tokenOf(url, { ...ec, kid: undefined }), accepted],
    ['thousands of keys', [...crowd, rsa.jwk, ec.jwk], (url) => tokenOf(url, ec), accepted],
    [
      'thousands of keys of another kind, a token without kid',
      [...crowd, rsa.jwk],
      (url) => tokenOf(url, { ...rsa, kid: undefined }),
      accepted
    ],
    [
      'a hundred keys for another algorithm, a token without kid',
      [...Array.from({ length: 100 }, () => ({ ...other.jwk, alg: 'PS256' })), rsa.jwk],
      (url) => tokenOf(url, { ...rsa, kid: undefined }),
      accepted
    ],
    [
      'thousands of keys, a token without kid: a few are tried',
      [...crowd, ec.jwk],
      (url) => tokenOf(url, { ...ec, kid: undefined }),
      invalid
    ]
  ]
  for (const [what, keys, token, expected] of rows) {
    const idp = await startIssuer(t, keys)
    await shows(t, idp, trusting(idp), {
      token: typeof token === 'string' ? tokenOf(idp.url, rsa) : token(idp.url),
      expected,
      what
    })
  }
})

t.test("a trusted issuer's token is checked as our own, and by its own policy", async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const rows: [string, Partial<Option>, Parameters<typeof tokenOf>[2], number, string | null][] = [
    ['a good one', {}, {}, 200, null],
    ['one of several audiences', { audience: ['x', audience] }, { claims: { aud: ['y', audience] } }, 200, null],
    ['another audience', {}, { claims: { aud: 'https://else.example.com' } }, 401, 'AUTH_INVALID_TOKEN'],
    ['our issuer as audience', {}, { claims: { aud: issuer } }, 401, 'AUTH_INVALID_TOKEN'],
    ['no audience', {}, { claims: { aud: undefined } }, 401, 'AUTH_INVALID_TOKEN'],
    ['no sub', {}, { claims: { sub: undefined } }, 401, 'AUTH_INVALID_TOKEN'],
    ['expired', {}, { claims: { exp: now } }, 401, 'AUTH_EXPIRED_TOKEN'],
    ['from the future', {}, { claims: { iat: now + 6 } }, 401, 'AUTH_INVALID_TOKEN'],
    ['not yet', {}, { claims: { nbf: now + 6 } }, 401, 'AUTH_INVALID_TOKEN'],
    ['a day long', {}, { claims: { exp: now + 86_400 } }, 200, null],
    ['longer', {}, { claims: { exp: now + 86_401 } }, 401, 'AUTH_INVALID_TOKEN'],
    ['longer than it is allowed', { maxLifetimeSeconds: 599 }, {}, 401, 'AUTH_INVALID_TOKEN'],
    ['typ JWT', {}, { header: { typ: 'JWT' } }, 401, 'AUTH_INVALID_TOKEN'],
    ['typ JWT, where it is taken', { type: ['at+jwt', 'JWT'] }, { header: { typ: 'JWT' } }, 200, null],
    ['no typ, where any is taken', { type: false }, { header: { typ: undefined } }, 200, null],
    ['typ of a logout token', { type: 'JWT' }, { header: { typ: 'logout+jwt' } }, 401, 'AUTH_INVALID_TOKEN'],
    ['crit', {}, { header: { crit: ['b64'], b64: true } }, 401, 'AUTH_INVALID_TOKEN'],
    ['a key of its own', {}, { header: { jwk: other.jwk, jku: 'https://evil.example.com' } }, 200, null],
    ['another alg than is pinned', { algorithms: ['ES256'] }, {}, 401, 'AUTH_INVALID_TOKEN']
  ]
  for (const [what, more, forgery, status, code] of rows) {
    const { call } = await createTrusting(t, trusting(idp, more))
    const response = await call(tokenOf(idp.url, rsa, forgery))
    t.strictSame([response.statusCode, response.json().code ?? null], [status, code], what)
  }
  const fetched = idp.fetches.jwks
  const { call } = await createTrusting(t, trusting(idp))
  t.equal((await call(tokenOf(idp.url, rsa, { header: { typ: 'JWT' } }))).statusCode, 401)
  t.equal(idp.fetches.jwks, fetched, 'what its header alone refuses costs no fetch')
  t.equal(idp.fetches.discovery, 0, 'nothing is discovered where `jwksUri` says where the keys are')
})

t.test("no issuer's key signs for another, and routes that do not name an issuer refuse its tokens", async (t) => {
  const [one, two] = [await startIssuer(t, [rsa.jwk]), await startIssuer(t, [ec.jwk])]
  const { app, signIn } = await createApp({
    plugin: { trustedIssuers: [trusting(one), trusting(two)] },
    after: (app) => {
      for (const [path, issuers] of [
        ['/one', [one.url]],
        ['/two', [two.url]],
        ['/both', [one.url, two.url]],
        ['/all', [one.url, two.url, issuer]]
      ] as const) {
        app.get(path, { config: { auth: { issuers } } }, async ({ auth }) => ({ issuer: auth?.issuer }))
      }
    }
  })
  const ours = (await signIn('bearer')).access
  const rows: [string, string, Record<string, number>][] = [
    ["one's", tokenOf(one.url, rsa), { '/one': 200, '/two': 401, '/both': 200, '/all': 200, '/me': 401 }],
    ["two's", tokenOf(two.url, ec), { '/one': 401, '/two': 200, '/both': 200, '/all': 200, '/me': 401 }],
    ['ours', ours, { '/one': 401, '/two': 401, '/both': 401, '/all': 200, '/me': 200 }],
    ["one's by two's key", tokenOf(one.url, ec), { '/one': 401, '/two': 401, '/both': 401, '/all': 401, '/me': 401 }],
    ["two's by one's key", tokenOf(two.url, rsa), { '/one': 401, '/two': 401, '/both': 401, '/all': 401, '/me': 401 }],
    [
      "ours by one's key",
      tokenOf(issuer, rsa, { claims: { aud: issuer } }),
      { '/one': 401, '/two': 401, '/both': 401, '/all': 401, '/me': 401 }
    ],
    [
      "a stranger's",
      tokenOf('https://evil.example.com', rsa),
      { '/one': 401, '/two': 401, '/both': 401, '/all': 401, '/me': 401 }
    ]
  ]
  for (const [what, token, statuses] of rows) {
    for (const [url, status] of Object.entries(statuses)) {
      const response = await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
      t.strictSame(
        [response.statusCode, response.headers['www-authenticate'] ?? null],
        [status, status === 200 ? null : challenges.invalid],
        `${what} at ${url}`
      )
    }
  }
})

t.test('what one caller asked of a token, another did not: issuers and needs are compared on every look', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const option = trusting(idp, { map: ({ scp }) => ({ scope: scp as string }) })
  const { app, call } = await createTrusting(t, option)
  const foreign = {
    name: 'AuthError',
    code: 'AUTH_INVALID_TOKEN',
    statusCode: 401,
    detail: 'tokens of this issuer are not accepted here'
  }
  const scope = {
    name: 'AuthError',
    code: 'AUTH_INSUFFICIENT_SCOPE',
    statusCode: 403,
    detail: 'the scopes notes:write are required'
  }
  const role = {
    name: 'AuthError',
    code: 'AUTH_INSUFFICIENT_ROLE',
    statusCode: 403,
    detail: 'one of the roles editor is required'
  }
  const { verify } = app.accessTokens
  const issuers = [idp.url]
  const token = tokenOf(idp.url, rsa, { claims: { scp: 'notes:read', roles: ['editor'], scope: 'notes:write' } })
  const ours = await app.accessTokens.sign({ sub: 'robot', scope: 'notes:read', claims: { roles: ['bot'] } })

  for (const time of ['before it was seen', 'after a route took it', 'and again']) {
    await t.rejects(verify(token), foreign, `no needs: ${time}`)
    await t.rejects(verify(token, {}), foreign, `empty needs: ${time}`)
    await t.rejects(
      verify(token, { issuers: [issuer, 'https://other.example.com'] }),
      foreign,
      `other issuers: ${time}`
    )
    t.strictSame(summaryOf(await call(token, '/me')), invalid, `a route that does not name the issuer: ${time}`)
    t.strictSame(
      summaryOf(await app.inject({ url: '/me', headers: { cookie: `__Host-access=${token}` } })).code,
      'AUTH_INVALID_TOKEN',
      `by cookie: ${time}`
    )
    t.equal((await call(token)).statusCode, 200, `a route that names it: ${time}`)
    t.match(
      await verify(token, { issuers }),
      { sub: 'theirs', iss: idp.url, scope: 'notes:read' },
      `on purpose: ${time}`
    )
    t.match(await verify(token, { issuers, scopes: ['notes:read'] }), { sub: 'theirs' }, `with a scope: ${time}`)
    await t.rejects(
      verify(token, { issuers, scopes: ['notes:write'] }),
      scope,
      `without the scope, whatever the claim says: ${time}`
    )
    await t.rejects(
      verify(token, { issuers, roles: ['editor'] }),
      role,
      `without the role, whatever the claim says: ${time}`
    )

    t.match(await verify(ours), { sub: 'robot' }, `our own: ${time}`)
    t.match(await verify(ours, { scopes: ['notes:read'], roles: ['bot', 'x'] }), { sub: 'robot' })
    await t.rejects(verify(ours, { scopes: ['notes:write'] }), scope, `our own without the scope: ${time}`)
    await t.rejects(verify(ours, { roles: ['editor'] }), role, `our own without the role: ${time}`)
    await t.rejects(
      verify(ours, { issuers }),
      { ...foreign, detail: 'tokens of this issuer are not accepted here' },
      `our own where only theirs is taken: ${time}`
    )
    t.match(await verify(ours, { issuers: [issuer, ...issuers] }), { sub: 'robot' })
  }
})

t.test('verify() refuses needs that are wrong, optional or undefined, before it looks at the token', async (t) => {
  const { app } = await createApp()
  const verify = app.accessTokens.verify as (...given: unknown[]) => Promise<unknown>
  const token = await app.accessTokens.sign({ sub: 'robot' })
  const isUndefined = (name: string) => `"${name}" is undefined: give it a value, or leave it out`
  const optional = 'unknown member "optional": expected scopes, roles or issuers'
  const rows: [unknown, string][] = [
    [undefined, isUndefined('needs')],
    ...['scopes', 'roles', 'issuers'].map((name): [unknown, string] => [{ [name]: undefined }, isUndefined(name)]),
    ...[true, false, undefined].map((value): [unknown, string] => [{ optional: value }, optional]),
    [{ scopes: [] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
    [{ scope: 'a' }, 'unknown member "scope": expected scopes, roles, issuers or optional'],
    ['notes:read', "\"needs\" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }"]
  ]
  for (const [needs, message] of rows) {
    for (const text of [token, 'no token']) {
      await t.rejects(verify(text, needs), { name: 'TypeError', message }, JSON.stringify(needs))
    }
  }
  for (const needs of [[], [true], [{}]]) t.match(await verify(token, ...needs), { sub: 'robot' })
})

t.test(
  'request.user has scope and roles as map() gave them, request.auth the claims as signed and what counts',
  async (t) => {
    const idp = await startIssuer(t, [rsa.jwk])
    const signed = { scope: 'root', roles: ['admin'], scp: 'notes:read', groups: ['editors'] }
    const shared = ['writer']
    const rows: [string, Option['map'] | (() => unknown), { scope?: string; roles?: string[] }][] = [
      ['no map', undefined, {}],
      ['nothing', () => ({}), {}],
      ['undefined', () => undefined, {}],
      ['scope', ({ scp }) => ({ scope: scp as string }), { scope: 'notes:read' }],
      ['scope with odd blanks', () => ({ scope: '  a   b ' }), { scope: 'a b' }],
      ['an empty scope', () => ({ scope: '' }), {}],
      ['roles', ({ groups }) => ({ roles: groups as string[] }), { roles: ['editors'] }],
      ['no roles', () => ({ roles: [] }), { roles: [] }],
      ['both', () => ({ scope: 'a', roles: shared }), { scope: 'a', roles: ['writer'] }],
      ['ill-typed members', () => ({ scope: ['a'], roles: ['editor', 7] }), {}],
      ['members undefined', () => ({ scope: undefined, roles: undefined }), {}],
      ['others', () => ({ sub: 'root', sid: 'ours', iss: issuer }), {}]
    ]
    for (const [what, map, expected] of rows) {
      const { app } = await createApp({
        plugin: { trustedIssuers: [trusting(idp, { map: map as Option['map'] })] },
        after: (app) => {
          app.get('/who', { config: { auth: { issuers: [idp.url] } } }, async ({ user, auth }) => {
            for (const part of [user, auth.claims, auth.scopes, auth.roles]) {
              if (!Object.isFrozen(part)) throw new Error('not frozen')
            }
            return { user, auth }
          })
        }
      })
      const token = tokenOf(idp.url, rsa, { claims: signed })
      const {
        scope: _scope,
        roles: _roles,
        ...others
      } = { iss: idp.url, aud: audience, sub: 'theirs', iat: now, exp: now + 600, ...signed }
      const user = { ...others, ...expected }
      for (const time of ['once', 'again']) {
        const response = await app.inject({ url: '/who', headers: { authorization: `Bearer ${token}` } })
        t.strictSame(
          response.json(),
          {
            user,
            auth: {
              source: 'header',
              sessionId: null,
              issuer: idp.url,
              claims: { ...others, scope: 'root', roles: ['admin'] },
              user,
              scopes: expected.scope?.split(' ') ?? [],
              roles: expected.roles ?? []
            }
          },
          `${what}, ${time}`
        )
        shared.push('admin')
        t.strictSame(await app.accessTokens.verify(token, { issuers: [idp.url] }), user, `${what}: verify(), ${time}`)
      }
      shared.length = 1
    }

    const { app } = await createApp({
      after: (app) =>
        app.get('/who', { config: { auth: true } }, async ({ user, auth }) => ({
          same: user === auth.claims,
          scopes: auth.scopes,
          roles: auth.roles
        }))
    })
    const ours = await app.accessTokens.sign({ sub: 'robot', scope: 'a b', claims: { roles: ['bot'] } })
    t.strictSame(
      (await app.inject({ url: '/who', headers: { authorization: `Bearer ${ours}` } })).json(),
      { same: true, scopes: ['a', 'b'], roles: ['bot'] },
      'our own are as signed'
    )
  }
)

t.test('map() cannot change the claims: they are frozen before it sees them', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const map = (claims: Record<string, unknown>) => {
    ;(claims.groups as string[]).push('root')
    return {}
  }
  const { call, events } = await createTrusting(t, trusting(idp, { map: map as Option['map'] }))
  t.strictSame(summaryOf(await call(tokenOf(idp.url, rsa, { claims: { groups: ['a'] } }))), invalid)
  t.match(events(), [{ type: 'token-refused', detail: '"map" threw TypeError' }])
})

t.test("a trusted issuer's claim that is named __proto__ refuses the token, and map() is not asked", async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  let asked = 0
  const { call, events } = await createTrusting(
    t,
    trusting(idp, {
      map: () => {
        asked++
        return {}
      }
    })
  )
  for (const member of ['"__proto__":{"roles":["admin"]}', '"address":{"__proto__":{"admin":true}}']) {
    const claims = JSON.stringify({ ...goodClaims, iss: idp.url, aud: audience }).replace('{', `{${member},`)
    t.strictSame(summaryOf(await call(forge(rsa, { claims }))), invalid, member)
    t.match(events(), [{ type: 'token-refused', detail: 'a claim is named __proto__' }])
  }
  t.equal(asked, 0)
})

t.test(
  'exp, iat and nbf of a trusted issuer may have a fraction (RFC 7519 §2) and are compared to the millisecond',
  async (t) => {
    const set = { keys: [rsa.jwk] as JsonWebKey[] }
    const url = 'https://idp.example.com'
    const option = { issuer: url, audience, jwks: set, algorithms: ['RS256'] }
    const raw = (name: string, literal: string) =>
      JSON.stringify({ ...goodClaims, iss: url, aud: audience, [name]: 'literal' }).replace('"literal"', literal)
    const rows: [string, Record<string, unknown> | string, number, string][] = [
      ['exp to come', { exp: now + 1.123 }, 1122, 'accepted'],
      ['exp reached', { exp: now + 1.123 }, 1123, 'AUTH_EXPIRED_TOKEN'],
      ['iat, at the end of the tolerance', { iat: now + 5.007 }, 7, 'accepted'],
      ['iat, beyond it', { iat: now + 5.007 }, 6, 'AUTH_INVALID_TOKEN'],
      ['nbf, at the end of the tolerance', { nbf: now + 5.007 }, 7, 'accepted'],
      ['nbf, beyond it', { nbf: now + 5.007 }, 6, 'AUTH_INVALID_TOKEN'],
      ['all three', { iat: now - 0.1, nbf: now - 0.1, exp: now + 0.9 }, 0, 'accepted'],
      ['the longest lifetime', { iat: now + 0.1, exp: now + 86_400.1 }, 0, 'accepted'],
      ['a longer one', { iat: now + 0.1, exp: now + 86_400.101 }, 0, 'AUTH_INVALID_TOKEN'],
      ['no lifetime', { iat: now + 1.5, exp: now + 1.5 }, 0, 'AUTH_INVALID_TOKEN'],
      ['nbf 0', { nbf: 0 }, 0, 'accepted'],
      ...['exp', 'iat', 'nbf'].flatMap((name): typeof rows => [
        ...[null, 'x', `${now}.5`, [now], {}, true, 2 ** 53, 1e300].map((value): (typeof rows)[0] => [
          `${name} ${JSON.stringify(value)}`,
          { [name]: value },
          0,
          'AUTH_INVALID_TOKEN'
        ]),
        ...['1e400', '-1e400', '-0.5', '-1', '9007199254740993.5'].map((literal): (typeof rows)[0] => [
          `${name} ${literal}`,
          raw(name, literal),
          0,
          'AUTH_INVALID_TOKEN'
        ])
      ])
    ]
    for (const [what, claims, ms, expected] of rows) {
      const { outcome, advance } = await createVerifier([option])
      advance(ms / 1000)
      const token = typeof claims === 'string' ? forge(rsa, { claims }) : tokenOf(url, rsa, { claims })
      t.equal(await outcome(token), expected, `${what}, at ${ms} ms`)
      t.equal(await outcome(token), expected, `${what}, at ${ms} ms, again`)
    }

    // Each token is asked about more than once: what memory says of it is what the token itself says.
    const wrong: unknown[] = []
    const { outcome, advance } = await createVerifier([option])
    for (let ms = 1; ms < 1000; ms += 7) {
      const token = tokenOf(url, rsa, {
        claims: { iat: now - 1, exp: Number(`${now + 9}.${String(ms).padStart(3, '0')}`) }
      })
      const early = tokenOf(url, rsa, {
        claims: { iat: Number(`${now + 5}.${String(ms).padStart(3, '0')}`), exp: now + 600 }
      })
      const steps: [number, string, string][] = [
        [ms - 1, early, 'AUTH_INVALID_TOKEN'],
        [ms, early, 'accepted'],
        [ms - 1, early, 'AUTH_INVALID_TOKEN'],
        [9000 + ms - 1, token, 'accepted'],
        [9000 + ms - 1, token, 'accepted'],
        [9000 + ms, token, 'AUTH_EXPIRED_TOKEN']
      ]
      let at = 0
      for (const [then, text, expected] of steps) {
        advance((then - at) / 1000)
        at = then
        const found = await outcome(text)
        if (found !== expected) wrong.push([ms, then, found])
      }
      advance(-at / 1000)
    }
    t.strictSame(wrong, [], 'every seventh millisecond')
  }
)

t.test("a trusted issuer's token that expires while its keys are fetched is refused", async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const answer = idp.answers.jwks
  const { outcome, advance } = await createVerifier([trusting(idp)])
  idp.answers.jwks = (response) => {
    advance(1)
    answer(response)
  }
  t.equal(await outcome(tokenOf(idp.url, rsa, { claims: { exp: now + 1 } })), 'AUTH_EXPIRED_TOKEN')
  t.equal(await outcome(tokenOf(idp.url, rsa, { claims: { exp: now + 2 } })), 'accepted')
})

t.test("map() alone says what an issuer's claims count for; what it throws refuses the token", async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const theirs = { scope: 'notes:read', roles: ['admin'], realm_access: { roles: ['editor'] }, scp: 'notes:read' }
  const rows: [string, Option['map'] | (() => unknown), Record<string, unknown>, number, number][] = [
    ['none: nothing', undefined, theirs, 403, 403],
    ['scope', ({ scp }) => ({ scope: scp as string }), theirs, 200, 403],
    ['roles', ({ realm_access: realm }) => ({ roles: (realm as { roles: string[] }).roles }), theirs, 403, 200],
    [
      'roles that are absent',
      ({ realm_access: realm }) => ({ roles: (realm as { roles: string[] }).roles }),
      {},
      401,
      401
    ],
    [
      'a refusal',
      ({ token_use: use }) => {
        if (use !== 'access') throw new Error('no access token')
        return {}
      },
      theirs,
      401,
      401
    ],
    [
      'no Error',
      () => {
        // eslint-disable-next-line no-throw-literal -- an application may throw anything
        throw null
      },
      theirs,
      401,
      401
    ],
    ['undefined', () => undefined, theirs, 403, 403],
    ['null', () => null, theirs, 403, 403],
    ['text', () => 'notes:read', theirs, 403, 403],
    ['a promise', async () => ({ scope: 'notes:read', roles: ['editor'] }), theirs, 403, 403],
    ['ill-typed members', () => ({ scope: ['notes:read'], roles: 'editor' }), theirs, 403, 403],
    [
      'a session',
      () => ({ scope: 'notes:read', roles: ['editor'], sessionId: 'ours', claims: { sub: 'root' } }),
      theirs,
      200,
      200
    ]
  ]
  for (const [what, map, claims, scopes, roles] of rows) {
    const { app } = await createApp({
      plugin: { trustedIssuers: [trusting(idp, { map: map as Option['map'] })] },
      after: (app) => {
        app.get(
          '/scopes',
          { config: { auth: { issuers: [idp.url], scopes: ['notes:read'] } } },
          async ({ user, auth }) => [user.sub, auth?.sessionId]
        )
        app.get('/roles', { config: { auth: { issuers: [idp.url], roles: ['editor'] } } }, async ({ user, auth }) => [
          user.sub,
          auth?.sessionId
        ])
      }
    })
    for (const [url, status] of [
      ['/scopes', scopes],
      ['/roles', roles]
    ] as const) {
      const response = await app.inject({
        url,
        headers: { authorization: `Bearer ${tokenOf(idp.url, rsa, { claims: { ...claims, sid: 'theirs' } })}` }
      })
      t.equal(response.statusCode, status, `${what}: ${url}`)
      if (status === 200) t.strictSame(response.json(), ['theirs', null], `${what}: who it is, and no session`)
    }
  }
})

t.test('no request waits longer than the timeout, discovery included', async (t) => {
  const timeoutMs = 500
  const late =
    (answer: Answer): Answer =>
    (response) => {
      setTimeout(() => answer(response), 0.8 * timeoutMs)
    }
  const silent: Answer = () => {}
  const halting: Answer = (response) => {
    response.writeHead(200).write('{"keys":[')
  }
  const rows: [string, Partial<LocalIssuer['answers']>][] = [
    ['silent keys', { jwks: silent }],
    ['keys that halt', { jwks: halting }],
    ['silent discovery', { discovery: silent }],
    ['slow discovery, then silent keys', { jwks: silent }]
  ]
  for (const [what, answers] of rows) {
    const idp = await startIssuer(t, [rsa.jwk])
    if (what.startsWith('slow')) idp.answers.discovery = late(idp.answers.discovery)
    Object.assign(idp.answers, answers)
    const { outcome } = await createVerifier([trusting(idp, { jwksUri: undefined })], timeoutMs)
    const began = performance.now()
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(tokenOf(idp.url, rsa))))
    const took = performance.now() - began
    t.strictSame([...new Set(outcomes)], ['AUTH_KEYS_UNAVAILABLE'], what)
    t.ok(took >= timeoutMs - 50 && took < 1.6 * timeoutMs, `${what}: all in ${took} ms`)
    t.ok(idp.fetches.discovery === 1 && idp.fetches.jwks <= 1, `${what}: by one fetch`)
  }
})

t.test(
  'concurrent fetches are joined, and 1,000 requests with random kids cause at most one fetch a cooldown',
  async (t) => {
    const idp = await startIssuer(t, [ec.jwk])
    const { outcome, advance } = await createVerifier([trusting(idp)])
    const thousand = (make: () => string) => Array.from({ length: 1000 }, make)
    const good = thousand(() => tokenOf(idp.url, ec, { claims: { jti: randomUUID() } }))
    const random = thousand(() => tokenOf(idp.url, { ...ec, kid: randomUUID() }))
    const all = async (tokens: string[]) => [...new Set(await Promise.all(tokens.map(outcome)))]

    t.strictSame(await all(good), ['accepted'])
    t.equal(idp.fetches.jwks, 1, 'a thousand first requests')
    t.strictSame(await all(random), ['AUTH_INVALID_TOKEN'])
    t.equal(idp.fetches.jwks, 1, 'the set is new')
    advance(29.9)
    t.strictSame(await all(random), ['AUTH_INVALID_TOKEN'])
    t.equal(idp.fetches.jwks, 1, 'before the cooldown')
    advance(0.1)
    t.strictSame(await all(random), ['AUTH_INVALID_TOKEN'])
    t.equal(idp.fetches.jwks, 2, 'after the cooldown')
    for (const token of random) await outcome(token)
    t.equal(idp.fetches.jwks, 2, 'one by one')

    idp.answers.jwks = jwks(rsa.jwk, ec.jwk)
    t.equal(await outcome(tokenOf(idp.url, rsa)), 'AUTH_INVALID_TOKEN', 'a new key, within the cooldown')
    advance(30)
    t.equal(await outcome(tokenOf(idp.url, rsa)), 'accepted', 'and after it')
    t.equal(idp.fetches.jwks, 3)

    idp.answers.jwks = text('', 500)
    advance(30)
    t.strictSame(await all(random), ['AUTH_KEYS_UNAVAILABLE'], 'whether there is such a key, nobody knows')
    t.strictSame(await all(good), ['accepted'], 'what is known goes on')
    t.strictSame(await all(random), ['AUTH_KEYS_UNAVAILABLE'])
    t.equal(idp.fetches.jwks, 4, 'a failure has a cooldown')
    advance(5)
    await all(random)
    t.equal(idp.fetches.jwks, 5, 'of five seconds')
  }
)

t.test('without a set, failures have a cooldown, and the first good answer ends them', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const good = idp.answers.jwks
  idp.answers.jwks = text('', 500)
  const { outcome, advance } = await createVerifier([trusting(idp)])
  for (const [after, fetches] of [
    [0, 1],
    [0, 1],
    [4.9, 1],
    [0.1, 2],
    [5, 3]
  ] as const) {
    advance(after)
    t.equal(await outcome(tokenOf(idp.url, rsa)), 'AUTH_KEYS_UNAVAILABLE')
    t.equal(idp.fetches.jwks, fetches)
  }
  idp.answers.jwks = good
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'AUTH_KEYS_UNAVAILABLE', 'within the cooldown')
  advance(5)
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'accepted')
})

t.test('a set at hand serves while it is fetched anew, and on when the endpoint goes away: for a day', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const good = idp.answers.jwks
  const { outcome, advance } = await createVerifier([trusting(idp, { maxLifetimeSeconds: 2 * 86_400 })], 500)
  let jti = 0
  const call = () => outcome(tokenOf(idp.url, rsa, { claims: { jti: String(jti++), exp: now + 2 * 86_400 } }))
  t.equal(await call(), 'accepted')
  advance(3 * minute - 1)
  t.equal(await call(), 'accepted')
  t.equal(idp.fetches.jwks, 1, 'it is young')

  let release = (): void => {}
  const fetched = new Promise<void>((resolve) => {
    idp.answers.jwks = (response) => {
      release = () => good(response)
      resolve()
    }
  })
  advance(1)
  t.equal(await call(), 'accepted', 'nobody waits for the new one')
  await fetched
  t.equal(await call(), 'accepted')
  t.equal(idp.fetches.jwks, 2, 'which is fetched once')
  release()
  t.equal(
    await outcome(tokenOf(idp.url, { ...rsa, kid: 'unknown' })),
    'AUTH_INVALID_TOKEN',
    'who needs the new one waits for it'
  )
  t.equal(idp.fetches.jwks, 2)

  idp.close()
  advance(1)
  t.equal(await call(), 'accepted', 'the endpoint is gone')
  advance(10 * minute)
  t.equal(await call(), 'accepted', 'an old set was waited for, in vain')
  for (let hour = 0; hour < 23; hour++) {
    advance(60 * minute)
    t.equal(await call(), 'accepted', `after ${hour + 1} hours`)
  }
  advance(45 * minute)
  t.equal(await call(), 'accepted')
  advance(10 * minute)
  t.equal(await call(), 'AUTH_KEYS_UNAVAILABLE', 'after a day')
})

t.test('when the endpoint hangs, requests with a set at hand do not wait again and again', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const { outcome, advance } = await createVerifier([trusting(idp)], 300)
  let jti = 0
  const call = () => outcome(tokenOf(idp.url, rsa, { claims: { jti: String(jti++) } }))
  await call()
  idp.answers.jwks = () => {}
  advance(6 * minute)
  t.equal(await call(), 'accepted')
  t.equal(idp.fetches.jwks, 2, 'the first request after a long silence waits for the fetch')
  advance(5)
  const began = performance.now()
  t.equal(await call(), 'accepted')
  t.ok(performance.now() - began < 200, 'the next one does not')
})

t.test(
  'a key that left the set is refused 10 minutes later at most, in cached tokens too, also after a silence',
  async (t) => {
    const idp = await startIssuer(t, [rsa.jwk, ec.jwk])
    const { outcome, advance, now: elapsed } = await createVerifier([trusting(idp)])
    const tokens = [{}, { jti: 'other' }].map((claims) =>
      tokenOf(idp.url, rsa, { claims: { ...claims, exp: now + 86_400 } })
    )
    t.equal(await outcome(tokens[0]!), 'accepted')
    idp.answers.jwks = jwks(ec.jwk)
    let last = 0
    while (elapsed() < 20 * minute) {
      advance(10)
      for (const token of tokens) if ((await outcome(token)) === 'accepted') last = elapsed()
    }
    t.ok(last > 0 && last < 10 * minute, `accepted for the last time after ${last} s`)

    idp.answers.jwks = jwks(rsa.jwk, ec.jwk)
    advance(10 * minute)
    t.equal(await outcome(tokens[0]!), 'accepted')
    idp.answers.jwks = jwks(ec.jwk)
    advance(60 * minute)
    t.equal(await outcome(tokens[0]!), 'AUTH_INVALID_TOKEN', 'the old set is not asked first')
  }
)

t.test('discovered keys may move: after a failure they are looked for again', async (t) => {
  const [idp, elsewhere] = [await startIssuer(t, [rsa.jwk]), await startIssuer(t, [ec.jwk])]
  const { outcome, advance } = await createVerifier([trusting(idp, { jwksUri: undefined })])
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'accepted')
  idp.answers.discovery = json({ issuer: idp.url, jwks_uri: `${elsewhere.url}/jwks` })
  idp.answers.jwks = text('', 410)
  advance(30)
  t.equal(await outcome(tokenOf(idp.url, ec)), 'AUTH_KEYS_UNAVAILABLE')
  advance(5)
  t.equal(await outcome(tokenOf(idp.url, ec)), 'accepted')
  t.strictSame([idp.fetches.discovery, elsewhere.fetches.jwks], [2, 1])
})

t.test('a configured set needs no network', async (t) => {
  const url = 'https://idp.example.com'
  const { outcome } = await createVerifier([
    {
      issuer: url,
      audience,
      jwks: { keys: [ec.jwk, { ...rsa.jwk, use: 'enc' } as JsonWebKey] },
      algorithms: ['RS256', 'ES256']
    }
  ])
  t.equal(await outcome(tokenOf(url, ec)), 'accepted')
  t.equal(await outcome(tokenOf(url, rsa)), 'AUTH_INVALID_TOKEN')
  t.equal(await outcome(tokenOf(url, { ...ec, kid: 'else' })), 'AUTH_INVALID_TOKEN')
})

t.test('a wrong trusted issuer stops the start, and is named', async (t) => {
  const url = 'https://idp.example.com'
  const good = { issuer: url, audience, algorithms: ['RS256'] }
  const set = { keys: [rsa.jwk] }
  const asymmetric = 'must be an asymmetric signature algorithm, such as RS256'
  const rows: [string, unknown, string, string][] = [
    ['no list', good, 'trustedIssuers', 'must be a list: received an object'],
    ['no object', [url], 'trustedIssuers.0', `must be an object: received "${url}"`],
    ['no issuer', [{ audience, algorithms: ['RS256'] }], 'trustedIssuers.0.issuer', 'is missing'],
    [
      'an empty issuer',
      [{ ...good, issuer: '' }],
      'trustedIssuers.0.issuer',
      'must be a non-empty string: received ""'
    ],
    ['no audience', [{ issuer: url, algorithms: ['RS256'] }], 'trustedIssuers.0.audience', 'is missing'],
    [
      'an empty list of audiences',
      [{ ...good, audience: [] }],
      'trustedIssuers.0.audience',
      'must be a non-empty string or a list of them: received a list'
    ],
    ['no algorithms', [{ issuer: url, audience }], 'trustedIssuers.0.algorithms', 'is missing'],
    [
      'an empty list of algorithms',
      [{ ...good, algorithms: [] }],
      'trustedIssuers.0.algorithms',
      'must be a non-empty list: received a list'
    ],
    ...['HS256', 'HS384', 'HS512', 'none', 'RSA-OAEP', 'ES256K', 'constructor'].map(
      (alg): [string, unknown, string, string] => [
        alg,
        [{ ...good, algorithms: ['RS256', alg] }],
        'trustedIssuers.0.algorithms.1',
        asymmetric
      ]
    ),
    ['an unknown member', [{ ...good, jwksUrl: url }], 'trustedIssuers.0.jwksUrl', 'is not an option'],
    [
      'jwks beside jwksUri',
      [{ ...good, jwks: set, jwksUri: `${url}/jwks` }],
      'trustedIssuers.0.jwksUri',
      'must not be set together with "jwks"'
    ],
    ...[
      'http://idp.example.com/jwks',
      'ftp://idp.example.com',
      'file:///jwks.json',
      '/jwks',
      'https://',
      'https://user:word@idp.example.com/jwks',
      'https://user@idp.example.com/jwks',
      'https://:word@idp.example.com/jwks',
      'http://localhost.example.com/jwks',
      'http://127.0.0.1.example.com/jwks'
    ].map((jwksUri): [string, unknown, string, string] => [
      jwksUri,
      [{ ...good, jwksUri }],
      'trustedIssuers.0.jwksUri',
      'must be an https URL without credentials'
    ]),
    ...['http://idp.example.com', 'idp', 'https://idp.example.com?tenant=1', 'https://idp.example.com#x'].map(
      (name): [string, unknown, string, string] => [
        name,
        [{ ...good, issuer: name }],
        'trustedIssuers.0.issuer',
        'must be an https URL without query or fragment, so that its keys can be discovered, unless "jwks" or "jwksUri" is given'
      ]
    ),
    ['the own issuer', [{ ...good, issuer }], 'trustedIssuers.0.issuer', 'must be unique and differ from "issuer"'],
    [
      'one twice',
      [good, { ...good, audience: 'b' }],
      'trustedIssuers.1.issuer',
      'must be unique and differ from "issuer"'
    ],
    [
      'jwks that is no set',
      [{ ...good, jwks: [rsa.jwk] }],
      'trustedIssuers.0.jwks',
      'must be a JWK Set: received a list'
    ],
    [
      'jwks with a private key',
      [{ ...good, jwks: { keys: [rsa.jwk, rsa.privateJwk] } }],
      'trustedIssuers.0.jwks.keys',
      'must contain only public keys'
    ],
    [
      'jwks with a secret',
      [{ ...good, jwks: { keys: [rsa.jwk, { kty: 'oct', k: 'AAAA' }] } }],
      'trustedIssuers.0.jwks.keys',
      'must contain only public keys'
    ],
    [
      'jwks without a key',
      [{ ...good, jwks: { keys: [] } }],
      'trustedIssuers.0.jwks.keys',
      'has no usable key for any of "algorithms"'
    ],
    [
      'jwks with other things than keys',
      [{ ...good, jwks: { keys: [null, 7, 'x', {}] } }],
      'trustedIssuers.0.jwks.keys',
      'has no usable key for any of "algorithms"'
    ],
    [
      'jwks for another algorithm',
      [{ ...good, jwks: { keys: [ec.jwk] } }],
      'trustedIssuers.0.jwks.keys',
      'has no usable key for any of "algorithms"'
    ],
    [
      'type true',
      [{ ...good, type: true }],
      'trustedIssuers.0.type',
      'must be a type, a list of types, or false: received true'
    ],
    [
      'no lifetime',
      [{ ...good, maxLifetimeSeconds: 0 }],
      'trustedIssuers.0.maxLifetimeSeconds',
      'must be a whole number >= 1: received 0'
    ],
    ['map as an object', [{ ...good, map: {} }], 'trustedIssuers.0.map', 'must be a function: received an object']
  ]
  for (const [what, trustedIssuers, name, problem] of rows) {
    const app = fastify()
    const error = await app.register(authenticate, { issuer, secret, trustedIssuers } as never).then(
      () => null,
      (error: Error) => error
    )
    t.equal(error?.message, `Cannot register fastify-authenticate: "${name}" ${problem}`, what)
    t.ok(error instanceof TypeError, what)
  }
  for (const [what, trustedIssuers] of [
    ['discovery', [good]],
    ['an issuer that is no URL, with its keys', [{ ...good, issuer: 'accounts', jwks: set }]],
    [
      'an issuer that is no URL, with the address of its keys',
      [{ ...good, issuer: 'accounts', jwksUri: `${url}/jwks` }]
    ],
    [
      'loopback',
      [
        { ...good, issuer: 'http://127.0.0.1:9/' },
        { ...good, issuer: 'http://localhost:9' },
        { ...good, issuer: 'http://[::1]:9' }
      ]
    ]
  ] as const) {
    await t.resolves(createApp({ plugin: { trustedIssuers: trustedIssuers as never } }), what)
  }
})
