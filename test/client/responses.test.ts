import { build } from 'esbuild'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { createAuth, type AuthOptions } from '../../client/index.js'
import { until } from '../fixtures/client-app.ts'

const baseUrl = 'https://api.example.com'
type Reply = Response | Error | Promise<Response>
interface Sent {
  readonly url: string
  readonly init: RequestInit
}

const json = (status: number, body: object | null, headers?: Record<string, string>) =>
  Response.json(body, { status, ...(headers && { headers }) })
const refusal = (code: string) => json(401, { code })
const issued = (sid = 'one', expiresIn: unknown = 600) => json(200, { session_id: sid, expires_in: expiresIn })

function withResolvers() {
  let resolve = (_response: Response) => {}
  const promise = new Promise<Response>((_resolve) => {
    resolve = _resolve
  })
  return { promise, resolve }
}

/** A client whose server replies with the given responses, by path; the last one is repeated. */
function client(t: Test, replies: Record<string, (() => Reply)[]>, options: Partial<AuthOptions> = {}) {
  const sent: Sent[] = []
  const auth = createAuth({
    baseUrl,
    refresh: '/refresh',
    async fetch(url: string, init: RequestInit = {}) {
      sent.push({ url, init })
      const list = replies[new URL(url).pathname] ?? [() => json(404, {})]
      const reply = await (list.length > 1 ? list.shift()! : list[0]!)()
      if (reply instanceof Error) throw reply
      return reply
    },
    ...options
  })
  t.teardown(() => auth.close())
  const events: string[] = []
  for (const type of ['signed-in', 'signed-out', 'refreshed', 'unavailable', 'available'] as const) {
    auth.addEventListener(type, () => events.push(type))
  }
  const requestsTo = (path: string) => sent.filter(({ url }) => url === `${baseUrl}${path}`)
  return { auth, sent, events, requestsTo }
}

