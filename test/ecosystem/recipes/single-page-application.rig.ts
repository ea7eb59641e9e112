import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import cors from '@fastify/cors'
import { build } from 'esbuild'
import fastify, { type FastifyInstance } from 'fastify'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { launchBrowser, skipWithoutBrowser } from '../../fixtures/browser.ts'
import { certify, skipWithoutOpenssl } from '../../fixtures/openssl.ts'
import { importBlock, writeBlock } from '../printed-code.ts'

t.setTimeout(120_000)
process.env.ALICE_PASSWORD = 'wonderland'
const page = 'docs/recipes/single-page-application.md'
const { createApp } = await importBlock<{
  createApp: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
}>(page, 'file app.ts')

/** The page as a script, which sets the global `page`. */
const { outputFiles } = await build({
  entryPoints: [writeBlock(page, 'file page.ts')],
  bundle: true,
  write: false,
  format: 'iife',
  globalName: 'page',
  alias: { 'fastify-authenticate/client': fileURLToPath(new URL('../../../client/index.js', import.meta.url)) }
})
const script = outputFiles[0]!.text

const certificate = certify(t.testdir({}), 'example', 'DNS:*.example.com')
const portOf = (server: Pick<Server, 'address'>) => (server.address() as AddressInfo).port

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return portOf(server)
}

/** What a page server sends: an empty page, and its script. */
const servePage: RequestListener = ({ url }, response) => {
  response.setHeader('content-type', url === '/page.js' ? 'text/javascript' : 'text/html')
  response.end(url === '/page.js' ? script : '<!doctype html><title>page</title><script src="/page.js"></script>')
}

/** TLS in front of an application, whose names a browser resolves to it. */
const withTls = (app: FastifyInstance): Server =>
  createServer(certificate, (request, response) => app.server.emit('request', request, response)) as unknown as Server

/** Sends a request as a script of the page does; resolves to the `code`, or the status, or the error that it sees. */
async function send(tab: Page, url: string, init: RequestInit = {}) {
  return await tab.evaluate(
    async ([url, init]) => {
      try {
        const response = await fetch(url, { credentials: 'include', ...init })
        return ((await response.json()) as { code?: string }).code ?? response.status
      } catch (error) {
        return String(error)
      }
    },
    [url, init] as const
  )
}

async function signIn(tab: Page, api: string, init: RequestInit = {}) {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ username: 'alice', password: 'wonderland' })
  return [await send(tab, `${api}/login`, { method: 'POST', headers, body, ...init }), await send(tab, `${api}/me`)]
}

const skip = skipWithoutBrowser.skip || skipWithoutOpenssl.skip

