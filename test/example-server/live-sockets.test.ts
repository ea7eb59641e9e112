import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createAuthEvents } from '../../example-server/operations/auth-events.ts'
import { networkOf } from '../../example-server/attempts/client-network.ts'
import { createLiveSockets } from '../../example-server/live/live-sockets.ts'
import { liveRoutes } from '../../example-server/routes/live.ts'
import authenticate from '../../plugin/index.ts'
import { createClock } from '../fixtures/app.ts'
import { createInjected } from '../fixtures/example-server.ts'
import { audience, makeKey, tokenOf } from '../fixtures/issuer.ts'

// A process that starts from TypeScript takes its time on a busy machine.
t.setTimeout(120_000)

const password = 'correct horse battery staple'

type Headers = Record<string, string>

/** Listens on a port of its own: sockets cannot be injected. */
async function listen(app: FastifyInstance): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** What a client hears, in order: messages as objects, then the code and the reason of the end. */
function open(t: Test, host: string, headers: Headers) {
  const socket = new WebSocket(`ws://${host}/live`, { headers })
  const heard: unknown[] = []
  socket.on('message', (data: Buffer) => heard.push(JSON.parse(String(data))))
  t.teardown(() => socket.terminate())
  const closed = once(socket, 'close').then(([code, reason]) => [...heard, [code, String(reason)]])
  return { socket, first: async () => heard[0] ?? JSON.parse(String((await once(socket, 'message'))[0])), closed }
}

/** The status, the challenge and the code that a refused upgrade is answered with; its connection must not stay. */
async function refusedUpgrade(host: string, headers: Headers): Promise<[number, string | undefined, unknown]> {
  const socket = new WebSocket(`ws://${host}/live`, { headers })
  const [, answer] = await once(socket, 'unexpected-response')
  const closed = once(answer.socket, 'close')
  let body = ''
  for await (const chunk of answer) body += chunk
  await closed
  return [answer.statusCode, answer.headers['www-authenticate'], JSON.parse(body).code]
}

/** One node, with bob registered. */
async function startNode(t: Test, env: Headers = {}) {
  const node = await createInjected(t, env)
  const host = await listen(node.app)
  const post = async (path: string, body?: object, headers: Headers = {}) =>
    await fetch(`http://${host}${path}`, {
      method: 'POST',
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
      body: body ? JSON.stringify(body) : null
    })
  await post('/auth/register', { username: 'bob', password })

  async function byHeader() {
    const tokens = (await (await post('/auth/login', { username: 'bob', password })).json()) as { access_token: string }
    return { authorization: `Bearer ${tokens.access_token}` }
  }

  async function byCookie() {
    const answer = await post('/auth/login', { username: 'bob', password, transport: 'cookie' })
    return {
      cookie: answer.headers
        .getSetCookie()
        .map((line) => line.split(';', 1)[0])
        .join('; ')
    }
  }

  return { ...node, host, post, byHeader, byCookie }
}

t.test(
  '/live says who is signed in and until when, by header and by cookie, and says at once that the session has ended',
  async (t) => {
    const { host, post, byHeader, byCookie } = await startNode(t)
    for (const headers of [await byHeader(), { ...(await byCookie()), origin: `http://${host}` }]) {
      const { first, closed } = open(t, host, headers)
      const signedIn = await first()
      t.match(signedIn, { type: 'signed-in', sessionId: /^[\w-]{20,}$/ })
      t.ok(Math.abs(signedIn.expiresAt - Date.now() - 600_000) < 5000)
      t.equal((await post('/auth/logout', undefined, headers)).status, 204)
      t.strictSame(await closed, [signedIn, { type: 'session-ended' }, [4401, 'session-ended']])
      t.match(await refusedUpgrade(host, headers), [401, /error="invalid_token"/, 'AUTH_REVOKED_TOKEN'])
    }
  }
)

