import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import t from 'tap'
import { createTestAuth } from '../../plugin/testing.ts'
import { api, bearer, login, start } from '../fixtures/tested-app.ts'
import { decode } from '../fixtures/tokens.ts'

t.test('trust() makes an application accept the tokens, with its own mapping, without a network', async (t) => {
  const auth = createTestAuth()
  const idp = auth.issuer(login)
  const map = (claims: { groups?: unknown }) => ({ scope: claims.groups === 'staff' ? 'notes:read' : undefined })
  const { get } = await start(t, { auth, trustedIssuers: [idp.trust({ audience: api, map })] })
  const now = auth.clock.now() / 1000
  const staff = await idp.token({ sub: 'bob', groups: 'staff' })
  t.match(await get('/partners', bearer(staff)), { issuer: login, user: { sub: 'bob' }, scopes: ['notes:read'] })
  t.strictSame(await get('/partners', bearer(await idp.token())), [403, 'AUTH_INSUFFICIENT_SCOPE'])
  t.strictSame(await get('/me', bearer(staff)), [401, 'AUTH_INVALID_TOKEN'], 'this route accepts our tokens only')
  const refused: [claims: Record<string, unknown>, header: Record<string, unknown>, code: string][] = [
    [{ aud: 'https://another-api.example' }, {}, 'AUTH_INVALID_TOKEN'],
    [{ exp: now }, {}, 'AUTH_EXPIRED_TOKEN'],
    [{ exp: undefined }, {}, 'AUTH_INVALID_TOKEN'],
    [{ iss: 'https://other.example.com' }, {}, 'AUTH_INVALID_TOKEN'],
    [{}, { typ: 'JWT' }, 'AUTH_INVALID_TOKEN'],
    [{}, { kid: 'unknown' }, 'AUTH_INVALID_TOKEN'],
    [{}, { alg: 'none' }, 'AUTH_INVALID_TOKEN']
  ]
  for (const [claims, header, code] of refused) {
    const token = await idp.token({ groups: 'staff', ...claims }, header)
    t.strictSame(await get('/partners', bearer(token)), [401, code], JSON.stringify([claims, header]))
  }
  auth.clock.advance(600)
  t.strictSame(await get('/partners', bearer(staff)), [401, 'AUTH_EXPIRED_TOKEN'], 'by the clock of the kit')
  t.match(await get('/partners', bearer(await idp.token({ groups: 'staff' }))), { issuer: login })
})

t.test('trust() takes over the entry that the application has', async (t) => {
  const auth = createTestAuth()
  const entry = {
    issuer: login,
    audience: 'client-1',
    audienceClaim: 'client_id',
    algorithms: ['RS256', 'PS256'],
    type: ['JWT', 'jwt'],
    maxLifetimeSeconds: 60,
    jwksUri: `${login}/keys`,
    map: () => ({ scope: 'notes:read' })
  }
  const idp = auth.issuer(login, { algorithm: 'RS256' })
  const { jwksUri, ...others } = entry
  const { fetch, ...trusted } = idp.trust(entry)
  t.strictSame(trusted, others)
  t.type(fetch, 'function')
  const { get } = await start(t, { auth, trustedIssuers: [{ ...trusted, fetch }] })
  const token = await idp.token()
  const now = auth.clock.now() / 1000
  t.match(decode(token, 0), { alg: 'RS256', typ: 'JWT' })
  const { jti, ...claims } = decode(token, 1)
  t.strictSame(claims, { iss: login, sub: 'alice', client_id: 'client-1', iat: now, exp: now + 60 })
  t.match(await get('/partners', bearer(token)), { issuer: login, scopes: ['notes:read'] })

  t.equal(idp.trust({ audience: ['a', 'b'], jwks: { keys: [] } }).jwks, undefined)
  t.match(decode(await idp.token(), 1), { aud: ['a', 'b'], client_id: 'test-client' })
  t.throws(() => idp.trust({ ...entry, issuer: api }), {
    message: `"issuer" must be ${login}, this issuer: received ${api}`
  })
  t.throws(() => idp.trust({ ...entry, algorithms: ['ES256', 'PS256'] }), {
    name: 'TypeError',
    message:
      '"algorithms" must include "RS256", the algorithm of this issuer: received ES256, PS256. Or choose another by ' +
      "issuer(url, { algorithm: 'ES256' })"
  })
})

