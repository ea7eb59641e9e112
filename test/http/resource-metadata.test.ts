import fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { createResourceApp, idp, mcp, trustedFor } from '../fixtures/resources.ts'

const root = '/.well-known/oauth-protected-resource'
const content = { resource: mcp, authorization_servers: [idp], bearer_methods_supported: ['header'] }

const seen = ({ statusCode, headers, body }: LightMyRequestResponse) => ({
  status: statusCode,
  type: headers['content-type'],
  origin: headers['access-control-allow-origin'],
  cache: headers['cache-control'],
  body: body && JSON.parse(body)
})
const served = (body: object) => ({
  status: 200,
  type: 'application/json; charset=utf-8',
  origin: '*',
  cache: 'public, max-age=300',
  body
})

t.test('serveResourceMetadata() serves the metadata of RFC 9728 §2 to everybody', async (t) => {
  const { app } = await createResourceApp({ plugin: { protect: 'all' } })
  t.strictSame(seen(await app.inject(`${root}/mcp`)), served(content))
  t.strictSame(seen(await app.inject(root)), served(content), 'the root form, of the only resource')
  const head = await app.inject({ method: 'HEAD', url: `${root}/mcp` })
  t.strictSame([head.statusCode, head.body, head.headers['access-control-allow-origin']], [200, '', '*'])
  t.equal((await app.inject(`${root}/mcpx`)).statusCode, 404)
  t.equal((await app.inject({ method: 'POST', url: `${root}/mcp` })).statusCode, 404)
})

t.test('serveResourceMetadata() lets scripts of other origins send the headers of their protocol', async (t) => {
  const { app } = await createResourceApp({ plugin: { protect: 'all' } })
  const { statusCode, headers } = await app.inject({
    method: 'OPTIONS',
    url: `${root}/mcp`,
    headers: {
      origin: 'https://inspector.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'mcp-protocol-version'
    }
  })
  t.equal(statusCode, 204)
  t.match(headers, {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, HEAD',
    'access-control-allow-headers': '*',
    'access-control-max-age': '300'
  })
})

t.test('serveResourceMetadata() shows every member that the application gave', async (t) => {
  const { app } = await createResourceApp({
    plugin: {
      resources: [
        {
          url: mcp,
          scopes: ['notes:read', 'notes:write'],
          authorizationServers: ['https://login.example.com/tenant', 'http://localhost:4000'],
          name: 'Notes',
          documentation: 'https://example.com/docs'
        }
      ]
    }
  })
  t.strictSame((await app.inject(root)).json(), {
    resource: mcp,
    authorization_servers: ['https://login.example.com/tenant', 'http://localhost:4000'],
    scopes_supported: ['notes:read', 'notes:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Notes',
    resource_documentation: 'https://example.com/docs'
  })
})

t.test('serveResourceMetadata() serves each resource at its own path', async (t) => {
  const at = async (app: FastifyInstance, url: string) => {
    const response = await app.inject(url)
    return response.statusCode === 200 ? response.json().resource : response.statusCode
  }
  const rows: [urls: string[], Record<string, string | number>, what?: string][] = [
    [['https://api.example.com/a', 'https://api.example.com/b'], { a: 'https://api.example.com/a' }],
    [['https://api.example.com/a', 'https://api.example.com/b'], { '': 404 }, 'no root form of two'],
    [['https://api.example.com/a', 'https://api.example.com'], { '': 'https://api.example.com' }],
    [['https://api.example.com/a/'], { 'a/': 'https://api.example.com/a/', a: 'https://api.example.com/a/' }],
    [['https://api.example.com/a:b/c'], { 'a:b/c': 'https://api.example.com/a:b/c', 'axb/c': 404 }],
    [['https://api.example.com/caf%C3%A9'], { 'caf%C3%A9': 'https://api.example.com/caf%C3%A9' }],
    [['http://localhost:3000/mcp'], { mcp: 'http://localhost:3000/mcp' }]
  ]
  for (const [urls, expected, what = ''] of rows) {
    const { app } = await createResourceApp({ urls })
    for (const [path, resource] of Object.entries(expected)) {
      t.equal(await at(app, path === '' ? root : `${root}/${path}`), resource, `${urls} at "${path}" ${what}`)
    }
  }
  const { app } = await createResourceApp({
    urls: ['https://api.example.com/a/'],
    server: { routerOptions: { ignoreTrailingSlash: true } }
  })
  t.equal(await at(app, `${root}/a`), 'https://api.example.com/a/', 'where slashes are ignored, one route is enough')
})

t.test('serveResourceMetadata() adds its routes at the root when the plugin is under a prefix', async (t) => {
  const outer = fastify()
  t.teardown(() => outer.close())
  for (const prefix of ['/a', '/b']) {
    const url = `https://api.example.com${prefix}/mcp`
    outer.register(
      async (scope) => {
        await scope.register(authenticate, {
          issuer: `${issuer}${prefix}`,
          secret,
          cookies: false,
          protect: 'all',
          trustedIssuers: [trustedFor(url)],
          resources: [{ url }]
        })
        scope.get('/mcp', async () => 'ok')
      },
      { prefix }
    )
  }
  await outer.ready()
  for (const prefix of ['/a', '/b']) {
    t.equal((await outer.inject(`${root}${prefix}/mcp`)).json().resource, `https://api.example.com${prefix}/mcp`)
    t.equal(
      (await outer.inject(`${prefix}/mcp`)).headers['www-authenticate'],
      `Bearer realm="${issuer}${prefix}", ` +
        `resource_metadata="https://api.example.com/.well-known/oauth-protected-resource${prefix}/mcp"`
    )
  }
  t.equal((await outer.inject(root)).json().resource, 'https://api.example.com/a/mcp', 'the root form is the first one')
})
