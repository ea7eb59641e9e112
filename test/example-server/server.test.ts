import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { bearer, createJar, login, password, production, type Tokens } from '../fixtures/example-client.ts'
import { createInjected, runProgram, startServer } from '../fixtures/example-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

async function post(url: string, { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {}) {
  return await fetch(url, {
    method: 'POST',
    headers: body ? { 'content-type': 'application/json', ...headers } : headers,
    body: body ? JSON.stringify(body) : null
  })
}

t.test('servers that start together with one new DATA_DIR share its keys, secret, users and sessions', async (t) => {
  const env = { DATA_DIR: join(t.testdir(), 'made', 'by', 'the', 'server'), LOG_LEVEL: 'trace' }
  const servers = await Promise.all([startServer(t, env), startServer(t, env)])
  const [server, two] = servers
  const { url } = server
  const password = readFileSync(join(env.DATA_DIR, 'demo-password'), 'utf8')
  for (const { output } of servers) {
    t.match(output.text, `password ${password}`, 'all print the same random password')
  }
  for (const file of ['development-secret', 'keys/keys.json', 'demo-password']) {
    t.equal(statSync(join(env.DATA_DIR, file)).mode & 0o777, 0o600, `${file} is its owner's alone`)
  }
  t.same(
    readdirSync(env.DATA_DIR)
      .filter((name) => !name.startsWith('example.db'))
      .sort(),
    ['demo-password', 'development-secret', 'keys']
  )
  const printed = server.output.text.split('\n').filter((line) => !line.startsWith('{'))
  t.equal(printed[0], `Open this address in a browser: ${url}`)
  t.match(server.output.text, new RegExp(`curl .*${url}/auth/login`), 'prints lines to paste')

  const signedIn = await post(`${url}/auth/login`, { body: { username: 'alice', password } })
  t.equal(signedIn.status, 200)
  t.equal(signedIn.headers.get('cache-control'), 'no-store')
  const tokens = (await signedIn.json()) as Tokens
  t.match(tokens, { token_type: 'Bearer', expires_in: 600, scope: 'notes:read notes:write' })
  t.match(await (await fetch(`${two.url}/me`, { headers: bearer(tokens) })).json(), {
    name: 'alice',
    roles: [],
    iss: 'http://localhost:3000'
  })

  const jar = createJar()
  const byCookie = await post(`${url}/auth/login`, { body: { username: 'ALICE', password, transport: 'cookie' } })
  jar.keep(byCookie.headers.getSetCookie())
  t.same(Object.keys((await byCookie.json()) as object), ['session_id', 'expires_in'], 'no token in the body')
  t.same(jar.names(), ['__Host-access', '__Host-refresh'])
  t.equal((await fetch(`${url}/me`, { headers: jar.header() })).status, 200)
  const oldCookies = jar.header()

  t.equal((await post(`${url}/notes`, { body: { text: 'remember' }, headers: bearer(tokens) })).status, 201)
  const refreshed = (await (
    await post(`${two.url}/auth/refresh`, { body: { refresh_token: tokens.refresh_token } })
  ).json()) as Tokens
  const byCookieAgain = await post(`${url}/auth/refresh`, { headers: jar.header() })
  t.equal(byCookieAgain.status, 200)
  jar.keep(byCookieAgain.headers.getSetCookie())

  const staying = (await (await post(`${url}/auth/login`, { body: { username: 'alice', password } })).json()) as Tokens
  t.equal((await post(`${url}/auth/logout`, { body: { refresh_token: refreshed.refresh_token } })).status, 204)
  t.equal((await post(`${url}/auth/logout`, { headers: jar.header() })).status, 204)
  for (const headers of [bearer(tokens), bearer(refreshed), jar.header(), oldCookies]) {
    const refused = await fetch(`${url}/me`, { headers: headers as Record<string, string> })
    t.equal(refused.status, 401)
    t.match(refused.headers.get('www-authenticate'), /^Bearer realm="http:\/\/localhost:3000", error="invalid_token"/)
  }
  t.equal((await fetch(`${url}/auth/login?access_token=${staying.access_token}`)).status, 404)
  t.strictSame(await Promise.all(servers.map(({ stop }) => stop())), [0, 0], 'SIGTERM ends them gracefully')
  for (const secret of [tokens, refreshed, staying].flatMap(({ access_token: access, refresh_token: refresh }) => [
    access,
    refresh
  ])) {
    t.notOk(
      servers.some(({ output }) => output.text.includes(secret)),
      'no token is logged, even at level trace'
    )
  }
  for (const { output } of servers) t.notMatch(output.text, /"level":(40|50|60)/)

  const { app: again } = await createInjected(t, { env: { DATA_DIR: env.DATA_DIR } })
  t.equal((await again.inject({ url: '/me', headers: bearer(staying) })).statusCode, 200, 'the session continues')
  t.equal(
    (await again.inject({ url: '/me', headers: bearer(refreshed) })).statusCode,
    401,
    'an ended session is still refused'
  )
  t.match((await again.inject({ url: '/notes', headers: bearer(staying) })).json(), [{ text: 'remember' }])
  t.equal((await login(again, { username: 'alice', given: password })).statusCode, 200, 'the user too')
  t.match((await again.inject('/.well-known/jwks.json')).json().keys, [
    { kty: 'OKP', crv: 'Ed25519' },
    { kty: 'OKP', crv: 'Ed25519' }
  ])
})

t.test('a production server does not start with wrong variables, and prints one line for each', async (t) => {
  const { output, exitCode } = runProgram(t, {
    entry: 'server.ts',
    env: { DATA_DIR: t.testdir(), NODE_ENV: 'production', COOKIE_SECURE: 'false', PORT: 'http' }
  })
  t.equal(await exitCode(), 1)
  t.strictSame(output.text.trim().split('\n'), [
    'Cannot start: AUTH_ISSUER is required in production',
    'Cannot start: AUTH_SECRET is required in production',
    'Cannot start: COOKIE_SECURE must not be false in production',
    'Cannot start: PORT must be a whole number between 0 and 65535: received "http"'
  ])
})

t.test(
  'a production server warns that nobody can sign in over plain http, and sends no stack and no version',
  async (t) => {
    const { url, output, stop } = await startServer(t, { ...production, TRUST_PROXY: '', DATA_DIR: t.testdir() })
    t.match(JSON.parse(output.text.trim().split('\n').at(-1)!), { level: 30, msg: `listening on ${url}` })
    for (const line of output.text.trim().split('\n')) t.match(line, /^\{"level":.*\}$/, 'JSON, for log collectors')
    t.match(
      output.text,
      'set TLS_CERT_FILE and TLS_KEY_FILE, or set TRUST_PROXY to the address of a proxy that sends X-Forwarded-Proto'
    )
    for (const [path, init] of [
      ['/me', {}],
      ['/nowhere', {}],
      ['/live', {}],
      ['/docs', {}],
      ['/auth/login', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }]
    ] as const) {
      const response = await fetch(url + path, init)
      t.match(response.headers.get('strict-transport-security'), /^max-age=31536000/)
      for (const name of ['server', 'x-powered-by']) t.equal(response.headers.get(name), null)
      t.notMatch(await response.text(), /\bat .*:\d+:\d+|node_modules|[Ff]astify\/?\d/)
    }
    t.equal(await stop(), 0)
  }
)

