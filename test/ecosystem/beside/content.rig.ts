// Plugins that read bodies, send files and pages, pass requests on, keep connections open, and describe routes.
import httpProxy from '@fastify/http-proxy'
import multipart from '@fastify/multipart'
import staticFiles from '@fastify/static'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import view from '@fastify/view'
import websocket from '@fastify/websocket'
import ejs from 'ejs'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { beside } from './beside.ts'

const root = mkdtempSync(join(tmpdir(), 'beside-'))
t.teardown(() => rmSync(root, { recursive: true }))
writeFileSync(join(root, 'index.html'), '<h1>Hello</h1>')
writeFileSync(join(root, 'report.pdf'), 'the report')
writeFileSync(join(root, 'page.ejs'), '<h1>Hello <%= user ? user.sub : "nobody" %></h1>')

async function listen(app: FastifyInstance): Promise<number> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

beside(
  '@fastify/static',
  {
    does: 'serves files to users only, and keeps them out of shared caches',
    plugin: { protect: 'all' },
    register: (app) => app.register(staticFiles, { root, prefix: '/files/', maxAge: '1d' })
  },
  async (t, { app, get, browser }) => {
    const alice = await browser()
    const report = await get('/files/report.pdf', alice)
    t.equal(report.body, 'the report')
    t.equal(report.headers['cache-control'], 'private, max-age=86400')
    for (const url of ['/files/report.pdf', '/files/', '/files/none.pdf', '/files/..%2fpackage.json']) {
      t.equal((await get(url)).statusCode, 401, url)
    }
    t.equal((await get('/files/report.pdf', { 'if-none-match': String(report.headers.etag) })).statusCode, 401)
    t.equal(
      (await get('/files/report.pdf', { ...alice, 'if-none-match': String(report.headers.etag) })).statusCode,
      304
    )
    const head = await app.inject({ method: 'HEAD', url: '/files/report.pdf' })
    t.equal(head.statusCode, 401)
  }
)

beside(
  '@fastify/static',
  {
    does: 'serves files to everybody under "all" if its routes are exempt',
    plugin: { protect: 'all' },
    register: (app) =>
      app.register(async (open) => {
        open.addHook('onRoute', (route) => {
          route.config = { ...route.config, auth: false }
        })
        await open.register(staticFiles, { root, prefix: '/assets/', maxAge: '1d' })
      }),
    routes: (app) => app.get('/page', async (_request, reply) => reply.sendFile('index.html', root))
  },
  async (t, { app, get, bearer }) => {
    const page = await get('/assets/index.html')
    t.strictSame([page.statusCode, page.body], [200, '<h1>Hello</h1>'])
    t.equal(page.headers['cache-control'], 'public, max-age=86400')
    t.equal((await get('/assets/index.html', await bearer())).headers['cache-control'], 'public, max-age=86400')
    t.equal((await app.inject({ method: 'HEAD', url: '/assets/index.html' })).statusCode, 200)
    t.equal((await get('/page')).statusCode, 401)
  }
)

beside(
  '@fastify/view',
  {
    does: 'renders a page for its user',
    register: (app) => app.register(view, { engine: { ejs }, root }),
    routes: (app) =>
      app.get('/page', { config: { auth: { optional: true } } }, async ({ user }, reply) =>
        reply.view('page.ejs', { user })
      )
  },
  async (t, { get, browser }) => {
    t.equal((await get('/page')).body, '<h1>Hello nobody</h1>')
    const page = await get('/page', await browser())
    t.strictSame([page.body, page.headers['cache-control']], ['<h1>Hello alice</h1>', 'private'])
  }
)

beside(
  '@fastify/multipart',
  {
    does: 'receives the file of a user, and refuses others before the body arrives',
    register: (app) => app.register(multipart),
    routes(app) {
      app.post('/upload', { config: { auth: true } }, async (request) => {
        const file = (await request.file())!
        return { of: request.user.sub, name: file.filename, size: (await file.toBuffer()).length }
      })
    }
  },
  async (t, { app, post, bearer, browser }) => {
    const form = (text: string) =>
      `--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${text}\r\n--x--\r\n`
    const type = { 'content-type': 'multipart/form-data; boundary=x' }
    const uploaded = { of: 'alice', name: 'a.txt', size: 5 }
    t.strictSame((await post('/upload', { ...type, ...(await bearer()) }, form('hello'))).json(), uploaded)
    const page = { ...type, ...(await browser()) }
    t.strictSame((await post('/upload', { ...page, 'sec-fetch-site': 'same-origin' }, form('hello'))).json(), uploaded)
    const foreign = await post('/upload', { ...page, 'sec-fetch-site': 'cross-site' }, form('hello'))
    t.equal(foreign.json().code, 'AUTH_CROSS_SITE', 'a form of another site can send multipart')

    const upload = httpRequest({
      method: 'POST',
      path: '/upload',
      port: await listen(app),
      host: '127.0.0.1',
      headers: { ...type, 'content-length': 1_000_000_000 }
    })
    t.teardown(() => upload.destroy())
    upload.write('--x\r\n')
    const [response] = await once(upload, 'response')
    t.equal(response.statusCode, 401, 'one gigabyte was announced, and five bytes were sent')
  }
)

const passUser = (_headers: object, { user }: FastifyRequest) => ({ 'x-user': user.sub })

