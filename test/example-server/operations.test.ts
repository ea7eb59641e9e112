import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { isBuiltin } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import underPressure from '@fastify/under-pressure'
import Fastify, { type InjectOptions } from 'fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import { createAuthEvents } from '../../example-server/operations/auth-events.ts'
import { readConfig } from '../../example-server/config/config.ts'
import { seedDemoUsers } from '../../example-server/demo-users.ts'
import { createLiveSockets } from '../../example-server/live/live-sockets.ts'
import { logEvents, loggerOptions } from '../../example-server/operations/logging.ts'
import { createMetrics } from '../../example-server/operations/metrics.ts'
import { createPasswords } from '../../example-server/passwords/passwords.ts'
import { servesUnderPressure, pressure } from '../../example-server/operations/pressure.ts'
import { warnOfTrustedClients } from '../../example-server/operations/transport-security.ts'
import { createInjected, startServer } from '../fixtures/example-server.ts'

// Processes that start from TypeScript take their time on a busy machine.
t.setTimeout(120_000)

const password = 'correct horse battery staple'
const production = {
  NODE_ENV: 'production',
  AUTH_ISSUER: 'https://api.example.com',
  AUTH_SECRET: '0123456789abcdefghijklmnopqrstuv'
}

/** Whatever passwords and refresh tokens are sent to. */
const credentials: [string, object][] = [
  ['/auth/register', { username: 'bob', password }],
  ['/auth/login', { username: 'bob', password }],
  ['/auth/login', { username: 'bob', password, transport: 'cookie' }],
  ['/auth/refresh', { refresh_token: 'x' }],
  ['/auth/logout', { refresh_token: 'x' }]
]

t.test(
  'in production passwords and tokens are refused over plain http before any work is done, from loopback and from proxies that nobody declared',
  async (t) => {
    let hashed = 0
    const hashing = { hash: async () => '$argon2id$', verify: async () => ++hashed > 0 }
    const { app } = await createInjected(
      t,
      { ...production, ALLOW_REGISTRATION: 'true', TRUST_PROXY: '192.0.2.1' },
      { hashing }
    )
    const send = async (options: InjectOptions) => {
      const answer = await app.inject({ method: 'POST', ...options })
      return [answer.statusCode, answer.json().code]
    }
    for (const [url, payload] of credentials) {
      const overTls = { 'x-forwarded-proto': 'https' }
      for (const plain of [
        {},
        { headers: overTls },
        { remoteAddress: '192.0.2.1' },
        { remoteAddress: '192.0.2.1', headers: { 'x-forwarded-proto': 'http' } }
      ]) {
        t.strictSame(await send({ url, payload, ...plain }), [403, 'HTTPS_REQUIRED'], `${url} ${JSON.stringify(plain)}`)
      }
      const { statusCode, body } = await app.inject({
        method: 'POST',
        url,
        payload,
        remoteAddress: '192.0.2.1',
        headers: overTls
      })
      t.ok(statusCode === 204 || JSON.parse(body).code !== 'HTTPS_REQUIRED', `${url} over https`)
    }
    t.ok(hashed <= 2, 'only for those who came over https')
    const token = await app.accessTokens.sign({ sub: 'bob', claims: { name: 'bob', roles: [] } })
    const payload = { current_password: password, new_password: 'a new password' }
    t.strictSame(await send({ url: '/auth/password', headers: { authorization: `Bearer ${token}` }, payload }), [
      403,
      'HTTPS_REQUIRED'
    ])
  }
)