t.test('only the server itself signs anybody out', async (t) => {
  const rows: [name: string, reply: () => Reply][] = [
    ['a network error', () => new TypeError('fetch failed')],
    ['503', () => json(503, { code: 'AUTH_STORE_UNAVAILABLE' }, { 'retry-after': '40' })],
    ['429', () => json(429, {}, { 'retry-after': new Date(Date.now() + 40_000).toUTCString() })],
    ['500', () => json(500, { code: 'AUTH_TOKEN_TOO_LARGE' }, { 'retry-after': '40' })],
    ['403', () => json(403, { code: 'AUTH_CROSS_SITE' }, { 'retry-after': '40' })],
    ["a proxy's 401", () => new Response('<html>', { status: 401, headers: { 'content-type': 'text/html' } })],
    ['a 401 with JSON of somebody else', () => json(401, { code: 'PROXY_LOGIN' })],
    ['a page with 200', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['JSON that issues nothing', () => json(200, [])],
    ['broken JSON', () => new Response('{', { headers: { 'content-type': 'application/json' } })]
  ]
  for (const [name, reply] of rows) {
    await t.test(name, async (t) => {
      const { auth, events } = client(t, {
        '/notes': [() => refusal('AUTH_EXPIRED_TOKEN')],
        '/refresh': [reply]
      })
      await auth.signedIn(issued())
      const pending = auth.fetch('/notes')
      pending.catch(() => {})
      await until(() => events.includes('unavailable'))
      t.strictSame(events, ['signed-in', 'unavailable'])
      t.strictSame(auth.user, { sid: 'one' })
      if (/^(5|4)/.test(name)) {
        await t.rejects(pending, { name: 'AuthUnavailable', retryAfterMs: Number }, 'Retry-After is too long to wait')
      }
      auth.close()
      await t.rejects(pending)
    })
  }
})

t.test('refusals of the refresh route', async (t) => {
  for (const code of ['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_REUSED', 'AUTH_NO_CREDENTIALS']) {
    const { auth, events } = client(t, {
      '/notes': [() => refusal('AUTH_EXPIRED_TOKEN')],
      '/refresh': [() => refusal(code)]
    })
    await auth.signedIn(issued())
    await t.rejects(auth.fetch('/notes'), { name: 'AbortError' }, code)
    t.strictSame(events, ['signed-in', 'signed-out'])
    t.equal(auth.user, null)
  }
  const { auth, events } = client(t, {
    '/notes': [() => refusal('AUTH_EXPIRED_TOKEN'), () => json(200, [])],
    '/refresh': [() => refusal('AUTH_REFRESH_SUPERSEDED')]
  })
  await auth.signedIn(issued())
  t.equal((await auth.fetch('/notes')).status, 200, 'the browser has a newer cookie')
  t.strictSame(events, ['signed-in', 'refreshed'])
})

t.test('late news of a session that is over change nothing', async (t) => {
  for (const late of [issued('one'), refusal('AUTH_REFRESH_INVALID')]) {
    const { promise, resolve } = withResolvers()
    const { auth, events, requestsTo } = client(t, {
      '/notes': [() => refusal('AUTH_EXPIRED_TOKEN')],
      '/refresh': [() => promise]
    })
    await auth.signedIn(issued('one'))
    const pending = auth.fetch('/notes')
    await until(() => requestsTo('/refresh').length > 0)
    const rejected = t.rejects(pending, { name: 'AbortError' })
    await auth.signedIn(issued('two'))
    await rejected
    t.equal(requestsTo('/refresh')[0]!.init.signal?.aborted, true, 'a late Set-Cookie is not processed either')
    resolve(late)
    t.equal((await auth.fetch('/other')).status, 404)
    t.strictSame(auth.user, { sid: 'two' })
    t.strictSame(events, ['signed-in', 'signed-out', 'signed-in'])
  }
})

t.test('what a request is, and where it goes', async (t) => {
  const { auth, sent } = client(t, { '/notes': [() => json(200, {})] })
  await auth.signedIn(issued())
  const authorization = { headers: { authorization: 'Bearer mine' } }
  await auth.fetch('https://other.example.com/', { credentials: 'same-origin' })
  await auth.fetch('/notes', { credentials: 'omit' })
  await auth.fetch('/notes', authorization)
  await auth.fetch('/notes')
  t.strictSame(
    sent.map(({ url, init }) => [url, init.credentials]),
    [
      ['https://other.example.com/', 'same-origin'],
      [`${baseUrl}/notes`, 'omit'],
      [`${baseUrl}/notes`, undefined],
      [`${baseUrl}/notes`, 'include']
    ]
  )
  t.equal(sent[2]!.init, authorization, 'untouched')
})

t.test('a body that can be sent only once is sent only once', async (t) => {
  const stream = () => new Blob(['text']).stream()
  const init = () => ({ method: 'POST', body: stream(), duplex: 'half' }) as RequestInit
  const { auth, requestsTo } = client(t, {
    '/notes': [() => json(200, {}), () => refusal('AUTH_EXPIRED_TOKEN')],
    '/refresh': [() => issued()]
  })
  await auth.signedIn(issued('one', null))
  t.equal((await auth.fetch('/notes', init())).status, 200)
  t.equal(requestsTo('/refresh').length, 1, 'nobody knows when the token expires: it is refreshed before')
  t.equal((await auth.fetch('/notes', init())).status, 401)
  t.equal(requestsTo('/notes').length, 2)
})

t.test('a request is repeated a few times only, and never after a redirect of its body', async (t) => {
  const { auth, requestsTo } = client(t, {
    '/notes': [() => refusal('AUTH_EXPIRED_TOKEN')],
    '/moved': [() => Object.defineProperty(refusal('AUTH_EXPIRED_TOKEN'), 'redirected', { value: true })],
    '/away': [
      () => Object.defineProperty(refusal('AUTH_EXPIRED_TOKEN'), 'url', { value: 'https://evil.example.com/' })
    ],
    '/refresh': [() => issued()]
  })
  await auth.signedIn(issued())
  t.equal((await auth.fetch('/notes')).status, 401)
  t.equal(requestsTo('/notes').length, 4)
  await auth.fetch('/moved', { method: 'POST' })
  t.equal(requestsTo('/moved').length, 1)
  await auth.fetch('/away')
  t.equal(requestsTo('/away').length, 1)
})

t.test('a caller who aborts does not wait for the refresh', async (t) => {
  const { auth, requestsTo } = client(t, {
    '/notes': [() => refusal('AUTH_EXPIRED_TOKEN')],
    '/refresh': [() => new Promise(() => {})]
  })
  await auth.signedIn(issued())
  const controller = new AbortController()
  const pending = auth.fetch(new Request(`${baseUrl}/notes`, { signal: controller.signal }))
  await until(() => requestsTo('/refresh').length > 0)
  controller.abort(new RangeError('mine'))
  await t.rejects(pending, { name: 'RangeError', message: 'mine' })
  await t.rejects(auth.fetch('/notes', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  t.equal(requestsTo('/notes').length, 1)
})

t.test('an expiry that makes no sense is not known', async (t) => {
  for (const expiresIn of [undefined, null, 0, -1, NaN, 'soon', 1e300]) {
    const { auth, sent } = client(t, { '/notes': [() => json(200, {})] })
    await auth.signedIn({ session_id: 'one', expires_in: expiresIn })
    t.equal((await auth.fetch('/notes')).status, 200)
    t.equal(sent.length, 1, `${expiresIn}`)
  }
})

const jwt = (sid: string) => `e30.${Buffer.from(JSON.stringify({ sid })).toString('base64url')}.x`
const tokens = (sid = 'one') => ({ access_token: jwt(sid), refresh_token: `refresh of ${sid}`, expires_in: 600 })

t.test('a storage may throw, be slow, or hold anything', async (t) => {
  const fail = () => {
    throw new Error('blocked')
  }
  const slow = new Map<string, string>()
  const tick = () => new Promise((resolve) => setTimeout(resolve, 2))
  const storages = {
    throwing: { getItem: fail, setItem: fail, removeItem: fail },
    full: { getItem: () => null, setItem: fail, removeItem() {} },
    garbage: { getItem: () => '{"sid":', setItem() {}, removeItem() {} },
    'garbage of another kind': { getItem: () => '[5]', setItem() {}, removeItem() {} },
    slow: {
      async getItem(key: string) {
        await tick()
        return slow.get(key) ?? null
      },
      async setItem(key: string, value: string) {
        await tick()
        slow.set(key, value)
      },
      async removeItem(key: string) {
        await tick()
        slow.delete(key)
      }
    }
  }
  for (const [name, storage] of Object.entries(storages)) {
    const { auth, sent } = client(t, { '/notes': [() => json(200, {})] }, { transport: 'bearer', storage })
    await until(() => auth.user === null)
    await auth.signedIn(tokens())
    await auth.fetch('/notes')
    const headers = new Headers(sent.at(-1)!.init.headers)
    t.equal(headers.get('authorization'), `Bearer ${jwt('one')}`, name)
  }
})

t.test('the module has at most 4500 bytes, minified and gzipped', async (t) => {
  const { outputFiles } = await build({
    entryPoints: ['client/index.js'],
    bundle: true,
    minify: true,
    format: 'esm',
    write: false
  })
  const { length } = gzipSync(outputFiles[0]!.contents, { level: 9 })
  t.ok(length <= 4500, `${length} bytes`)
  t.match(readFileSync('docs/client.md', 'utf8'), 'at most 4500 bytes')
})

t.test('a function that throws instead of sending is a server that is unavailable', async (t) => {
  const fetch = (url: string) => {
    if (url.endsWith('/refresh')) throw new TypeError('no network')
    return Promise.resolve(refusal('AUTH_EXPIRED_TOKEN'))
  }
  const { auth, events } = client(t, {}, { fetch })
  await auth.signedIn(issued())
  const pending = auth.fetch('/notes')
  await until(() => events.includes('unavailable'))
  auth.close()
  await t.rejects(pending, { name: 'AbortError' })
})

t.test('sign-in waits for `me`, and asks again while the server is unavailable', async (t) => {
  const { auth, events, requestsTo } = client(
    t,
    {
      '/me': [() => refusal('AUTH_NO_CREDENTIALS'), () => json(503, {}), () => json(200, { sid: 'one', name: 'Alice' })]
    },
    { me: '/me' }
  )
  await until(() => auth.user === null)
  await auth.signedIn(issued())
  t.strictSame(auth.user, { sid: 'one', name: 'Alice' })
  await until(() => events.includes('signed-in'))
  t.strictSame(events, ['signed-out', 'unavailable', 'available', 'signed-in'])
  t.equal(requestsTo('/me').length, 3)
})

t.test('`me` may respond 200 and `null` instead of the 401 AUTH_NO_CREDENTIALS', async (t) => {
  const me = [() => json(200, null), () => json(200, { sid: 'one' }), () => json(200, null)]
  const { auth, events, requestsTo } = client(
    t,
    { '/me': me, '/notes': [() => refusal('AUTH_NO_CREDENTIALS')], '/refresh': [() => refusal('AUTH_NO_CREDENTIALS')] },
    { me: '/me' }
  )
  await until(() => auth.user === null)
  t.equal(requestsTo('/refresh').length, 0)
  await auth.signedIn(issued())
  await auth.fetch('/notes')
  await until(() => auth.user === null)
  t.equal(requestsTo('/refresh').length, 1, 'the refresh route knows whether a session that was known is over')
  t.strictSame(events, ['signed-out', 'signed-in', 'signed-out'])
})

t.test('`null` with another status than 2xx, or of another route, signs nobody out', async (t) => {
  const me = [() => json(503, null, { 'retry-after': '0.1' }), () => json(200, { sid: 'one' })]
  const { auth, events } = client(t, { '/me': me, '/notes': [() => json(200, null)] }, { me: '/me' })
  await until(() => events.includes('signed-in'))
  await auth.fetch('/notes')
  t.strictSame(auth.user, { sid: 'one' })
  t.strictSame(events, ['unavailable', 'available', 'signed-in'])
})
