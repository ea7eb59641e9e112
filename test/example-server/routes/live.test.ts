import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createLiveSockets } from '../../../example-server/live/live-sockets.ts'
import { createAuthEvents } from '../../../example-server/operations/auth-events.ts'
import { liveRoutes } from '../../../example-server/routes/live.ts'
import authenticate from '../../../plugin/index.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.setTimeout(600_000)

type Headers = Record<string, string>

/** Listens on a free port, because `inject()` cannot open sockets. */
async function listen(app: FastifyInstance): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** Opens a socket. `closed` resolves to everything it received: the messages, and the code and reason of the close. */
function open(t: Test, host: string, headers: Headers) {
  const socket = new WebSocket(`ws://${host}/live`, { headers })
  const heard: unknown[] = []
  socket.on('message', (data: Buffer) => heard.push(JSON.parse(String(data))))
  t.teardown(() => socket.terminate())
  const closed = once(socket, 'close').then(([code, reason]) => [...heard, [code, String(reason)]])
  return { socket, first: async () => heard[0] ?? JSON.parse(String((await once(socket, 'message'))[0])), closed }
}

/** The status, challenge and error code of a refused upgrade. Resolves only when the connection has been closed. */
async function refusedUpgrade(host: string, headers: Headers): Promise<[number, string | undefined, unknown]> {
  const socket = new WebSocket(`ws://${host}/live`, { headers })
  const [, response] = await once(socket, 'unexpected-response')
  const closed = once(response.socket, 'close')
  let body = ''
  for await (const chunk of response) body += chunk
  await closed
  return [response.statusCode, response.headers['www-authenticate'], JSON.parse(body).code]
}

/** Starts a node, at which bob can sign in. */
async function startNode(t: Test, env: Headers = {}) {
  const { app, signIn } = await createInjected(t, { env })
  const host = await listen(app)
  return {
    app,
    host,
    byHeader: async (name = 'bob') => (await signIn(name)).headers,
    byCookie: async () => ({ cookie: (await signIn('bob', { transport: 'cookie' })).headers.cookie! }),
    signOut: async (headers: Headers) => await fetch(`http://${host}/auth/logout`, { method: 'POST', headers })
  }
}

t.test('/live sends session and expiry, by header and by cookie, and closes when the session ends', async (t) => {
  const { host, signOut, byHeader, byCookie } = await startNode(t)
  // Whole seconds, as in the token.
  const earliest = Math.floor(Date.now() / 1000) * 1000 + 600_000
  for (const headers of [await byHeader(), { ...(await byCookie()), origin: `http://${host}` }]) {
    const { first, closed } = open(t, host, headers)
    const signedIn = await first()
    t.match(signedIn, { type: 'signed-in', session_id: /^[\w-]{20,}$/ })
    t.ok(signedIn.expires_at >= earliest && signedIn.expires_at <= Date.now() + 600_000)
    t.equal((await signOut(headers)).status, 204)
    t.strictSame(await closed, [signedIn, { type: 'session-ended' }, [4401, 'session-ended']])
    t.match(await refusedUpgrade(host, headers), [401, /error="invalid_token"/, 'AUTH_REVOKED_TOKEN'])
  }
})

t.test('/live closes when the session ends on another node; other sessions stay open', async (t) => {
  const env = { DATA_DIR: t.testdir() }
  const [one, two] = [await startNode(t, env), await startNode(t, env)]
  const [ending, staying] = [await one.byHeader(), await one.byHeader()]
  const [ended, stays] = [open(t, one.host, ending), open(t, one.host, staying)]
  await Promise.all([ended.first(), stays.first()])
  t.equal((await two.signOut(ending)).status, 204)
  t.match(await ended.closed, [{ type: 'signed-in' }, { type: 'session-ended' }, [4401, 'session-ended']])
  t.equal(stays.socket.readyState, WebSocket.OPEN)
})

t.test('/live closes when the access token expires, even if it has no session', async (t) => {
  const { app, host } = await startNode(t)
  let heard: unknown[] = []
  // A busy machine may need longer than the token lives to open the socket: then the next token lives longer.
  for (let lifetimeSeconds = 1; heard.length < 3 && lifetimeSeconds <= 64; lifetimeSeconds *= 4) {
    const token = await app.accessTokens.sign({ sub: 'job', claims: { name: 'job', roles: [] }, lifetimeSeconds })
    heard = await open(t, host, { authorization: `Bearer ${token}` }).closed.catch(() => [])
  }
  t.match(heard, [{ type: 'signed-in', session_id: null }, { type: 'token-expired' }, [4401, 'token-expired']])
})

