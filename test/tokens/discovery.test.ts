import t from 'tap'
import {
  audience,
  createVerifier,
  json,
  jwks,
  listen,
  makeKey,
  startIssuer,
  text,
  tokenOf,
  type Respond
} from '../fixtures/issuer.ts'
import { accepted, createTrusting, present, trusting, unavailable } from '../fixtures/trusting-app.ts'

// Many small servers need more time on a busy machine.
t.setTimeout(600_000)

const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')

t.test('discoverJwksUri() rejects a document of another issuer or with an unsafe jwks_uri with 503', async (t) => {
  const rows: [string, (url: string) => Respond, RegExp][] = [
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
    ['a jwks_uri that is not a string', (url) => json({ issuer: url, jwks_uri: [`${url}/jwks`] }), /not an https URL/]
  ]
  for (const [what, respond, detail] of rows) {
    const idp = await startIssuer(t, [rsa.jwk])
    idp.responses.discovery = respond(idp.url)
    await present(t, idp, {
      option: trusting(idp, { jwksUri: undefined }),
      token: tokenOf(idp.url, rsa),
      expected: unavailable,
      detail,
      what
    })
    t.strictSame([idp.fetches.jwks, idp.fetches.elsewhere], [0, 0], `${what}: led nowhere`)
  }
  const idp = await startIssuer(t, [rsa.jwk])
  await present(t, idp, {
    option: trusting(idp, { jwksUri: undefined }),
    token: tokenOf(idp.url, rsa),
    expected: accepted,
    what: 'its own'
  })
  t.strictSame(idp.fetches, { discovery: 1, metadata: 0, jwks: 1, elsewhere: 0 })
})

t.test('discoverJwksUri() falls back to the metadata of RFC 8414, before the path of the issuer', async (t) => {
  const document = (issuer: string, more = {}) => json({ issuer, jwks_uri: `${new URL(issuer).origin}/jwks`, ...more })
  const rows: [string, string, (issuer: string) => Respond, (issuer: string) => Respond, RegExp | null][] = [
    ['a service without OpenID Connect', '', () => text('', 404), document, null],
    ['a service below a path', '/tenant/one', () => text('', 404), document, null],
    ['with a slash at the end', '/tenant/one/', () => text('', 404), document, null],
    ['a page in place of the first document', '', () => text('<html>'), document, null],
    ['a first document that names another issuer', '', () => document('http://127.0.0.1/x'), document, null],
    ['neither', '', () => text('', 404), () => text('', 410), /unexpected status 404; unexpected status 410/],
    ['both the same', '', () => text('', 404), () => text('', 404), /: unexpected status 404$/],
    ['a second document of another issuer', '', () => text('', 404), (url) => document(`${url}/x`), /another issuer/],
    [
      'a second document with unsafe keys',
      '',
      () => text('', 404),
      (url) => document(url, { jwks_uri: 'http://keys.example.com' }),
      /not an https URL/
    ]
  ]
  for (const [what, path, first, second, detail] of rows) {
    const paths: string[] = []
    const responses: Record<string, Respond> = { '/jwks': jwks(rsa.jwk) }
    const { url } = await listen(t, ({ url }, response) => {
      paths.push(url!)
      responses[url!]!(response)
    })
    const issuer = `${url}${path}`
    const [one, two] = [
      `${path.replace(/\/$/, '')}/.well-known/openid-configuration`,
      `/.well-known/oauth-authorization-server${path.replace(/\/$/, '')}`
    ]
    Object.assign(responses, { [one]: first(issuer), [two]: second(issuer) })
    const { call, events } = await createTrusting(t, { issuer, audience, algorithms: ['RS256'] })
    t.equal((await call(tokenOf(issuer, rsa))).statusCode, detail === null ? 200 : 503, what)
    t.strictSame(paths, detail === null ? [one, two, '/jwks'] : [one, two], `${what}: the requests`)
    t.match(events(), detail === null ? [] : [{ detail }], what)
  }
})

t.test('discoverJwksUri() accepts http for an issuer in a cluster only with allowInsecureRequests', async (t) => {
  const url = 'http://keycloak:8080/realms/main'
  const asked: string[] = []
  const answer = async (what: string) => {
    asked.push(what)
    return Response.json(
      what.endsWith('configuration') ? { issuer: url, jwks_uri: `${url}/certs` } : { keys: [rsa.jwk] }
    )
  }
  t.intercept(globalThis, 'fetch', { value: answer })
  const { outcome } = await createVerifier([
    { issuer: url, audience, algorithms: ['RS256'], allowInsecureRequests: true }
  ])
  t.equal(await outcome(tokenOf(url, rsa)), 'accepted')
  t.strictSame(asked, [`${url}/.well-known/openid-configuration`, `${url}/certs`])
})

t.test('discoverJwksUri() does not let a remote issuer point to this machine', async (t) => {
  const url = 'https://idp.example.com'
  const asked: string[] = []
  const fetchNothing = async (what: string) => {
    asked.push(what)
    return Response.json({ issuer: url, jwks_uri: 'http://127.0.0.1:9/jwks' })
  }
  t.intercept(globalThis, 'fetch', { value: fetchNothing })
  const { outcome } = await createVerifier([{ issuer: url, audience, algorithms: ['RS256'] }])
  t.equal(await outcome(tokenOf(url, rsa)), 'AUTH_KEYS_UNAVAILABLE')
  t.strictSame(asked, [`${url}/.well-known/openid-configuration`, `${url}/.well-known/oauth-authorization-server`])
})

t.test('RemoteKeys discovers the location of the keys again after a failure', async (t) => {
  const [idp, elsewhere] = [await startIssuer(t, [rsa.jwk]), await startIssuer(t, [ec.jwk])]
  const { outcome, advance } = await createVerifier([trusting(idp, { jwksUri: undefined })])
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'accepted')
  idp.responses.discovery = json({ issuer: idp.url, jwks_uri: `${elsewhere.url}/jwks` })
  idp.responses.jwks = text('', 410)
  advance(30)
  t.equal(await outcome(tokenOf(idp.url, ec)), 'AUTH_KEYS_UNAVAILABLE')
  advance(5)
  t.equal(await outcome(tokenOf(idp.url, ec)), 'accepted')
  t.strictSame([idp.fetches.discovery, elsewhere.fetches.jwks], [2, 1])
})