t.test('trust() also serves a function trustedIssuers, for tenants', async (t) => {
  const auth = createTestAuth()
  const urls = ['https://one.example.com/', 'https://two.example.com/tenant']
  const trustedIssuers = async (issuer: string) =>
    urls.includes(issuer) ? auth.issuer(issuer).trust({ audience: api, map: () => ({ scope: 'notes:read' }) }) : null
  const { get } = await start(t, { auth, trustedIssuers })
  for (const url of urls) {
    const token = await auth.issuer(url).token({ aud: api })
    t.match(await get('/partners', bearer(token)), { issuer: url }, url)
  }
  const { kid } = decode(await auth.issuer(urls[0]!).token(), 0)
  const forged = await auth.issuer(urls[1]!).token({ iss: urls[0], aud: api }, { kid })
  t.strictSame(await get('/partners', bearer(forged)), [401, 'AUTH_INVALID_TOKEN'], 'each has a key of its own')
  const stranger = await auth.issuer('https://three.example.com').token({ aud: api })
  t.strictSame(await get('/partners', bearer(stranger)), [401, 'AUTH_INVALID_TOKEN'])
})

t.test('issuer() is the same for the same URL, with one asymmetric algorithm', async (t) => {
  const { issuer } = createTestAuth()
  t.equal(issuer(login), issuer(login))
  t.equal(issuer(login, { algorithm: 'ES256' }), issuer(login))
  t.not(issuer(`${login}/`), issuer(login))
  t.throws(() => issuer(login, { algorithm: 'RS256' }), {
    name: 'TypeError',
    message: '"algorithm" must be ES256, as in the first call: received RS256'
  })
  for (const algorithm of ['HS256', 'none', 'rs256', '']) {
    const names = 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519'
    const message = `"algorithm" must be one of ${names}: received ${algorithm}`
    t.throws(() => issuer('https://a.example', { algorithm }), { name: 'TypeError', message })
  }
  t.throws(() => issuer(login, { alg: 'RS256' } as never), { message: 'unknown member "alg": expected algorithm' })
})

t.test('fetch() serves discovery and keys as OpenID and RFC 8414 say, and nothing else', async (t) => {
  for (const [url, documents] of [
    [login, ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']],
    [`${login}/`, ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']],
    [`${login}/t`, ['/t/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/t']]
  ] as const) {
    const { fetch, jwksUri, jwks } = createTestAuth().issuer(url)
    for (const path of documents) {
      const response = await fetch(new URL(path, login))
      t.match(response.headers.get('content-type'), /^application\/json/)
      const base = url.replace(/\/$/, '')
      t.strictSame(await response.json(), {
        issuer: url,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        jwks_uri: `${base}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256']
      })
      t.equal(jwksUri, `${base}/jwks`)
    }
    for (const request of [jwksUri, new URL(jwksUri), new Request(jwksUri)]) {
      t.strictSame(await (await fetch(request)).json(), await jwks())
    }
    t.strictSame(Object.keys((await jwks()).keys[0]!).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    for (const path of ['/', '/authorize', '/.well-known/jwks.json']) {
      t.equal((await fetch(new URL(path, login))).status, 404, path)
    }
    t.equal((await fetch('https://other.example.com/.well-known/openid-configuration')).status, 404)
  }
})

t.test('jose accepts the tokens of every algorithm, through its customFetch', async (t) => {
  const auth = createTestAuth()
  for (const algorithm of ['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519']) {
    const idp = auth.issuer(`${login}/${algorithm}`, { algorithm })
    const keys = createRemoteJWKSet(new URL(idp.jwksUri), { [customFetch]: idp.fetch })
    const terms = { issuer: idp.issuer, audience: api, typ: 'at+jwt', currentDate: new Date(auth.clock.now()) }
    const { payload, protectedHeader } = await jwtVerify(await idp.token({ aud: api, sub: 'bob' }), keys, terms)
    t.match(payload, { iss: idp.issuer, sub: 'bob', aud: api })
    t.equal(protectedHeader.alg, algorithm)
    const forged = await auth.issuer('https://other.example.com', { algorithm: 'ES256' }).token({ iss: idp.issuer })
    await t.rejects(jwtVerify(forged, keys, terms), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  }
})
