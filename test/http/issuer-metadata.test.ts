import { generateKeyPairSync } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import authenticate, { type AuthenticateOptions } from '../../plugin/index.ts'
import { createApp, issuer, secret } from '../fixtures/app.ts'
import { freePort } from '../fixtures/free-port.ts'
import { rejects } from '../fixtures/rejected-options.ts'

const keys = [{ key: generateKeyPairSync('ed25519').privateKey }]
const contentOf = (issuer: string, jwksUri: string) => ({
  issuer,
  jwks_uri: jwksUri,
  response_types_supported: [],
  grant_types_supported: []
})

t.test(
  'serveIssuerMetadata() serves the metadata of RFC 8414 to everybody, and nothing without the option',
  async (t) => {
    const { app } = await createApp({ plugin: { keys, protect: 'all', metadata: {} } })
    const response = await app.inject('/.well-known/oauth-authorization-server')
    t.strictSame(
      [
        response.statusCode,
        response.headers['content-type'],
        response.headers['cache-control'],
        response.headers['access-control-allow-origin'],
        response.json()
      ],
      [
        200,
        'application/json; charset=utf-8',
        'public, max-age=300',
        '*',
        contentOf(issuer, `${issuer}/.well-known/jwks.json`)
      ]
    )
    t.equal((await app.inject('/.well-known/openid-configuration')).statusCode, 404)
    for (const metadata of [undefined, false] as const) {
      const { app } = await createApp({ plugin: { keys, metadata } })
      t.equal((await app.inject('/.well-known/oauth-authorization-server')).statusCode, 404)
    }
  }
)

t.test('serveIssuerMetadata() inserts the name before the path of the issuer, or appends it for OpenID', async (t) => {
  const rows: [issuer: string, oauth: string, openid: string][] = [
    ['https://a.example', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'],
    ['https://a.example/', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'],
    ['http://auth:8080/x', '/.well-known/oauth-authorization-server/x', '/x/.well-known/openid-configuration'],
    ['https://a.example/x/y/', '/.well-known/oauth-authorization-server/x/y', '/x/y/.well-known/openid-configuration'],
    ['https://a.example/a:b', '/.well-known/oauth-authorization-server/a:b', '/a:b/.well-known/openid-configuration']
  ]
  for (const [issuer, oauth, openid] of rows) {
    const plugin: Partial<AuthenticateOptions> = {
      issuer,
      keys,
      metadata: { openidConfiguration: true },
      jwks: { path: '/keys' }
    }
    const { app } = await createApp({ plugin })
    const content = contentOf(issuer, `${new URL(issuer).origin}/keys`)
    t.strictSame((await app.inject(oauth)).json(), content, `${issuer}: RFC 8414`)
    t.strictSame((await app.inject(openid)).json(), content, `${issuer}: OpenID Connect Discovery`)
  }
})

t.test('serveIssuerMetadata() names the keys below the prefix, and adds its routes at the root', async (t) => {
  const outer = fastify()
  t.teardown(() => outer.close())
  await outer.register(
    async (scope) => {
      const metadata = { openidConfiguration: true }
      await scope.register(authenticate, { issuer: `${issuer}/auth`, secret, keys, metadata })
    },
    { prefix: '/auth' }
  )
  const content = contentOf(`${issuer}/auth`, `${issuer}/auth/.well-known/jwks.json`)
  t.strictSame((await outer.inject('/.well-known/oauth-authorization-server/auth')).json(), content)
  t.strictSame((await outer.inject('/auth/.well-known/openid-configuration')).json(), content)
  t.equal((await outer.inject('/auth/.well-known/jwks.json')).json().keys.length, 1)
})

t.test('serveIssuerMetadata() stops the start if there is nothing to describe', async (t) => {
  const url = 'requires an "issuer" that is an http or https URL without query and fragment: it is'
  const rows: [what: string, options: Record<string, unknown>, problem: string][] = [
    ['a name', { issuer: 'my service', keys }, `${url} "my service"`],
    ['another scheme', { issuer: 'urn:example:api', keys }, `${url} "urn:example:api"`],
    ['a query', { issuer: 'https://a.b/?c', keys }, `${url} "https://a.b/?c"`],
    ['a fragment', { issuer: 'https://a.b/#c', keys }, `${url} "https://a.b/#c"`],
    ...['https://a.b/%FF', 'https://a.b/c%2Fd', 'https://a.b/*'].map(
      (issuer): [string, Record<string, unknown>, string] => [
        'a path that no route can have',
        { issuer, keys },
        `requires an "issuer" whose path is UTF-8, without "*" and encoded reserved characters: it is "${issuer}"`
      ]
    ),
    ['no route of keys', { keys, jwks: false }, 'requires the route of the public keys: "jwks" must not be false'],
    ['only a secret', {}, 'requires public keys: "keys" has no asymmetric key']
  ]
  for (const [what, options, problem] of rows) {
    await rejects(t, { what, options: { metadata: {}, ...options }, name: 'metadata', problem })
  }
})

t.test('two services with this plugin trust each other by issuer alone, at the root or under a prefix', async (t) => {
  const ports = [await freePort(), await freePort()]
  const [first, second] = [`http://127.0.0.1:${ports[0]}`, `http://127.0.0.1:${ports[1]}/auth`]

  async function start(own: string, other: string) {
    const { port, pathname } = new URL(own)
    const app = fastify()
    t.teardown(() => app.close())
    const service = async (scope: FastifyInstance) => {
      await scope.register(authenticate, {
        issuer: own,
        secret,
        keys: [{ key: generateKeyPairSync('ed25519').privateKey }],
        metadata: {},
        trustedIssuers: [{ issuer: other, audience: own, algorithms: ['EdDSA'] }]
      })
      scope.get('/theirs', { config: { auth: { issuers: [other] } } }, async ({ user }) => user.sub)
      scope.get('/token', async () => await scope.accessTokens.sign({ sub: own, audience: other }))
    }
    app.register(service, pathname === '/' ? {} : { prefix: pathname })
    await app.listen({ port: Number(port), host: '127.0.0.1' })
  }
  await Promise.all([start(first, second), start(second, first)])

  const get = async (url: string, token = '') => {
    const response = await fetch(url, { headers: token === '' ? {} : { authorization: `Bearer ${token}` } })
    return [response.status, await response.text()] as const
  }
  for (const [from, to] of [
    [first, second],
    [second, first]
  ] as const) {
    const [, token] = await get(`${from}/token`)
    t.strictSame(await get(`${to}/theirs`, token), [200, from], `${from} calls ${to}`)
    t.equal((await get(`${from}/theirs`, token))[0], 401, 'the token is of no use at home')
  }
})