t.test('/live says that the session has ended on another node; other sessions stay', async (t) => {
  const env = { DATA_DIR: t.testdir() }
  const [one, two] = [await startNode(t, env), await startNode(t, env)]
  const [ending, staying] = [await one.byHeader(), await one.byHeader()]
  const [ended, stays] = [open(t, one.host, ending), open(t, one.host, staying)]
  await Promise.all([ended.first(), stays.first()])
  t.equal((await two.post('/auth/logout', undefined, ending)).status, 204)
  t.match(await ended.closed, [{ type: 'signed-in' }, { type: 'session-ended' }, [4401, 'session-ended']])
  t.equal(stays.socket.readyState, WebSocket.OPEN)
})

t.test('/live says that the access token has expired, also of one without a session', async (t) => {
  const { app, host } = await startNode(t)
  const token = await app.accessTokens.sign({ sub: 'job', claims: { name: 'job', roles: [] }, lifetimeSeconds: 1 })
  const { closed } = open(t, host, { authorization: `Bearer ${token}` })
  t.match(await closed, [{ type: 'signed-in', sessionId: null }, { type: 'token-expired' }, [4401, 'token-expired']])
})

t.test(
  'a session that ends between the check of the upgrade and the first look at its end is not missed',
  async (t) => {
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
  }
)

