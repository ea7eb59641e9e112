import type { JsonWebKey } from 'node:crypto'
import fastify from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { challenges, createApp, issuer, secret, summaryOf } from '../fixtures/app.ts'
import { audience, createVerifier, makeKey, startIssuer, tokenOf } from '../fixtures/issuer.ts'
import { forge, goodClaims, now } from '../fixtures/tokens.ts'
import { accepted, createTrusting, invalid, trusting, type TrustedIssuer } from '../fixtures/trusting-app.ts'

const rsa = makeKey('RS256', 'rsa')
const other = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')

t.test("createTrustedIssuers() checks a token like a local one, by the issuer's own policy", async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const rows: [string, Partial<TrustedIssuer>, Parameters<typeof tokenOf>[2], number, string | null][] = [
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
    ['typ JWT, if it is accepted', { type: ['at+jwt', 'JWT'] }, { header: { typ: 'JWT' } }, 200, null],
    ['no typ, if any is accepted', { type: false }, { header: { typ: undefined } }, 200, null],
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

t.test('no issuer can sign for another, and routes reject tokens of issuers that they do not name', async (t) => {
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

t.test('verify() checks the issuers and requirements of each caller, also for a cached token', async (t) => {
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

t.test('verify() rejects wrong, optional or undefined requirements before it reads the token', async (t) => {
  const { app } = await createApp()
  const verify = app.accessTokens.verify as (...given: unknown[]) => Promise<unknown>
  const token = await app.accessTokens.sign({ sub: 'robot' })
  const isUndefined = (name: string) => `"${name}" is undefined: give it a value, or leave it out`
  const optional = 'unknown member "optional": expected scopes, roles, issuers, acr, maxAgeSeconds or audience'
  const rows: [unknown, string][] = [
    [undefined, isUndefined('needs')],
    ...['scopes', 'roles', 'issuers'].map((name): [unknown, string] => [{ [name]: undefined }, isUndefined(name)]),
    ...[true, false, undefined].map((value): [unknown, string] => [{ optional: value }, optional]),
    [{ scopes: [] }, '"scopes" must be a non-empty list of scope tokens (RFC 6749 §3.3)'],
    [{ scope: 'a' }, 'unknown member "scope": expected scopes, roles, issuers, acr, maxAgeSeconds or audience'],
    ['notes:read', "\"needs\" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }"]
  ]
  for (const [needs, message] of rows) {
    for (const text of [token, 'no token']) {
      await t.rejects(verify(text, needs), { name: 'TypeError', message }, JSON.stringify(needs))
    }
  }
  for (const needs of [[], [true], [{}]]) t.match(await verify(token, ...needs), { sub: 'robot' })
})

t.test('externalAccessToken() rejects a claim named __proto__ before it calls `map`', async (t) => {
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

t.test('exp, iat and nbf of an external issuer may have a fraction and are compared to the millisecond', async (t) => {
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

  // Each token is verified more than once, so that a cached one must have the same outcome.
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
})

t.test("check() rejects a token that expires while its issuer's keys are fetched", async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const respond = idp.responses.jwks
  const { outcome, advance } = await createVerifier([trusting(idp)])
  idp.responses.jwks = (response) => {
    advance(1)
    respond(response)
  }
  t.equal(await outcome(tokenOf(idp.url, rsa, { claims: { exp: now + 1 } })), 'AUTH_EXPIRED_TOKEN')
  t.equal(await outcome(tokenOf(idp.url, rsa, { claims: { exp: now + 2 } })), 'accepted')
})

t.test('createTrustedIssuers() needs no network for a configured key set', async (t) => {
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

t.test('createTrustedIssuers() reads members that an option inherits', async (t) => {
  const url = 'https://idp.example.com'
  const shared = { jwks: { keys: [ec.jwk as JsonWebKey] }, type: 'JWT', maxLifetimeSeconds: 10 }
  const option = Object.assign(Object.create(shared), { issuer: url, audience, algorithms: ['ES256'] })
  const { outcome } = await createVerifier([option])
  const token = (typ: string, lifetime: number) =>
    tokenOf(url, ec, { header: { typ }, claims: { exp: now + lifetime } })
  t.equal(await outcome(token('JWT', 10)), 'accepted')
  t.equal(await outcome(token('at+jwt', 10)), 'AUTH_INVALID_TOKEN')
  t.equal(await outcome(token('JWT', 11)), 'AUTH_INVALID_TOKEN')
})

t.test('createTrustedIssuers() rejects a wrong option at start and names it', async (t) => {
  const url = 'https://idp.example.com'
  const good = { issuer: url, audience, algorithms: ['RS256'] }
  const set = { keys: [rsa.jwk] }
  const nonEmpty = 'must be a non-empty string: received'
  const asymmetric = 'must be an asymmetric signature algorithm, such as RS256'
  const rows: [string, unknown, string, string][] = [
    ['no list', good, 'trustedIssuers', 'must be a list or a function: received an object'],
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
      'jwks together with jwksUri',
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
      'must be an https URL without credentials, or an http URL with "allowInsecureRequests"'
    ]),
    ...['http://idp.example.com', 'idp', 'https://idp.example.com?tenant=1', 'https://idp.example.com#x'].map(
      (name): [string, unknown, string, string] => [
        name,
        [{ ...good, issuer: name }],
        'trustedIssuers.0.issuer',
        'must be an https URL without query or fragment, so that its keys can be discovered. ' +
          'For http, set "allowInsecureRequests"; for another name, give "jwksUri" or "jwks"'
      ]
    ),
    [
      'the name of all',
      [{ ...good, issuer: 'trusted', jwks: { keys: [rsa.jwk] }, jwksUri: undefined }],
      'trustedIssuers.0.issuer',
      'must not be "trusted", which has a meaning in `issuers`'
    ],
    ['the own issuer', [{ ...good, issuer }], 'trustedIssuers.0.issuer', 'must be unique and differ from "issuer"'],
    [
      'one twice',
      [good, { ...good, audience: 'b' }],
      'trustedIssuers.1.issuer',
      'must be unique and differ from "issuer"'
    ],
    [
      'jwks that is not a set',
      [{ ...good, jwks: [rsa.jwk] }],
      'trustedIssuers.0.jwks',
      'must be a JWK Set or a function that returns one: received a list'
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
    ['an empty audienceClaim', [{ ...good, audienceClaim: '' }], 'trustedIssuers.0.audienceClaim', `${nonEmpty} ""`],
    ...['iss', 'sub', 'exp', 'scope'].map((claim): [string, unknown, string, string] => [
      `the audience in ${claim}, which every token has`,
      [{ ...good, audienceClaim: claim }],
      'trustedIssuers.0.audienceClaim',
      `must hold an audience: received "${claim}"`
    ]),
    [
      'fetch as an object',
      [{ ...good, fetch: {} }],
      'trustedIssuers.0.fetch',
      'must be a function: received an object'
    ],
    [
      'allowInsecureRequests as a text',
      [{ ...good, allowInsecureRequests: 'true' }],
      'trustedIssuers.0.allowInsecureRequests',
      'must be true or false: received "true"'
    ],
    ...Object.entries({ fetch, allowInsecureRequests: true }).map(
      ([member, value]): [string, unknown, string, string] => [
        `${member} although nothing is fetched`,
        [{ ...good, jwks: set, [member]: value }],
        `trustedIssuers.0.${member}`,
        'must not be set together with "jwks"'
      ]
    ),
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
    ['an issuer that is not a URL, with its keys', [{ ...good, issuer: 'accounts', jwks: set }]],
    [
      'an issuer that is not a URL, with the address of its keys',
      [{ ...good, issuer: 'accounts', jwksUri: `${url}/jwks` }]
    ],
    [
      'plain http in a cluster',
      [
        { ...good, issuer: 'http://keycloak:8080/realms/main', allowInsecureRequests: true },
        { ...good, issuer: 'accounts', jwksUri: 'http://keycloak:8080/certs', allowInsecureRequests: true }
      ]
    ],
    ['a function for its keys', [{ ...good, issuer: 'accounts', jwks: async () => set }]],
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

t.test('the start warns once of issuers that may be reached over plain http, and only of them', async (t) => {
  const good = { audience, algorithms: ['RS256'] }
  const trustedIssuers = [
    { ...good, issuer: 'http://keycloak:8080/realms/one', allowInsecureRequests: true },
    { ...good, issuer: 'https://idp.example.com', allowInsecureRequests: false },
    { ...good, issuer: 'http://keycloak:8080/realms/two', allowInsecureRequests: true }
  ]
  const { warnings } = await createApp({ plugin: { trustedIssuers } })
  t.strictSame(warnings(), [
    'The keys of http://keycloak:8080/realms/one, http://keycloak:8080/realms/two may be fetched over plain http ' +
      '("allowInsecureRequests"): anyone on the network between can replace them'
  ])
})

t.test('audienceClaim names the claim that holds the audience, and an aud that is present must fit too', async (t) => {
  const url = 'https://idp.example.com'
  const option = (audienceClaim: string): TrustedIssuer => ({
    issuer: url,
    audience: ['client', audience],
    audienceClaim,
    jwks: { keys: [ec.jwk] },
    algorithms: ['ES256']
  })
  const rows: [string, string, Record<string, unknown>, string | null][] = [
    ['Cognito', 'client_id', { aud: undefined, client_id: 'client' }, null],
    ['Clerk', 'azp', { aud: undefined, azp: 'client' }, null],
    ['a list', 'azp', { aud: undefined, azp: ['x', 'client'] }, null],
    ['with an aud that fits', 'client_id', { aud: [audience, 'x'], client_id: 'client' }, null],
    ["another API's token for our client", 'client_id', { aud: 'https://else', client_id: 'client' }, 'aud'],
    ["another API's token, its aud null", 'client_id', { aud: null, client_id: 'client' }, 'aud'],
    ["another client's token", 'client_id', { aud: undefined, client_id: 'other' }, 'client_id'],
    ["another client's token for this API", 'client_id', { aud: audience, client_id: 'other' }, 'client_id'],
    ['an ID token, which has no client_id', 'client_id', { aud: 'client' }, 'client_id'],
    ['the client in another claim', 'azp', { aud: undefined, client_id: 'client' }, 'azp'],
    ['an object', 'azp', { aud: undefined, azp: { client: true } }, 'azp'],
    ['only aud', 'aud', { aud: audience, azp: 'other' }, null],
    ['only azp', 'aud', { aud: undefined, azp: 'client' }, 'aud']
  ]
  for (const [what, audienceClaim, claims, wrong] of rows) {
    const { call, events } = await createTrusting(t, option(audienceClaim))
    t.strictSame(summaryOf(await call(tokenOf(url, ec, { claims }))), wrong === null ? accepted : invalid, what)
    const refused = { type: 'token-refused', detail: `${wrong} must name an accepted audience` }
    t.match(events(), wrong === null ? [] : [refused], what)
  }
})