t.test(
  'in production a refresh token that signs out over plain http is refused, and its session lives on',
  async (t) => {
    const {
      app,
      database: { users },
      passwords
    } = await createInjected(t, { ...production, TRUST_PROXY: '192.0.2.1' })
    await users.add({ name: 'bob', passwordHash: await passwords.hash(password) })
    const overTls = { remoteAddress: '192.0.2.1', headers: { 'x-forwarded-proto': 'https' } }
    const { refresh_token: token } = (
      await app.inject({ method: 'POST', url: '/auth/login', payload: { username: 'bob', password }, ...overTls })
    ).json()
    const send = async (url: string, more: object) =>
      await app.inject({ method: 'POST', url, payload: { refresh_token: token }, ...more })
    const refused = await send('/auth/logout', {})
    t.strictSame([refused.statusCode, refused.json().code], [403, 'HTTPS_REQUIRED'])
    t.equal((await send('/auth/refresh', overTls)).statusCode, 200)
    t.equal((await send('/auth/logout', overTls)).statusCode, 204)
    t.equal((await send('/auth/refresh', overTls)).statusCode, 401)
  }
)

t.test('in production every route whose body has a password or a token refuses plain http', async (t) => {
  const { app } = await createInjected(t, production)
  const token = await app.accessTokens.sign({ sub: 'bob', claims: { name: 'bob', roles: [] } })
  const { paths } = (await app.inject('/docs/json')).json()
  const routes = Object.entries<any>(paths).flatMap(([url, methods]) =>
    Object.entries<any>(methods).map(([method, { requestBody }]) => ({ url, method, requestBody }))
  )
  const withCredentials = routes.filter(({ requestBody }) =>
    /"[a-z_]*(password|token|secret)[a-z_]*":/.test(JSON.stringify(requestBody ?? null))
  )
  t.strictSame(withCredentials.map(({ url }) => url).sort(), [
    '/auth/login',
    '/auth/logout',
    '/auth/password',
    '/auth/refresh',
    '/auth/register'
  ])
  for (const { url, method } of withCredentials) {
    const answer = await app.inject({
      method: method.toUpperCase(),
      url,
      headers: { authorization: `Bearer ${token}` }
    })
    t.strictSame([answer.statusCode, answer.json().code], [403, 'HTTPS_REQUIRED'], url)
  }
})

t.test(
  'a production server says at the start why nobody can sign in over plain http, and its answers tell no stack and no version',
  async (t) => {
    const { url, output, stop } = await startServer(t, { ...production, DATA_DIR: t.testdir() })
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
      const answer = await fetch(url + path, init)
      t.match(answer.headers.get('strict-transport-security'), /^max-age=31536000/)
      for (const name of ['server', 'x-powered-by']) t.equal(answer.headers.get(name), null)
      t.notMatch(await answer.text(), /\bat .*:\d+:\d+|node_modules|[Ff]astify\/?\d/)
    }
    t.equal(await stop(), 0)
  }
)

t.test(
  'a password that anybody would try first, or that is the name, cannot be chosen at sign-up or later',
  async (t) => {
    const { app } = await createInjected(t)
    const register = async (username: string, chosen: string) =>
      await app.inject({ method: 'POST', url: '/auth/register', payload: { username, password: chosen } })
    for (const chosen of ['password', 'Password1', '12345678', 'iloveyou', 'QWERTYUIOP', 'trustno1', 'Bobby.Tables']) {
      const answer = await register('bobby.tables', chosen)
      t.strictSame([answer.statusCode, answer.json().code], [400, 'PASSWORD_COMMON'], chosen)
    }
    t.equal((await register('bobby.tables', password)).statusCode, 201)
    const { access_token: token } = (
      await app.inject({ method: 'POST', url: '/auth/login', payload: { username: 'bobby.tables', password } })
    ).json()
    for (const chosen of ['sunshine', 'BOBBY.TABLES']) {
      const answer = await app.inject({
        method: 'POST',
        url: '/auth/password',
        headers: { authorization: `Bearer ${token}` },
        payload: { current_password: password, new_password: chosen }
      })
      t.strictSame([answer.statusCode, answer.json().code], [400, 'PASSWORD_COMMON'], chosen)
    }
  }
)