t.test('SIGTERM finishes the requests in flight, closes all sockets, and ends the process without force', async (t) => {
  const { url, output, stop } = await startServer(t, {
    DATA_DIR: t.testdir(),
    DEMO_PASSWORD: password,
    LOG_LEVEL: 'trace',
    TRUST_PROXY: 'true',
    DRAIN_SECONDS: '1'
  })
  t.match(output.text, /"msg":"TRUST_PROXY trusts every client: /, 'the warning outside production')
  const signedIn = await post(`${url}/auth/login`, { body: { username: 'alice', password } })
  const { access_token: token } = (await signedIn.json()) as Tokens
  const headers = { authorization: `Bearer ${token}` }
  const sockets = Array.from(
    { length: 5 },
    () => new WebSocket(url.replace('http', 'ws') + `/live?access_token=${token}`, { headers })
  )
  await Promise.all(sockets.map((socket) => once(socket, 'message')))

  /** Resolves when the server has received the head of the request, and waits for the body. */
  async function begin(path: string) {
    const request = httpRequest(url + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', expect: '100-continue' }
    })
    const status = once(request, 'response').then(async ([response]) => {
      response.resume()
      await once(response, 'end')
      return response.statusCode
    })
    request.flushHeaders()
    await once(request, 'continue')
    return { finish: (body: object) => request.end(JSON.stringify(body)), status }
  }

  const logins = await Promise.all(Array.from({ length: 4 }, async () => await begin('/auth/login')))
  const notes = await Promise.all(Array.from({ length: 20 }, async () => await begin('/notes')))
  const closes = Promise.all(sockets.map((socket) => once(socket, 'close')))
  const exitCode = stop()
  for (const [code, reason] of await closes) t.strictSame([code, String(reason)], [1001, 'server-closing'])
  for (const { finish } of logins) finish({ username: 'alice', password })
  for (const { finish } of notes) finish({ text: 'at the last moment' })
  t.strictSame(await Promise.all(notes.map(({ status }) => status)), Array(20).fill(201))
  // A slow machine may not hash all passwords in time; those that wait are refused.
  for (const { status } of logins) t.match(await status, /^(200|503)$/)
  t.equal(await exitCode, 0, 'a forced exit would be 1')
  t.notMatch(output.text, /"level":(50|60)/)
  t.match(output.text, '"url":"/live"')
  t.strictSame(
    [...output.text.matchAll(/"drainMs":(\d+)|"msg":"(stopp\w+)"/g)].map(([, drainMs, msg]) => msg ?? drainMs),
    ['1000', 'stopping', 'stopped']
  )
  t.notOk(output.text.includes(token), 'no token is logged, even at level trace')
})