const upstream = Fastify()
t.teardown(() => upstream.close())
await upstream.register(websocket)
upstream.get('/whoami', async ({ headers }) => ({
  user: headers['x-user'] ?? null,
  token: headers.authorization ?? null
}))
upstream.get('/ws', { websocket: true }, (socket, { headers }) => {
  socket.send(String(headers['x-user']))
})
const upstreamUrl = `http://127.0.0.1:${await listen(upstream as unknown as FastifyInstance)}`

beside(
  '@fastify/http-proxy',
  {
    does: 'passes the user on in a header that clients cannot forge, also for sockets',
    register: (app) =>
      app.register(httpProxy, {
        upstream: upstreamUrl,
        prefix: '/api',
        config: { auth: true },
        websocket: true,
        replyOptions: {
          rewriteRequestHeaders: ({ user }, { authorization: _token, cookie: _cookies, ...headers }) => ({
            ...headers,
            'x-user': user.sub
          })
        },
        // Its types do not know this option.
        wsClientOptions: { rewriteRequestHeaders: passUser } as object
      })
  },
  async (t, { app, get, bearer, browser }) => {
    const mine = await get('/api/whoami', { ...(await bearer()), 'x-user': 'root' })
    t.strictSame(mine.json(), { user: 'alice', token: null })
    t.equal(mine.headers['cache-control'], 'private')
    t.strictSame((await get('/api/whoami', await browser('bob'))).json(), { user: 'bob', token: null })
    const refused = await get('/api/whoami', { 'x-user': 'root' })
    t.equal(refused.json().code, 'AUTH_NO_CREDENTIALS')

    const url = `ws://127.0.0.1:${await listen(app)}/api/ws`
    const socket = new WebSocket(url, { headers: { ...(await bearer()), 'x-user': 'root' } })
    t.equal(String((await once(socket, 'message'))[0]), 'alice')
    const closed = once(socket, 'close')
    socket.close()
    await closed
    t.equal(await refusal(url), 401)
  }
)

/** The status with which an upgrade is refused. */
async function refusal(url: string, headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, { headers })
  const [, response] = await once(socket, 'unexpected-response')
  response.resume()
  await once(response, 'end')
  return response.statusCode
}

beside(
  '@fastify/websocket',
  {
    does: 'opens a socket for a user, and refuses the upgrade of others and of other sites',
    register: (app) => app.register(websocket),
    routes(app) {
      app.get('/live', { config: { auth: true }, websocket: true }, (socket, { user }) => socket.send(user.sub))
    }
  },
  async (t, { app, bearer, browser }) => {
    const url = `ws://127.0.0.1:${await listen(app)}/live`
    const page = { ...(await browser('bob')), 'sec-fetch-site': 'same-origin' }
    for (const [user, headers] of Object.entries({ alice: await bearer(), bob: page })) {
      const socket = new WebSocket(url, { headers })
      t.equal(String((await once(socket, 'message'))[0]), user)
      const closed = once(socket, 'close')
      socket.close()
      await closed
    }
    t.equal(await refusal(url), 401)
    t.equal(await refusal(url, { ...page, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }), 403)
  }
)

interface OpenApi {
  readonly paths: Record<string, Record<string, { security?: object[]; responses: Record<string, object> }>>
}

const both = [{ bearerAuth: [] }, { cookieAuth: [] }]
const schemes = (app: FastifyInstance) => (app as { securitySchemes?: object }).securitySchemes
const formats: [string, (app: FastifyInstance) => object, object[]][] = [
  [
    'Swagger 2',
    () => ({
      swagger: { securityDefinitions: { bearerAuth: { type: 'apiKey', in: 'header', name: 'authorization' } } }
    }),
    [{ bearerAuth: [] }]
  ],
  ...(['3.0.3', '3.1.0'] as const).map((openapi): (typeof formats)[number] => [
    `OpenAPI ${openapi.slice(0, 3)}`,
    (app) => ({
      openapi: {
        openapi,
        components: {
          securitySchemes: schemes(app) ?? {
            bearerAuth: { type: 'http', scheme: 'bearer' },
            cookieAuth: { type: 'apiKey', in: 'cookie', name: '__Host-access' }
          }
        }
      }
    }),
    both
  ])
]
for (const [format, options, security] of formats) {
  beside(
    '@fastify/swagger',
    {
      does: `shows in ${format} who may call a route, and the refusals`,
      register: (app) => app.register(swagger, options(app) as never)
    },
    async (t, { app }) => {
      const { paths } = app.swagger() as unknown as OpenApi
      t.strictSame(paths['/me']!.get!.security, security)
      t.match(Object.keys(paths['/me']!.get!.responses), ['200', '401', '403'])
      t.match(paths['/scoped']!.get!.responses['403'], { description: 'Requires the scopes notes:read' })
      t.strictSame(Object.keys(paths['/open']!.get!.responses), ['200'])
      t.equal(paths['/open']!.get!.security, undefined)
    }
  )
}

beside(
  '@fastify/swagger-ui',
  {
    does: 'shows the document to everybody under "all" if its routes are exempt',
    plugin: { protect: 'all' },
    async register(app) {
      await app.register(swagger, formats[2]![1](app) as never)
      await app.register(async (open) => {
        open.addHook('onRoute', (route) => {
          route.config = { ...route.config, auth: false }
        })
        await open.register(swaggerUi, { routePrefix: '/docs' })
      })
    }
  },
  async (t, { get }) => {
    for (const url of ['/docs', '/docs/static/index.css', '/docs/json']) t.equal((await get(url)).statusCode, 200, url)
    t.strictSame((await get('/docs/json')).json().paths['/me'].get.security, both)
    t.equal((await get('/me')).statusCode, 401)
  }
)
