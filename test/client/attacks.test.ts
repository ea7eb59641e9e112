import { BroadcastChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { createAuth, type AuthOptions } from '../../client/index.js'
import { until } from '../fixtures/client-app.ts'

const baseUrl = 'https://api.example.com'
const issued = (sid = 'one') => ({ session_id: sid, expires_in: 600 })
const refusal = (code: string) => Response.json({ code }, { status: 401 })

let clients = 0

/** A client with a channel of its own, whose requests are replied to by a function. */
function client(t: Test, reply: (path: string) => Response | Promise<Response>, options: Partial<AuthOptions> = {}) {
  const sent: [path: string, init: RequestInit & { headers?: Headers }][] = []
  const refresh = `/refresh/${clients++}`
  const auth = createAuth({
    baseUrl,
    refresh,
    async fetch(url: string, init = {}) {
      const path = new URL(url).pathname.replace(refresh, '/refresh')
      sent.push([path, init])
      return await reply(path)
    },
    ...options
  })
  const channel = new BroadcastChannel(`fastify-authenticate ${baseUrl}${refresh}`)
  const events: string[] = []
  for (const type of ['signed-in', 'signed-out', 'refreshed', 'unavailable', 'available'] as const) {
    auth.addEventListener(type, () => events.push(type))
  }
  t.teardown(() => {
    auth.close()
    channel.close()
  })
  const heard = async (message: unknown) => {
    channel.postMessage(message)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { auth, sent, events, heard, paths: () => sent.map(([path]) => path) }
}

t.test('credentials go to one origin', async (t) => {
  const { auth, sent } = client(t, () => new Response())
  await auth.signedIn(issued())
  const urls = [
    '//evil.example.com/',
    '\\\\evil.example.com/',
    '/\t/evil.example.com/',
    'https://api.example.com@evil.example.com/',
    'https://api.example.com.evil.example.com/',
    'https://api.example.com:444/',
    'http://api.example.com/',
    'https://api.example.com./',
    'https://аpi.example.com/',
    'data:text/plain,x'
  ]
  for (const url of urls) {
    await auth.fetch(url)
    t.equal(sent.pop()![1].credentials, undefined, JSON.stringify(url))
  }
  const url = new URL(`${baseUrl}/notes`)
  const pending = auth.fetch(url)
  url.host = 'evil.example.com'
  await pending
  t.equal(sent.pop()![0], '/notes', 'a URL that is changed after the call')
  t.throws(() => createAuth({ baseUrl: 'app://shop/', refresh: '/refresh' }), { message: '"baseUrl"' })
})

t.test('what Alice has begun to send is not sent as Bob', async (t) => {
  const { auth, paths } = client(t, () => new Response())
  await auth.signedIn(issued('alice'))
  let body!: ReadableStreamDefaultController
  const stream = new ReadableStream({
    start(controller) {
      body = controller
    }
  })
  const pending = auth.fetch(new Request(`${baseUrl}/notes`, { method: 'POST', body: stream, duplex: 'half' } as never))
  const rejected = t.rejects(pending, { name: 'AbortError' })
  await auth.signedIn(issued('bob'))
  body.close()
  await rejected
  t.strictSame(paths(), [])
})

t.test('everything that fetch takes is taken', async (t) => {
  const { auth, sent } = client(t, () => new Response())
  await auth.signedIn(issued())
  const post = () => new Request(`${baseUrl}/notes`, { method: 'POST', body: 'text', redirect: 'error' })
  const rows: [name: string, input: string | Request, init?: RequestInit][] = [
    ['a Request', post()],
    ['a Request of a browser without Request.body', Object.defineProperty(post(), 'body', { value: undefined })],
    ['a Request as init', '/notes', post()],
    ['members of a prototype', '/notes', Object.create({ method: 'POST', body: 'text', redirect: 'error' })]
  ]
  for (const [name, input, init] of rows) {
    await auth.fetch(input, init)
    const { method, body, redirect } = sent.pop()![1]
    t.strictSame([method, redirect, await new Response(body).text()], ['POST', 'error', 'text'], name)
  }
  const used = post()
  await used.text()
  await t.rejects(auth.fetch(used), { name: 'TypeError' }, 'a body that was used')
})

t.test('only a response to HEAD needs no code in its body', async (t) => {
  const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
  const { auth, paths } = client(t, (path) =>
    path === '/refresh' ? Response.json(issued()) : new Response(null, { status: 401, headers: challenge })
  )
  await auth.signedIn(issued())
  await auth.fetch('/notes', { method: 'POST', body: 'text' })
  t.strictSame(paths(), ['/notes'], 'a proxy may have refused after the server executed it')
  await auth.fetch('/notes', { method: 'HEAD' })
  t.ok(paths().length > 2)
})

t.test('another version of the module may say anything', async (t) => {
  for (const sid of ['one', undefined]) {
    const { auth, sent, events, heard } = client(t, () => new Response())
    if (sid) await auth.signedIn(issued(sid))
    await heard(null)
    const before = events.length
    for (const message of [{}, 5, { type: 'hello', sid: 'two' }, { type: 'in' }, { type: 'refreshed', sid: null }]) {
      await heard(message)
      t.equal(events.length, before, `${sid} ${JSON.stringify(message)}`)
    }
    for (const left of [NaN, undefined, {}, 'soon', -Infinity]) {
      await heard({ type: 'refreshed', sid: 'one', left, ms: left })
      await heard({ type: 'pause', pause: left })
    }
    await heard({ type: 'refreshed', sid: 'one', left: 600_000, ms: NaN })
    await new Promise((resolve) => setTimeout(resolve, 100))
    t.ok(sent.length < 3, 'no storm')
    t.equal((await auth.fetch('/notes')).status, 200)
  }
})

t.test('a sign-out of a session that was not known yet is everybody’s', async (t) => {
  let isSignedIn = true
  const { auth, events, heard } = client(
    t,
    () => (isSignedIn ? Response.json({ sid: 'one' }) : refusal('AUTH_REVOKED_TOKEN')),
    { me: '/me' }
  )
  await until(() => events.includes('signed-in'))
  isSignedIn = false
  await heard({ type: 'out' })
  await until(() => events.includes('signed-out'))
  t.equal(auth.user, null)
})

t.test('a server that ends the session is available', async (t) => {
  let status = 503
  const { auth, events } = client(t, (path) =>
    path === '/refresh' ? Response.json({ code: 'AUTH_REFRESH_INVALID' }, { status }) : refusal('AUTH_EXPIRED_TOKEN')
  )
  await auth.signedIn(issued())
  const pending = auth.fetch('/notes')
  await until(() => events.includes('unavailable'))
  status = 401
  await t.rejects(pending, { name: 'AbortError' })
  await until(() => events.includes('signed-out'))
  t.strictSame(events, ['signed-in', 'unavailable', 'available', 'signed-out'])
})

t.test('a user is an object', async (t) => {
  for (const body of [[], 'Alice', 5, true]) {
    let isRight = false
    const { auth, events } = client(t, () => Response.json(isRight ? { name: 'Alice' } : body), { me: '/me' })
    const known = auth.signedIn(issued())
    await until(() => events.includes('unavailable'))
    t.equal(auth.user, undefined, JSON.stringify(body))
    isRight = true
    await known
    t.strictSame(auth.user, { name: 'Alice' })
  }
})

const jwt = (sid: string) => `e30.${Buffer.from(JSON.stringify({ sid })).toString('base64url')}.x`

t.test('AUTH_REFRESH_SUPERSEDED waits for the tokens that another tab stores', async (t) => {
  const tokens = (refresh: string, access = `${jwt('one')}${refresh}`) =>
    JSON.stringify({ sid: 'one', ms: 600_000, at: Date.now(), access, refresh })
  let stored: string | null = tokens('old')
  const storage = {
    getItem: () => stored,
    setItem() {},
    removeItem() {
      stored = null
    }
  }
  const { auth, sent } = client(
    t,
    (path) => {
      if (path !== '/refresh') {
        const isNew = sent.at(-1)![1].headers!.get('authorization')!.endsWith('new')
        return isNew ? new Response() : refusal('AUTH_EXPIRED_TOKEN')
      }
      setTimeout(() => {
        stored = tokens('new')
      }, 50)
      return refusal('AUTH_REFRESH_SUPERSEDED')
    },
    { transport: 'bearer', storage }
  )
  t.equal((await auth.fetch('/notes')).status, 200)
  t.strictSame(auth.user, { sid: 'one' })
})

t.test('a storage that reads slowly does not undo what has arrived meanwhile', async (t) => {
  const tokens = (name: string) =>
    JSON.stringify({ sid: 'one', ms: 600_000, at: Date.now(), access: name, refresh: name })
  let stored = tokens('first')
  let delay = Promise.resolve()
  const storage = {
    async getItem() {
      const value = stored
      await delay
      return value
    },
    setItem() {},
    removeItem() {}
  }
  const { auth, sent, heard } = client(t, () => new Response(), { transport: 'bearer', storage })
  await auth.fetch('/notes')
  let release = () => {}
  delay = new Promise((resolve) => {
    release = resolve
  })
  stored = tokens('second')
  await heard({ type: 'refreshed', sid: 'one' })
  delay = Promise.resolve()
  stored = tokens('third')
  await heard({ type: 'refreshed', sid: 'one' })
  release()
  await heard({ type: 'hello' })
  await auth.fetch('/notes')
  t.equal(sent.at(-1)![1].headers!.get('authorization'), 'Bearer third')
})