t.test('a refused upgrade is answered as any request, and its connection closed', async (t) => {
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

t.test(
  '/live without an upgrade is 426; an upgrade that is no WebSocket, or elsewhere, is answered and closed',
  async (t) => {
    const { app, host, byHeader } = await startNode(t)
    const headers = await byHeader()
    const plain = await app.inject({ url: '/live', headers })
    t.strictSame([plain.statusCode, plain.json().code, plain.headers.upgrade], [426, 'UPGRADE_REQUIRED', 'websocket'])
    t.equal((await app.inject('/live')).statusCode, 401)

    async function upgrade(path: string, to: string): Promise<string> {
      const [name, port] = host.split(':')
      const socket = connect(Number(port), name)
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${headers.authorization}\r\nConnection: Upgrade, close\r\nUpgrade: ${to}\r\n\r\n`
      )
      let answer = ''
      for await (const chunk of socket) answer += chunk
      return answer.split('\r\n', 1).join()
    }

    // Older versions of Node leave it to `ws` to refuse.
    t.match(await upgrade('/live', 'h2c'), /^HTTP\/1.1 (426 Upgrade Required|400 Bad Request)$/)
    t.equal(await upgrade('/live', 'websocket'), 'HTTP/1.1 400 Bad Request', 'without a key')
    t.equal(await upgrade('/me', 'h2c'), 'HTTP/1.1 200 OK', 'who offers another protocol gets this one')
    t.equal(await upgrade('/nowhere', 'websocket'), 'HTTP/1.1 404 Not Found')
  }
)

t.test('what clients send is not read, and more than a little ends the socket', async (t) => {
  const { host, byHeader } = await startNode(t)
  const { socket, first, closed } = open(t, host, await byHeader())
  await first()
  socket.send('{"type":"hello"}')
  socket.send('x'.repeat(2000))
  t.match(await closed, [{ type: 'signed-in' }, [1009, '']])
})

t.test('a user has 50 sockets and no more; another user has theirs', async (t) => {
  const { host, post, byHeader } = await startNode(t)
  const headers = await byHeader()
  const opened = Array.from({ length: 50 }, () => open(t, host, headers))
  await Promise.all(opened.map(({ first }) => first()))
  t.strictSame(await open(t, host, headers).closed, [[1013, 'too-many-sockets']])
  await post('/auth/register', { username: 'carol', password })
  const { access_token: token } = (await (await post('/auth/login', { username: 'carol', password })).json()) as {
    access_token: string
  }
  t.match(await open(t, host, { authorization: `Bearer ${token}` }).first(), { type: 'signed-in' })
  opened[0]!.socket.close()
  await opened[0]!.closed
  t.match(await open(t, host, headers).first(), { type: 'signed-in' }, 'a place that was left is free')
})

t.test('closing the server says goodbye to every socket, and waits for none that does not answer', async (t) => {
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
  let answer = ''
  for await (const chunk of late) answer += chunk
  t.match(answer, /^(HTTP\/1\.1 503 |$)/, 'who comes late keeps nobody waiting')
  await closing
})

/** Starts the recipe of docs/live-sign-out.md as it stands there, but for these replacements. */
async function startRecipe(t: Test, replacements: Record<string, string> = {}) {
  let code = /<!-- test: live -->\n```ts\n([^]*?)```/.exec(readFileSync('docs/live-sign-out.md', 'utf8'))?.[1] ?? ''
  const door = pathToFileURL('plugin/index.ts').href
  for (const [text, replacement] of Object.entries({ "'fastify-authenticate'": `'${door}'`, ...replacements })) {
    t.ok(code.includes(text), `the recipe has ${text}`)
    code = code.replace(text, replacement)
  }
  const folder = t.testdir({ 'recipe.ts': code })
  const server = spawn(process.execPath, [...process.execArgv, join(folder, 'recipe.ts')], {
    env: { ...process.env, PORT: '0', AUTH_SECRET: '0123456789abcdef0123456789abcdef' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => server.kill())
  const url = String((await once(server.stdout, 'data'))[0]).trim()
  return {
    url,
    async login(): Promise<Headers> {
      const { access_token: token } = (await (await fetch(`${url}/login`, { method: 'POST' })).json()) as {
        access_token: string
      }
      return { authorization: `Bearer ${token}` }
    },
    async open(headers: Headers) {
      const socket = new WebSocket(`${url}/live`, { headers })
      t.teardown(() => socket.terminate())
      const heard: unknown[] = []
      socket.on('message', (data: Buffer) => heard.push(String(data)))
      const closed = once(socket, 'close').then(([code, reason]) => [...heard, [code, String(reason)]])
      return { socket, first: Promise.race([once(socket, 'message').then(([data]) => String(data)), closed]), closed }
    }
  }
}

t.test('the recipe of docs/live-sign-out.md closes a socket when its session ends, as it stands there', async (t) => {
  const { url, login, open } = await startRecipe(t)
  const [ending, staying] = [await login(), await login()]
  const [ended, stays] = [await open(ending), await open(staying)]
  t.strictSame(await Promise.all([ended.first, stays.first]), ['signed in', 'signed in'])
  await fetch(`${url}/logout`, { method: 'POST', headers: ending })
  t.strictSame(await ended.closed, ['signed in', [4401, 'session-ended']])
  await fetch(`${url}/logout`, { method: 'POST', headers: staying })
  t.strictSame(await stays.closed, ['signed in', [4401, 'session-ended']], 'not before')
})

t.test('the recipe of docs/live-sign-out.md keeps a socket open whose token lives for 30 days', async (t) => {
  const day = 24 * 3600
  const lifetimes = `accessToken: { lifetimeSeconds: ${30 * day}, maxLifetimeSeconds: ${30 * day} }, refreshToken: { idleSeconds: ${60 * day}, absoluteSeconds: ${90 * day} },`
  const { url, login, open } = await startRecipe(t, {
    'secret: process.env.AUTH_SECRET,': `secret: process.env.AUTH_SECRET, ${lifetimes}`
  })
  const headers = await login()
  const { first, closed } = await open(headers)
  t.equal(await first, 'signed in')
  await fetch(`${url}/logout`, { method: 'POST', headers })
  t.strictSame(
    await closed,
    ['signed in', [4401, 'session-ended']],
    'a timer that overflows would have said token-expired'
  )
})

t.test("the recipe of docs/live-sign-out.md keeps a socket open that another issuer's token has opened", async (t) => {
  const key = makeKey('ES256', 'ec')
  const idp = 'https://idp.example.com'
  const trusted = JSON.stringify([{ issuer: idp, audience, jwks: { keys: [key.jwk] }, algorithms: ['ES256'] }])
  const { open } = await startRecipe(t, {
    'const needs: TokenNeeds = {}': `const needs: TokenNeeds = { issuers: ['${idp}'] }`,
    'secret: process.env.AUTH_SECRET,': `secret: process.env.AUTH_SECRET, trustedIssuers: ${trusted},`
  })
  const iat = Math.floor(Date.now() / 1000)
  const { socket, first, closed } = await open({
    authorization: `Bearer ${tokenOf(idp, key, { claims: { iat, exp: iat + 600 } })}`
  })
  t.equal(await first, 'signed in')
  const answered = once(socket, 'pong').then(() => 'open')
  socket.ping()
  t.equal(await Promise.race([answered, closed]), 'open', 'and stays')
})

/** What the server holds of a socket, without a connection. */
class Peer extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  pings = 0
  readonly heard: unknown[] = []
  ping() {
    this.pings++
  }
  send(data: string) {
    this.heard.push(JSON.parse(data))
  }
  close(code: number, reason: string) {
    this.heard.push([code, reason])
    this.leave()
  }
  terminate() {
    this.leave()
  }
  leave() {
    this.readyState = 3
    this.emit('close')
  }
}

const holder = { sub: 'bob', site: '192.0.2.1', sessionId: null, expiresAt: Date.now() + 600_000 }

t.test('ping() cuts off the peer that has not answered since the last one', async (t) => {
  const sockets = createLiveSockets()
  const [alive, gone] = [new Peer(), new Peer()]
  for (const peer of [alive, gone]) sockets.add(peer as any, holder)
  sockets.ping()
  t.strictSame([alive.pings, gone.pings, sockets.count()], [1, 1, 2])
  alive.emit('pong')
  sockets.ping()
  t.strictSame([alive.pings, gone.pings, sockets.count()], [2, 1, 1])
  alive.terminate()
  t.equal(sockets.count(), 0)
})

t.test('endSession() looks at the sockets of that session alone, however many others there are', async (t) => {
  const sockets = createLiveSockets({ setTimer: () => () => {} })
  let looks = 0
  const peers = Array.from({ length: 400 }, (_, index) => {
    const peer = new Peer()
    sockets.add(peer as any, {
      ...holder,
      sub: `user ${index}`,
      get sessionId() {
        looks++
        return `session ${index >> 1}`
      }
    })
    Object.defineProperty(peer, 'readyState', {
      get() {
        looks++
        return 1
      },
      set() {}
    })
    return peer
  })
  looks = 0
  for (let ended = 0; ended < 500; ended++) sockets.endSession(`elsewhere ${ended}`)
  t.equal(looks, 0)
  sockets.endSession('session 100')
  t.equal(looks, 2)
  t.strictSame(
    peers.flatMap(({ heard }, index) => (heard.length > 0 ? [index] : [])),
    [200, 201]
  )
  t.strictSame(peers[200]!.heard, [{ type: 'session-ended' }, [4401, 'session-ended']])
})

t.test('a token of 60 days ends its socket after 60 days, not at once because a timer overflows', async (t) => {
  const day = 24 * 3600 * 1000
  const clock = createClock()
  let timer = { callback: () => {}, ms: NaN }
  const sockets = createLiveSockets({
    clock,
    setTimer: (callback, ms) => {
      timer = { callback, ms }
      return () => {}
    }
  })
  const peer = new Peer()
  sockets.add(peer as any, { ...holder, expiresAt: clock() + 60 * day })
  let passed = 0
  while (peer.heard.length === 0) {
    t.ok(timer.ms > 0 && timer.ms < 2 ** 31, `${timer.ms} ms fit into a timer`)
    passed += timer.ms
    clock.advance(timer.ms / 1000)
    timer.callback()
  }
  t.equal(passed, 60 * day)
  t.strictSame(peer.heard, [{ type: 'token-expired' }, [4401, 'token-expired']])
})

t.test('one site has 2000 sockets and no more, however many users it has and networks it comes from', async (t) => {
  const sockets = createLiveSockets({ setTimer: () => () => {} })
  const { site } = networkOf({ ip: '2001:db8:1:2::3' })
  t.equal(networkOf({ ip: '2001:db8:1:ffff::3' }).site, site)
  const peers = Array.from({ length: 2000 }, () => new Peer())
  t.ok(peers.every((peer, index) => sockets.add(peer as any, { ...holder, sub: `user ${index}`, site })))
  const more = () => sockets.add(new Peer() as any, { ...holder, sub: 'one more', site })
  t.equal(more(), false)
  t.ok(sockets.add(new Peer() as any, { ...holder, site: networkOf({ ip: '2001:db8:2::1' }).site }))
  peers[0]!.leave()
  t.ok(more(), 'a place that was left is free')
})
