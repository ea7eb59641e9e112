import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { importBlock } from '../printed-code.ts'

process.env.ALICE_PASSWORD = 'wonderland'
const pages = await importBlock<{
  createPages: (api: string) => Server
  headersFor: (request: IncomingMessage) => Record<string, string>
}>('docs/recipes/ssr.md', 'pages')
const { createApi } = await importBlock<{
  createApi: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
}>('docs/recipes/ssr.md', 'api')

const portOf = (server: Pick<Server, 'address'>) => (server.address() as AddressInfo).port

/** The API, a page server, and a proxy that shows both as one origin; and the only browser. */
async function createSite(t: Test, createPageServer = pages.createPages) {
  const auth = createTestAuth()
  const api = await createApi(auth.options)
  await api.listen({ port: 0, host: '127.0.0.1' })
  const pageServer = createPageServer(`http://127.0.0.1:${portOf(api.server)}`)
  pageServer.listen(0, '127.0.0.1')
  await once(pageServer, 'listening')
  const proxy = createServer((request, response) => {
    const port = portOf(/^\/(auth|api)\//.test(request.url!) ? api.server : pageServer)
    const { method, url: path, headers } = request
    request.pipe(
      send({ host: '127.0.0.1', port, method, path, headers }, (from) => {
        response.writeHead(from.statusCode!, from.rawHeaders)
        from.pipe(response)
      })
    )
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(async () => {
    for (const server of [proxy, pageServer]) {
      server.closeAllConnections()
      server.close()
    }
    await api.close()
  })
  const url = `http://127.0.0.1:${portOf(proxy)}`
  const cookies = new Map<string, string>()

  /** Loads an address and follows redirects, as a browser does. Returns the addresses and the last response. */
  async function visit(path: string, { method = 'GET', site = 'none' as string, body = '' } = {}) {
    const visited = []
    for (let target = path; ; method = 'GET', body = '') {
      visited.push(target)
      const response = await fetch(new URL(target, url), {
        method,
        redirect: 'manual',
        headers: {
          'sec-fetch-site': site,
          cookie: [...cookies].map((pair) => pair.join('=')).join('; '),
          ...(body !== '' && { 'content-type': 'application/json' })
        },
        ...(body !== '' && { body })
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line)!
        if (/Max-Age=0/i.test(line)) cookies.delete(name)
        else cookies.set(name, value)
      }
      const location = response.headers.get('location')
      if (location === null) return { visited, status: response.status, text: await response.text() }
      target = location
    }
  }

  const signIn = () =>
    visit('/auth/login', { method: 'POST', site: 'same-origin', body: JSON.stringify({ password: 'wonderland' }) })
  return { auth, cookies, visit, signIn, url }
}

t.test('a page server that forwards the access cookie only', async (t) => {
  const { auth, visit, signIn } = await createSite(t)
  t.match(await visit('/auth/login', { method: 'POST', site: 'same-origin', body: '{"password":"no"}' }), {
    status: 401
  })
  await signIn()
  const minutes = async (count: number) => auth.clock.advance(count * 60)

  t.match(await visit('/notes'), { visited: ['/notes'], status: 200, text: 'buy milk' })
  await minutes(11)
  t.strictSame(
    await visit('/notes?page=2'),
    {
      visited: ['/notes?page=2', '/auth/renew?return_to=%2Fnotes%3Fpage%3D2', '/notes?page=2'],
      status: 200,
      text: 'buy milk'
    },
    'the browser renews its cookies'
  )
  for (let hour = 0; hour < 24; hour++) {
    await minutes(60)
    t.match(await visit('/notes', { site: 'cross-site' }), { status: 200 }, 'after a link from another site too')
    await minutes(1)
    t.match(await visit('/notes'), { visited: ['/notes'], status: 200 })
  }
  const alarms = auth.events.filter(({ type }) => /refresh-retried|refresh-token-reused/.test(type))
  t.strictSame(alarms, [], 'nobody looks like a thief')

  await auth.signOut('alice')
  t.match(await visit('/notes'), { visited: ['/notes', '/login'] })
  t.match(await visit('/notes'), { visited: ['/notes', '/login'] }, 'without cookies')
})

t.test('return_to of /auth/renew never leads to another site', async (t) => {
  const { visit, signIn } = await createSite(t)
  await signIn()
  for (const attack of ['//evil.example', '/.//evil.example', '/\\evil.example', 'https://evil.example']) {
    t.match(await visit(`/auth/renew?return_to=${encodeURIComponent(attack)}`), { visited: [/renew/, '/'] }, attack)
  }
})

t.test('the API refuses a form of another site that the page server forwards', async (t) => {
  const auth = createTestAuth()
  const api = await createApi(auth.options)
  t.teardown(() => api.close())
  const { headersFor } = pages
  const { cookie } = await auth.as('alice', { transport: 'cookie' })
  const forward = async (headers: Record<string, string>) => {
    const request = { headers: { cookie, ...headers } } as unknown as IncomingMessage
    const given = headersFor(request)
    t.notMatch(given, { cookie: /refresh/ })
    return (await api.inject({ method: 'POST', url: '/api/notes', headers: given })).statusCode
  }
  t.equal(await forward({ 'sec-fetch-site': 'same-origin', origin: 'https://www.example.com' }), 201)
  t.equal(await forward({ 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }), 403)
  t.equal(await forward({ origin: 'https://evil.example' }), 403, 'an older browser')
})

t.test('a page server that forwards both cookies and drops Set-Cookie ends the session', async (t) => {
  const { auth, visit, signIn } = await createSite(t, (api) =>
    createServer(async ({ headers: { cookie = '' } }, response) => {
      const { status } = await fetch(`${api}/api/notes`, { headers: { cookie } })
      response.writeHead(status).end()
    })
  )
  await signIn()
  auth.clock.advance(11 * 60)
  const load = async () => {
    auth.events.length = 0
    const { status } = await visit('/notes')
    return [status, auth.events.map(({ type }) => type).find((type) => /^refresh|^session-refreshed/.test(type))]
  }
  t.strictSame(await load(), [200, 'session-refreshed'])
  t.strictSame(await load(), [200, 'refresh-coalesced'])
  for (let count = 0; count < 4; count++) {
    auth.clock.advance(11)
    t.strictSame(await load(), [200, 'refresh-retried'])
  }
  auth.clock.advance(11)
  t.strictSame(await load(), [401, 'refresh-token-reused'])
})

t.test('openSession() renews before the page is rendered', async (t) => {
  const { openSession } = await importBlock<{
    openSession: (api: string, cookie: string) => Promise<{ user: object; setCookie: string[]; cookie: string }>
  }>('docs/recipes/ssr.md', 'open session')
  const { auth, visit, signIn, cookies } = await createSite(t, (api) =>
    createServer(async ({ headers }, response) => {
      const session = await openSession(api, headers.cookie ?? '')
      response.setHeader('set-cookie', session.setCookie)
      if (session.user === null) return response.writeHead(401).end()
      const { cookie } = session
      const { status } = await fetch(`${api}/api/notes`, { method: 'POST', headers: { cookie } })
      return response.writeHead(status).end(cookie.replace(/=.*/, ''))
    })
  )
  await signIn()
  for (let hour = 0; hour < 48; hour++) {
    auth.clock.advance(3600)
    t.match(await visit('/notes', { method: 'POST' }), { visited: ['/notes'], status: 201, text: '__Host-access' })
  }
  t.strictSame(
    auth.events.filter(({ type }) => /refresh-retried|refresh-token-reused/.test(type)),
    []
  )
  await auth.signOut('alice')
  t.match(await visit('/notes'), { status: 401 })
  t.equal(cookies.size, 0, 'the cookies are cleared')
})