t.test('/live closes if the session ends between the check of the upgrade and add()', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const events = createAuthEvents()
  await app.register(authenticate, {
    issuer: 'https://api.example.com',
    secret: '0123456789abcdefghijklmnopqrstuv',
    onEvent: events.publish
  })
  app.post('/login', async (_request, reply) =>
    reply.signIn({ sub: 'bob', claims: { name: 'bob', roles: [] }, transport: 'bearer' })
  )
  app.addHook('preHandler', async ({ auth }) => {
    if (auth !== null) await app.sessions.revoke(auth.sessionId!)
  })
  await app.register(liveRoutes, { events, liveSockets: createLiveSockets() } as any)
  const host = await listen(app)
  const { access_token: token } = (await app.inject({ method: 'POST', url: '/login' })).json()
  t.strictSame(await open(t, host, { authorization: `Bearer ${token}` }).closed, [
    { type: 'session-ended' },
    [4401, 'session-ended']
  ])
})

t.test('/live refuses an upgrade with an ordinary response, and closes the connection', async (t) => {
  const { host, byCookie } = await startNode(t)
  t.match(await refusedUpgrade(host, {}), [401, 'Bearer realm="http://localhost:3000"', 'AUTH_NO_CREDENTIALS'])
  t.match(await refusedUpgrade(host, { authorization: 'Bearer nonsense' }), [
    401,
    /error="invalid_token"/,
    'AUTH_INVALID_TOKEN'
  ])
  const cookies = await byCookie()
  for (const from of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://${host}`, 'sec-fetch-site': 'cross-site' }
  ]) {
    t.strictSame(await refusedUpgrade(host, { ...cookies, ...from } as Headers), [403, undefined, 'AUTH_CROSS_SITE'])
  }
})

t.test('/live without an upgrade returns 426, and upgrades that nobody handles get an ordinary response', async (t) => {
  const { app, host, byHeader } = await startNode(t)
  const headers = await byHeader()
  const plain = await app.inject({ url: '/live', headers })
  t.strictSame([plain.statusCode, plain.json().code, plain.headers.upgrade], [426, 'UPGRADE_REQUIRED', 'websocket'])
  t.equal((await app.inject('/live')).statusCode, 401)

  async function upgrade(path: string, to: string): Promise<string> {
    const [name, port] = host.split(':')
    const socket = connect(Number(port), name)
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${headers.authorization}\r\n` +
        `Connection: Upgrade, close\r\nUpgrade: ${to}\r\n\r\n`
    )
    let response = ''
    for await (const chunk of socket) response += chunk
    return response.split('\r\n', 1).join()
  }

  // In older versions of Node, `ws` refuses it.
  t.match(await upgrade('/live', 'h2c'), /^HTTP\/1.1 (426 Upgrade Required|400 Bad Request)$/)
  t.equal(await upgrade('/live', 'websocket'), 'HTTP/1.1 400 Bad Request', 'without Sec-WebSocket-Key')
  t.equal(await upgrade('/me', 'h2c'), 'HTTP/1.1 200 OK', 'an offer of another protocol is ignored')
  t.equal(await upgrade('/nowhere', 'websocket'), 'HTTP/1.1 404 Not Found')
})

t.test('/live ignores messages of clients, and closes with 1009 if one is too large', async (t) => {
  const { host, byHeader } = await startNode(t)
  const { socket, first, closed } = open(t, host, await byHeader())
  await first()
  socket.send('{"type":"hello"}')
  socket.send('x'.repeat(2000))
  t.match(await closed, [{ type: 'signed-in' }, [1009, '']])
})

t.test("/live refuses a user's 51st socket, but not another user's first", async (t) => {
  const { host, byHeader } = await startNode(t)
  const headers = await byHeader()
  const opened = Array.from({ length: 50 }, () => open(t, host, headers))
  await Promise.all(opened.map(({ first }) => first()))
  t.strictSame(await open(t, host, headers).closed, [[1013, 'too-many-sockets']])
  t.match(await open(t, host, await byHeader('carol')).first(), { type: 'signed-in' })
  opened[0]!.socket.close()
  await opened[0]!.closed
  t.match(await open(t, host, headers).first(), { type: 'signed-in' }, 'a closed socket no longer counts')
})

t.test('closing the server closes every socket, and does not wait for a peer that does not respond', async (t) => {
  const { app, host, byHeader } = await startNode(t)
  const headers = await byHeader()
  const [polite, silent] = [open(t, host, headers), open(t, host, headers)]
  await Promise.all([polite.first(), silent.first()])
  silent.socket.pause()
  const closing = app.close()
  t.match(await polite.closed, [{ type: 'signed-in' }, [1001, 'server-closing']])
  const [name, port] = host.split(':')
  const late = connect(Number(port), name)
  late.write(`GET /live HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  let response = ''
  for await (const chunk of late) response += chunk
  // Without credentials: an ordinary request by now, which is refused.
  t.match(response, /^(HTTP\/1\.1 401 [^]*\r\nconnection: close\r\n|$)/, 'a late upgrade does not delay the shutdown')
  await closing
})