t.test('100 wrong passwords for alice from one address are slowed down, while alice signs in from hers', async (t) => {
  const {
    app,
    config,
    database: { users },
    passwords
  } = await createInjected(t, { DEMO_PASSWORD: password })
  await seedDemoUsers({ config, users, passwords })
  const login = async (given: string, remoteAddress: string) =>
    await app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { username: 'alice', password: given },
      remoteAddress
    })
  const guesses = []
  for (let guess = 0; guess < 100; guess++) guesses.push(await login(`guess ${guess}`, '198.51.100.1'))
  t.strictSame(
    guesses.map(({ statusCode }) => statusCode),
    [...Array(20).fill(401), ...Array(80).fill(429)]
  )
  for (const { headers } of guesses.slice(20)) t.match(headers['retry-after'], /^[1-9]\d{0,2}$/)
  t.equal((await login(password, '203.0.113.7')).statusCode, 200)
  t.equal((await login(password, '198.51.100.1')).statusCode, 429, 'the right guess comes too late there')
})

t.test(
  'under pressure requests are turned away with 503 and Retry-After, routes with `servesUnderPressure` are not',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(underPressure, { ...pressure, sampleInterval: 10, maxHeapUsedBytes: 1 })
    app.get('/work', async () => 'done')
    app.get('/health/live', { config: servesUnderPressure }, async () => 'alive')
    await app.ready()
    // Until the first sample has been taken.
    while (!app.isUnderPressure()) await setImmediate()
    const answer = await app.inject('/work')
    t.match(answer, { statusCode: 503, headers: { 'retry-after': '2' } })
    t.equal(answer.json().code, 'OVERLOADED')
    t.equal((await app.inject('/health/live')).statusCode, 200)
  }
)

t.test(
  '/metrics counts sign-ins, refreshes, refusals and requests, and has no label that a client could choose',
  async (t) => {
    const { app } = await createInjected(t)
    const post = async (url: string, payload?: object, headers = {}) =>
      await app.inject({ method: 'POST', url, headers, ...(payload && { payload }) })
    await post('/auth/register', { username: 'marvin', password })
    await post('/auth/login', { username: 'marvin', password: 'a wrong password' })
    const { access_token: access, refresh_token: refresh } = (
      await post('/auth/login', { username: 'marvin', password })
    ).json()
    const headers = { authorization: `Bearer ${access}` }
    await post('/auth/refresh', { refresh_token: refresh })
    await post('/auth/refresh', { refresh_token: 'forged' })
    await post('/auth/refresh')
    await app.inject({ url: '/me', headers: { authorization: 'Bearer marvin' } })
    await app.inject({ method: 'DELETE', url: '/notes/marvin', headers })
    await app.inject('/marvin?marvin=marvin')
    await post('/auth/logout', undefined, headers)
    const answer = await app.inject('/metrics')
    t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
    const lines = answer.body.split('\n')
    for (const line of [
      'auth_sign_ins_total{outcome="succeeded"} 1',
      'auth_sign_ins_total{outcome="wrong"} 1',
      'auth_refreshes_total{outcome="coalesced"} 1',
      'auth_refreshes_total{outcome="invalid"} 1',
      'auth_refreshes_total{outcome="missing"} 1',
      'auth_refusals_total{code="AUTH_INVALID_TOKEN"} 1',
      'auth_refusals_total{code="LOGIN_FAILED"} 1',
      'auth_sessions_ended_total 1',
      'auth_feed_stale_seconds 0',
      'password_hashes_running 0',
      'password_hashes_waiting 0',
      'live_sockets_open 0',
      'http_request_duration_seconds_count{method="DELETE",route="/notes/:id",status="404"} 1',
      'http_request_duration_seconds_count{method="GET",route="none",status="404"} 1',
      'http_request_duration_seconds_count{method="POST",route="/auth/login",status="401"} 1'
    ]) {
      t.ok(lines.includes(line), line)
    }
    t.match(answer.body, /^process_resident_memory_bytes \d+/m)
    t.notMatch(answer.body, /marvin/)
    const { app: without } = await createInjected(t, { METRICS: 'false' })
    t.equal((await without.inject('/metrics')).statusCode, 404)
  }
)

