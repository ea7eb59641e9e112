import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import authenticate from '../../plugin/index.ts'
import { challenges, issuer, secret } from '../fixtures/app.ts'

type Build = (app: FastifyInstance) => unknown

let { sign }: Partial<FastifyInstance['accessTokens']> = {}
const plugin: Build = async (app) => {
  await app.register(authenticate, { issuer, secret })
  ;({ sign } = app.accessTokens)
}
const sockets: Build = (app) => app.register(websocket)
const liveRoute: Build = (app) => {
  app.get('/live', { config: { auth: true }, websocket: true }, (socket) => {
    socket.send('hello')
  })
}
const plainRoute: Build = (app) => {
  app.get('/me', { config: { auth: true } }, async () => 'me')
}
const inChild =
  (...parts: Build[]): Build =>
  (app) =>
    app.register(async (scope) => {
      for (const part of parts) await part(scope)
    })

async function listen(t: Test, parts: Build[]): Promise<{ app: FastifyInstance; host: string }> {
  const app = fastify() as unknown as FastifyInstance
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  for (const part of parts) await part(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, host: `127.0.0.1:${(app.server.address() as AddressInfo).port}` }
}

/** Reads everything until the server closes the connection. */
async function upgrade(t: Test, host: string, path: string): Promise<{ head: string; body: string }> {
  const [name, port] = host.split(':')
  // Half-open connections are left open by this side: the server has to close them.
  const socket = connect({ port: Number(port), host: name!, allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
  let text = ''
  for await (const chunk of socket) text += chunk
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { head, body }
}

const orders: [string, Build[], string[]][] = [
  ['@fastify/websocket before the plugin', [sockets, plugin, liveRoute, plainRoute], ['/live', '/me']],
  ['@fastify/websocket after the plugin', [plugin, sockets, liveRoute, plainRoute], ['/live', '/me']],
  [
    '@fastify/websocket in a child, with its routes',
    [plugin, inChild(sockets, liveRoute), plainRoute],
    ['/live', '/me']
  ],
  ['both in a child', [inChild(plugin, sockets, liveRoute, plainRoute)], ['/live', '/me']]
]

for (const [order, parts, paths] of orders) {
  // Both would wait forever on an open connection.
  t.test(
    `a refused upgrade gets its whole response, its connection is closed, and so is the server: ${order}`,
    { timeout: 10_000 },
    async (t) => {
      const { app, host } = await listen(t, parts)
      for (const path of paths) {
        const { head, body } = await upgrade(t, host, path)
        const lines = head.split('\r\n')
        t.equal(lines[0], 'HTTP/1.1 401 Unauthorized', path)
        t.ok(lines.includes(`www-authenticate: ${challenges.bare}`) && lines.includes('connection: close'), head)
        t.strictSame(JSON.parse(body), {
          statusCode: 401,
          code: 'AUTH_NO_CREDENTIALS',
          error: 'Unauthorized',
          message: 'Authentication is required'
        })
      }
      const socket = new WebSocket(`ws://${host}/live`, {
        headers: { authorization: `Bearer ${await sign!({ sub: 'alice' })}` }
      })
      t.equal(String((await once(socket, 'message'))[0]), 'hello', 'an allowed caller opens a socket')
      await Promise.all([once(socket, 'close'), app.close()])
    }
  )
}

t.test('a refusal of a request that is not an upgrade keeps its connection', async (t) => {
  const { app, host } = await listen(t, [plugin, plainRoute])
  const response = await fetch(`http://${host}/me`)
  t.strictSame([response.status, response.headers.get('connection')], [401, 'keep-alive'])
  // Without a listener for upgrades, Node treats this as an ordinary request.
  const [name, port] = host.split(':')
  const socket = connect(Number(port), name)
  socket.write(`GET /me HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 401 Unauthorized\r\n/)
  socket.write(`GET /me HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  t.match(
    String((await once(socket, 'data'))[0]),
    /^HTTP\/1\.1 401 Unauthorized\r\n/,
    'a second request on the same connection'
  )
  socket.destroy()
  await app.close()
})
