import t from 'tap'
import { createAuthEvents } from '../../../example-server/operations/auth-events.ts'
import { createMetrics } from '../../../example-server/operations/metrics.ts'
import { password } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('/metrics counts sign-ins, refreshes, refusals and requests, and no label has text of a client', async (t) => {
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
  const response = await app.inject('/metrics')
  t.match(response.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const lines = response.body.split('\n')
  for (const line of [
    'auth_sign_ins_total{outcome="succeeded"} 1',
    'auth_sign_ins_total{outcome="wrong"} 1',
    'auth_refreshes_total{outcome="coalesced"} 1',
    'auth_refreshes_total{outcome="invalid"} 1',
    'auth_refreshes_total{outcome="missing"} 1',
    'auth_refusals_total{code="AUTH_INVALID_TOKEN"} 1',
    'auth_refusals_total{code="LOGIN_FAILED"} 1',
    'auth_sessions_ended_total 1',
    'auth_revocation_log_stale_seconds 0',
    'password_hashes_running 0',
    'password_hashes_waiting 0',
    'live_sockets_open 0',
    'http_request_duration_seconds_count{method="DELETE",route="/notes/:id",status="404"} 1',
    'http_request_duration_seconds_count{method="GET",route="none",status="404"} 1',
    'http_request_duration_seconds_count{method="POST",route="/auth/login",status="401"} 1'
  ]) {
    t.ok(lines.includes(line), line)
  }
  t.match(response.body, /^process_resident_memory_bytes \d+/m)
  t.notMatch(response.body, /marvin/)
  const { app: without } = await createInjected(t, { env: { METRICS: 'false' } })
  t.equal((await without.inject('/metrics')).statusCode, 404)
})

t.test('/metrics has each outcome at 0 from the start, one label for static files, and the version', async (t) => {
  const { app } = await createInjected(t)
  for (const url of ['/page/page.js', '/page/page.css', '/client/index.js', '/docs/json', '/page/none.js']) {
    await app.inject(url)
  }
  const { body } = await app.inject('/metrics')
  const valuesOf = (metric: string) =>
    [...body.matchAll(new RegExp(`^${metric}\\{outcome="(\\w+)"\\} (\\d+)$`, 'gm'))].map(([, outcome, value]) => [
      outcome,
      value
    ])
  t.strictSame(
    valuesOf('auth_sign_ins_total').sort(),
    ['busy', 'limited', 'refused', 'succeeded', 'unavailable', 'wrong'].map((outcome) => [outcome, '0'])
  )
  t.strictSame(
    valuesOf('auth_refreshes_total').sort(),
    [
      'coalesced',
      'invalid',
      'missing',
      'refused',
      'retried',
      'reused',
      'rolled_back',
      'rotated',
      'superseded',
      'unavailable'
    ].map((outcome) => [outcome, '0'])
  )
  const routes = [...body.matchAll(/^http_request_duration_seconds_count\{method="GET",route="([^"]+)"/gm)]
  t.strictSame(routes.map(([, route]) => route).sort(), ['none', 'static'])
  t.match(body, /^app_build_info\{version="\d+\.\d+\.\d+"\} 1$/m)
})

t.test(
  'createMetrics() counts each outcome of a refresh, and shows how long the revocation log is stale',
  async (t) => {
    const events = createAuthEvents()
    let now = 0
    const metrics = createMetrics({
      events,
      passwords: { load: () => ({ running: 1, waiting: 2 }) },
      liveSockets: { count: () => 3 },
      clock: () => now
    })
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
    for (const code of codes) metrics.countRefusedRefresh(code)
    events.publish({ type: 'keys-reload-failed', reason: 'unreadable' })
    events.publish({ type: 'revocation-log-stale', silentMs: 40_000 })
    now += 2000
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
    t.match(text, 'password_hashes_running 1')
    t.match(text, 'password_hashes_waiting 2')
    t.match(text, 'live_sockets_open 3')
    t.match(text, /^auth_revocation_log_stale_seconds 42$/m)
    events.publish({ type: 'revocation-log-recovered', silentMs: 41_000 })
    t.match(await metrics.text(), 'auth_revocation_log_stale_seconds 0')
  }
)

t.test(
  'auth_sessions_ended_total counts only what this process has ended, so that nodes can be added up',
  async (t) => {
    const events = createAuthEvents()
    const metrics = createMetrics({
      events,
      passwords: { load: () => ({ running: 0, waiting: 0 }) },
      liveSockets: { count: () => 0 }
    })
    for (const here of [true, false, false]) {
      events.publish({ type: 'session-revoked', sessionId: 'x', reason: null, here })
    }
    t.match(await metrics.text(), /^auth_sessions_ended_total 1$/m)
  }
)

t.test('auth_sessions_open is counted once a minute, and absent if it cannot be counted', async (t) => {
  let now = 0
  let calls = 0
  let isDown = false
  const expiresAt = new Date('2027-01-01T00:00:00Z')
  const metrics = createMetrics({
    events: createAuthEvents(),
    passwords: { load: () => ({ running: 0, waiting: 0 }) },
    liveSockets: { count: () => 0 },
    countSessions: async () => {
      calls++
      if (isDown) throw new Error('the database is down')
      return 10 * calls
    },
    certificateExpiresAt: () => expiresAt,
    clock: () => now
  })
  const valueOf = async (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(await metrics.text())?.[1]
  for (const [time, expected] of [
    [0, '10'],
    [59_999, '10'],
    [60_000, '20']
  ] as const) {
    now = time
    t.equal(await valueOf('auth_sessions_open'), expected)
  }
  isDown = true
  now = 120_000
  t.equal(await valueOf('auth_sessions_open'), undefined)
  isDown = false
  now = 180_000
  t.equal(await valueOf('auth_sessions_open'), '40')
  t.equal(await valueOf('tls_certificate_expiry_timestamp_seconds'), String(expiresAt.getTime() / 1000))
})