t.test('every case of a refresh has its own count, and a feed that is silent shows for how long', async (t) => {
  const events = createAuthEvents()
  const passwords = await createPasswords()
  const metrics = createMetrics({ events, passwords, liveSockets: createLiveSockets() })
  for (const type of ['session-refreshed', 'refresh-retried', 'store-rolled-back'] as const) {
    events.publish({ type, sub: 'bob', sessionId: 'x' })
  }
  events.publish({ type: 'refresh-coalesced', sub: 'bob', sessionId: 'x', streak: 1 })
  const codes = [
    'AUTH_REFRESH_REUSED',
    'AUTH_REFRESH_SUPERSEDED',
    'AUTH_REFRESH_INVALID',
    'AUTH_NO_CREDENTIALS',
    'AUTH_STORE_UNAVAILABLE',
    'AUTH_CROSS_SITE'
  ]
  for (const code of codes) await metrics.countRefusedRefresh({} as any, {} as any, { code })
  events.publish({ type: 'keys-reload-failed', reason: 'unreadable' })
  events.publish({ type: 'revocation-log-stale', silentMs: 40_000 })
  const text = await metrics.text()
  for (const outcome of [
    'rotated',
    'coalesced',
    'retried',
    'rolled_back',
    'reused',
    'superseded',
    'invalid',
    'missing',
    'unavailable',
    'refused'
  ]) {
    t.match(text, `auth_refreshes_total{outcome="${outcome}"} 1`)
  }
  t.match(text, 'auth_keys_reload_failures_total 1')
  t.match(text, /^auth_feed_stale_seconds 4\d\.?\d*$/m)
  events.publish({ type: 'revocation-log-recovered', silentMs: 41_000 })
  t.match(await metrics.text(), 'auth_feed_stale_seconds 0')
})

t.test('the log warns of a session whose tokens are presented twice six times in a row, not of two tabs', async (t) => {
  const lines: [string, string][] = []
  const level = (name: string) => (_members: object, text: string) => {
    lines.push([name, text])
  }
  const onEvent = logEvents({ debug: level('debug'), warn: level('warn') } as any)
  for (const streak of [0, 1, 5, 6, 7]) onEvent({ type: 'refresh-coalesced', sub: 'bob', sessionId: 'x', streak })
  onEvent({ type: 'refresh-token-reused', sub: 'bob', sessionId: 'x' })
  t.strictSame(lines, [
    ...['debug', 'debug', 'debug', 'warn', 'warn'].map((name) => [name, 'refresh-coalesced']),
    ['warn', 'refresh-token-reused']
  ])
})

t.test('publish() tells every listener, whatever another one does', async (t) => {
  const events = createAuthEvents()
  const heard: string[] = []
  events.subscribe(() => {
    throw new Error('the log is full')
  })
  events.subscribe(({ type }) => heard.push(type))
  t.throws(() => events.publish({ type: 'session-revoked', sessionId: 'x', reason: null }), {
    message: 'the log is full'
  })
  t.strictSame(heard, ['session-revoked'])
})

t.test('refuseWaiting() refuses the passwords that wait, and lets those finish that are being hashed', async (t) => {
  let release = () => {}
  const held = new Promise<string>((resolve) => {
    release = () => resolve('a hash')
  })
  const hashes = ["nobody's", held]
  const passwords = await createPasswords({
    concurrency: 1,
    hashing: { hash: async () => await hashes.shift()!, verify: async () => true }
  })
  const [running, ...waiting] = [passwords.hash('one'), passwords.hash('two'), passwords.hash('three')]
  t.strictSame(passwords.load(), { running: 1, waiting: 2 })
  passwords.refuseWaiting()
  for (const refused of waiting) await t.rejects(refused, { code: 'BUSY' })
  release()
  t.equal(await running, 'a hash')
  t.strictSame(passwords.load(), { running: 0, waiting: 0 })
})