t.test('in a browser', { skip }, async (t) => {
  const pageTls = await listen(t, createServer(certificate, servePage) as unknown as Server)
  const pageHttp = await listen(t, createHttpServer(servePage))
  const hosts = ['app.example.com', 'app.example.net', 'app.github.io']
  const origins = [...hosts.map((host) => `https://${host}`), 'http://app.example.com', `http://localhost:${pageHttp}`]
  process.env.PAGE_ORIGINS = origins.join()
  const auth = createTestAuth({ clock: () => Date.now() })
  const app = await createApp(auth.options)
  const anywhere = await createApp({ ...auth.options, cookies: { sameSite: 'none' } })
  const [apiTls, anywhereTls] = [await listen(t, withTls(app)), await listen(t, withTls(anywhere))]
  await anywhere.ready()
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => Promise.all([app.close(), anywhere.close()]))
  const rules = [
    ...hosts.map((host) => `MAP ${host}:443 127.0.0.1:${pageTls}`),
    `MAP app.example.com:80 127.0.0.1:${pageHttp}`,
    ...['api.example.com', 'api.github.io'].map((host) => `MAP ${host}:443 127.0.0.1:${apiTls}`),
    `MAP anywhere.example.com:443 127.0.0.1:${anywhereTls}`
  ]
  const browser = await launchBrowser({
    args: [`--host-resolver-rules=${rules.join()}`, '--ignore-certificate-errors']
  })
  t.teardown(() => browser.close())
  const open = async (t: Test, url: string, from: Browser = browser) => {
    const context = await from.newContext()
    t.teardown(() => context.close())
    const tab = await context.newPage()
    await tab.goto(url)
    return tab
  }

  await t.test('the page signs in, changes something, refreshes and signs out', async (t) => {
    const tab = await open(t, 'https://app.example.com/')
    const signedIn = await tab.evaluate("page.signIn('alice', 'looking-glass')")
    t.equal(signedIn, false)
    t.equal(await tab.evaluate("page.signIn('alice', 'wonderland')"), true)
    t.equal(await tab.evaluate('page.auth.user.sub'), 'alice')
    t.equal(await tab.evaluate('page.saveNote()'), 'saved by alice')
    auth.clock.advance(700)
    t.equal(await tab.evaluate('page.saveNote()'), 'saved by alice')
    t.ok(auth.events.some(({ type }) => type === 'session-refreshed'))
    await tab.evaluate('page.auth.signOut()')
    t.equal(await tab.evaluate('page.auth.user'), null)
    const headers = await tab.evaluate(async () => {
      const response = await fetch('https://api.example.com/me', { credentials: 'include' })
      return ['date', 'retry-after', 'www-authenticate'].map((name) => response.headers.has(name))
    })
    t.strictSame(headers, [true, false, true])
  })

  const http = `http://localhost:${pageHttp}`
  const cases: [pageUrl: string, api: string, isSignedIn: boolean][] = [
    ['https://app.example.com', 'https://api.example.com', true],
    [http, `http://localhost:${portOf(app.server)}`, true],
    [http, `http://127.0.0.1:${portOf(app.server)}`, false],
    ['http://app.example.com', 'https://api.example.com', false],
    ['https://app.github.io', 'https://api.github.io', false],
    ['https://app.example.net', 'https://api.example.com', false],
    // SameSite=None. The contexts of a test are private windows, which block third-party cookies.
    ['https://app.example.net', 'https://anywhere.example.com', false]
  ]
  for (const [pageUrl, api, isSignedIn] of cases) {
    await t.test(`${pageUrl.replace(/\d+/, 'PORT')} at ${api.replace(/:\d+/, ':PORT')}`, async (t) => {
      const tab = await open(t, pageUrl)
      t.strictSame(await signIn(tab, api), [200, isSignedIn ? 200 : 'AUTH_NO_CREDENTIALS'])
    })
  }

  await t.test('a page that is not listed is refused', async (t) => {
    process.env.PAGE_ORIGINS = 'https://app.example.com'
    const strict = await createApp(auth.options)
    await strict.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => strict.close())
    const tab = await open(t, http)
    const failed = 'TypeError: Failed to fetch'
    t.strictSame(await signIn(tab, `http://localhost:${portOf(strict.server)}`), [failed, failed])
  })

  const options = { issuer: 'https://api.example.com', ...auth.options }
  const corsOptions = { origin: http, credentials: true }
  const start = async (t: Test, register: (app: FastifyInstance) => Promise<unknown>) => {
    const app = fastify()
    await register(app)
    app.post('/login', async (_request, reply) => reply.signIn({ sub: 'alice', transport: 'cookie' }))
    app.get('/me', { config: { auth: true } }, async ({ user }) => user)
    app.put('/me', { config: { auth: true } }, async ({ user }) => user)
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    return `http://localhost:${portOf(app.server)}`
  }

  await t.test('cors after the plugin hides the refusals', async (t) => {
    const api = await start(t, async (app) => {
      await app.register(authenticate, { ...options, trustedOrigins: [http] })
      await app.register(cors, corsOptions)
    })
    const tab = await open(t, http)
    t.equal(await send(tab, `${api}/me`), 'TypeError: Failed to fetch')
    t.strictSame(await signIn(tab, api), [200, 200])
  })

  await t.test('without trustedOrigins, the sign-in is cross-site; without methods, a PUT fails', async (t) => {
    const api = await start(t, async (app) => {
      await app.register(cors, corsOptions)
      await app.register(authenticate, options)
    })
    const tab = await open(t, http)
    t.strictSame(await signIn(tab, api), ['AUTH_CROSS_SITE', 'AUTH_NO_CREDENTIALS'])
    t.equal(await send(tab, `${api}/me`, { method: 'PUT' }), 'TypeError: Failed to fetch')
  })

  await t.test("without credentials: 'include', the cookies of the sign-in are dropped", async (t) => {
    const tab = await open(t, 'https://app.example.com')
    const seen = await signIn(tab, 'https://api.example.com', { credentials: 'same-origin' })
    t.strictSame(seen, [200, 'AUTH_NO_CREDENTIALS'])
  })

  await t.test("with Vite's proxy, page and API are one origin", async (t) => {
    const plain = await start(t, async (app) => await app.register(authenticate, options))
    process.env.API_URL = plain
    const { createServer: createVite } = await import('vite')
    const root = t.testdir({ 'index.html': '<!doctype html><title>page</title>' })
    const configFile = writeBlock(page, 'file vite.config.ts')
    const vite = await createVite({
      root,
      configFile,
      logLevel: 'silent',
      cacheDir: `${root}/.vite`,
      server: { port: 0, host: '127.0.0.1', hmr: false, ws: false, watch: null }
    })
    t.teardown(() => vite.close())
    await vite.listen()
    const url = `http://localhost:${portOf(vite.httpServer as Server)}`
    const tab = await open(t, url)
    t.strictSame(await signIn(tab, '/api'), [200, 200])
    t.equal((await tab.context().cookies()).length, 2)
  })
})
