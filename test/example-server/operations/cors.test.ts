import t from 'tap'
import { production, overTls } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.setTimeout(600_000)

const origin = 'https://app.example.com'
const env = { TRUSTED_ORIGINS: `${origin}, http://localhost:5173` }

const corsOf = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => /^(access-control-.*|vary)$/.test(name)))

const readable = {
  vary: 'Origin',
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers':
    'date, link, retry-after, www-authenticate, x-request-id, x-ratelimit-limit, x-ratelimit-remaining, ' +
    'x-ratelimit-reset, content-disposition'
}

t.test('a page of a trusted origin can read every response, whatever its status', async (t) => {
  const stopping = new AbortController()
  const { app, signIn } = await createInjected(t, { env, stopping: stopping.signal })
  const { headers } = await signIn('bob')
  stopping.abort()
  const rows: [number, { method?: 'GET' | 'POST'; url: string; headers?: object; payload?: object | string }][] = [
    [200, { url: '/me', headers }],
    [401, { url: '/me' }],
    [401, { url: '/auth/login', method: 'POST', payload: { username: 'nobody', password: 'wrong' } }],
    [403, { url: '/admin/users', headers }],
    [404, { url: '/notes/none', headers }],
    [404, { url: '/nothing' }],
    [400, { url: '/auth/login', method: 'POST', payload: {} }],
    [415, { url: '/auth/login', method: 'POST', payload: '<a/>', headers: { 'content-type': 'text/xml' } }],
    [413, { url: '/auth/login', method: 'POST', payload: { username: 'a'.repeat(70_000) } }],
    [503, { url: '/health/ready' }]
  ]
  for (const [status, request] of rows) {
    const response = await app.inject({ ...request, headers: { ...request.headers, origin } })
    t.equal(response.statusCode, status, JSON.stringify(request).slice(0, 80))
    t.strictSame(corsOf(response.headers), readable)
  }
})

t.test('a preflight of a trusted origin succeeds without credentials, on protected routes too', async (t) => {
  const { app } = await createInjected(t, { env })
  const routes: [string, string][] = [
    ['/me', 'GET'],
    ['/notes/1', 'DELETE'],
    ['/auth/login', 'POST'],
    ['/auth/refresh', 'POST']
  ]
  for (const [url, method] of routes) {
    const response = await app.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type'
      }
    })
    t.equal(response.statusCode, 204, url)
    t.strictSame(corsOf(response.headers), {
      ...readable,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'authorization, content-type, if-none-match, x-request-id, traceparent, tracestate',
      'access-control-max-age': '600'
    })
    t.equal(response.headers['cache-control'], 'no-store')
  }
})

// What an attacker's page, or a page that is almost a trusted one, sends.
const untrusted = [
  'https://evil.example',
  'null',
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'https://sub.app.example.com',
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://app.example.com/',
  'https://APP.example.com',
  'https://app.example.com, https://evil.example',
  'http://localhost:5174',
  '*',
  ''
]

t.test('another origin gets no CORS header: not by a request, not by a preflight, never a wildcard', async (t) => {
  const { app, signIn } = await createInjected(t, { env })
  const { headers } = await signIn('bob', { transport: 'cookie' })
  for (const other of untrusted) {
    const read = await app.inject({ url: '/me', headers: { ...headers, origin: other } })
    t.strictSame(corsOf(read.headers), { vary: 'Origin' }, other)
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: '/me',
      headers: { origin: other, 'access-control-request-method': 'GET' }
    })
    t.equal(preflight.statusCode, 404)
    t.strictSame(corsOf(preflight.headers), { vary: 'Origin' }, other)
  }
  const withoutOrigin = await app.inject({ url: '/me', headers })
  t.strictSame([withoutOrigin.statusCode, corsOf(withoutOrigin.headers)], [200, { vary: 'Origin' }])
})

t.test('a change by cookie from another origin is refused, and from a trusted one it is not', async (t) => {
  const { app, signIn } = await createInjected(t, { env })
  const { headers } = await signIn('bob', { transport: 'cookie' })
  const save = async (from: string, site: string) => {
    const response = await app.inject({
      method: 'POST',
      url: '/notes',
      headers: { ...headers, origin: from, 'sec-fetch-site': site },
      payload: { text: 'from a page' }
    })
    return [response.statusCode, response.headers['access-control-allow-origin']]
  }
  t.strictSame(await save(origin, 'cross-site'), [201, origin])
  t.strictSame(await save('http://localhost:5173', 'same-site'), [201, 'http://localhost:5173'])
  t.strictSame(await save('http://localhost:5174', 'same-site'), [403, undefined])
  t.strictSame(await save('https://evil.example', 'cross-site'), [403, undefined])
})

t.test('without TRUSTED_ORIGINS no response mentions CORS', async (t) => {
  const { app } = await createInjected(t, { env: production })
  const get = await app.inject({ url: '/health/live', headers: { origin, ...overTls } })
  t.strictSame(corsOf(get.headers), {})
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/me',
    headers: { origin, 'access-control-request-method': 'GET' }
  })
  t.strictSame([preflight.statusCode, corsOf(preflight.headers)], [404, {}])
})