t.test(
  'SIGTERM with 100 requests in flight and open sockets: all are answered, the sockets told, and the process ends by itself',
  async (t) => {
    const { url, output, stop } = await startServer(t, {
      DATA_DIR: t.testdir(),
      DEMO_PASSWORD: password,
      LOG_LEVEL: 'trace'
    })
    const signedIn = await fetch(`${url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'alice', password })
    })
    const { access_token: token } = (await signedIn.json()) as { access_token: string }
    const headers = { authorization: `Bearer ${token}` }
    const sockets = Array.from(
      { length: 10 },
      () => new WebSocket(url.replace('http', 'ws') + `/live?access_token=${token}`, { headers })
    )
    await Promise.all(sockets.map((socket) => once(socket, 'message')))

    /** Resolves when the server has the head of the request, and waits for the body. */
    async function begin(path: string) {
      const request = httpRequest(url + path, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', expect: '100-continue' }
      })
      const answered = once(request, 'response').then(async ([answer]) => {
        answer.resume()
        await once(answer, 'end')
        return answer.statusCode
      })
      request.flushHeaders()
      await once(request, 'continue')
      return { finish: (body: object) => request.end(JSON.stringify(body)), answered }
    }

    // A load balancer's connection that is kept warm, and a client that has lost its thread.
    const strangers = [1, 2].map(() =>
      connect(Number(new URL(url).port), '127.0.0.1')
        .on('error', () => {})
        .resume()
    )
    t.teardown(() => strangers.forEach((stranger) => stranger.destroy()))
    await Promise.all(strangers.map((stranger) => once(stranger, 'connect')))
    strangers[1]!.write('POST /notes HTTP/1.1\r\nHost: x\r\nContent-Le')

    const logins = await Promise.all(Array.from({ length: 10 }, async () => await begin('/auth/login')))
    const notes = await Promise.all(Array.from({ length: 90 }, async () => await begin('/notes')))
    const goodbyes = Promise.all(sockets.map((socket) => once(socket, 'close')))
    const exitCode = stop()
    for (const [code, reason] of await goodbyes) t.strictSame([code, String(reason)], [1001, 'server-closing'])
    for (const { finish } of logins) finish({ username: 'alice', password })
    for (const { finish } of notes) finish({ text: 'at the last moment' })
    t.strictSame(await Promise.all(notes.map(({ answered }) => answered)), Array(90).fill(201))
    // Where hashing takes too long for the time that is left, those who wait are told to come again.
    for (const status of await Promise.all(logins.map(({ answered }) => answered))) {
      t.ok(status === 200 || status === 503, String(status))
    }
    t.equal(await exitCode, 0, 'by itself: who has to be killed exits with 1')
    t.notMatch(output.text, /"level":(50|60)/)
    t.match(output.text, '"url":"/live"')
    t.notOk(output.text.includes(token), 'no token is logged, not even at level trace')
  }
)

t.test(
  'an address that cannot be read is refused without repeating it, and no log line has more of one than its path',
  async (t) => {
    const { app } = await createInjected(t)
    const response = await app.inject({ url: '/%?access_token=secret', headers: { origin: 'https://evil.example' } })
    t.equal(response.statusCode, 400)
    t.notMatch(response.body, 'secret')
    t.match(response.headers, {
      'cache-control': 'no-store',
      'content-security-policy': /^default-src 'none'/,
      'x-content-type-options': 'nosniff'
    })

    const {
      serializers: { req }
    } = loggerOptions('info')
    for (const [url, logged] of [
      ['/notes/1', '/notes/1'],
      ['/me?access_token=x', '/me'],
      ['/me#x', '/me'],
      ['/me;access_token=x', '/me'],
      ['/me%3Faccess_token=x', '/me'],
      ['/me%3faccess_token=x', '/me'],
      ['http://bob:password@host/me?x', '/me'],
      ['/a?b=http://host/c', '/a']
    ]) {
      t.equal(req({ method: 'GET', url, ip: '192.0.2.1' } as never).url, logged)
    }
  }
)

t.test(
  'a logged address has no token in it, whatever character sets it off and however often that was encoded',
  async (t) => {
    const {
      serializers: { req }
    } = loggerOptions('info')
    const logged = (url: string) => req({ method: 'GET', url, ip: '192.0.2.1' } as never).url
    const encode = (text: string) => [...text].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('')
    for (const character of '?#;&=') {
      const code = encode(character)
      for (const delimiter of [
        character,
        code,
        code.toUpperCase(),
        code.replace('%', '%25'),
        code.replace('%', '%252525'),
        encode(code)
      ]) {
        t.equal(logged(`/x${delimiter}token=secret`), '/x', delimiter)
      }
    }
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl'
    const refreshToken = 'rt1.Zm9vYmFyYmF6.0.bWFj'
    for (const token of [
      jwt,
      refreshToken,
      jwt.replace('e', '%65'),
      jwt.replaceAll('.', '%2e'),
      refreshToken.replace('r', '%2572'),
      `prefix-${jwt}`,
      'x'.repeat(65)
    ]) {
      t.equal(logged(`/auth/sessions/${token}/x?y`), '/auth/sessions/[redacted]/x', token)
    }
    t.equal(logged('//bob:password@host/me'), '/me')
    t.equal(logged(`/x${encode(encode(encode(encode('?'))))}token=secret`), '/x', 'what is still encoded is cut off')
    for (const plain of [
      '/',
      '*',
      '/notes/6e0f7a3c-2b1d-4f5e-9a7b-0c1d2e3f4a5b',
      '/page/workshop/other-site.js',
      '/gr%C3%BC%C3%9Fe%20x',
      '/100%',
      '/%zz'
    ]) {
      t.equal(logged(plain), plain)
    }
  }
)

t.test(
  'with SQLite, readiness tells that the file is gone, and another process that writes for long stops neither probes nor readers',
  async (t) => {
    const { app, config } = await createInjected(t, { DEMO_PASSWORD: password })
    const path = join(config.dataDir, 'example.db')
    const carol = { username: 'carol', password: 'a long passphrase' }
    await app.inject({ method: 'POST', url: '/auth/register', payload: carol })
    const signedIn = await app.inject({ method: 'POST', url: '/auth/login', payload: carol })
    const headers = { authorization: `Bearer ${signedIn.json().access_token}` }
    const { DatabaseSync } = (await import(
      isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite'
    )) as typeof import('@photostructure/sqlite')
    const other = new DatabaseSync(path)
    t.teardown(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    const note = await app.inject({ method: 'POST', url: '/notes', headers, payload: { text: 'wait' } })
    t.equal(note.statusCode, 503)
    t.equal((await app.inject('/health/ready')).statusCode, 200)
    other.exec('ROLLBACK')
    t.equal((await app.inject({ method: 'POST', url: '/notes', headers, payload: { text: 'now' } })).statusCode, 201)

    rmSync(path)
    t.equal((await app.inject('/health/ready')).statusCode, 503)
    t.equal((await app.inject('/health/live')).statusCode, 200)
  }
)

t.test("outside production a server that trusts every client's X-Forwarded-For warns of it at the start", async (t) => {
  const warning =
    'TRUST_PROXY trusts every client: each can forge its address (X-Forwarded-For) and so evade the limits on ' +
    'guessing. List only the addresses of your proxies'
  for (const everyone of ['true', '0.0.0.0/0']) {
    t.equal(warnOfTrustedClients(readConfig({ TRUST_PROXY: everyone })), warning)
  }
  for (const TRUST_PROXY of ['', 'false', '10.0.0.0/8']) {
    t.equal(warnOfTrustedClients(readConfig({ TRUST_PROXY })), null)
  }
  const { output, stop } = await startServer(t, { TRUST_PROXY: 'true', DATA_DIR: t.testdir() })
  t.match(output.text, `"msg":"${warning}"`)
  t.equal(await stop(), 0)
})
