import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions } from '../../../plugin/index.ts'
import Fastify from 'fastify'
import { launchBrowser, skipWithoutBrowser } from '../../fixtures/browser.ts'
import { certify, skipWithoutOpenssl } from '../../fixtures/openssl.ts'
import { importBlock } from '../printed-code.ts'

const page = 'docs/recipes/http-on-a-lan.md'
const secret = '0123456789abcdef0123456789abcdef'
process.env.AUTH_SECRET = secret

/** The routes of a sign-in, and an empty page. */
function addRoutes(app: FastifyInstance) {
  app.get('/', async (_request, reply) => reply.type('text/html').send('<title>empty</title>'))
  app.post('/login', async (_request, reply) => reply.signIn({ sub: 'alice', transport: 'cookie' }))
  app.get('/me', { config: { auth: true } }, async ({ user }) => user)
}

async function listen(t: Test, app: FastifyInstance): Promise<number> {
  addRoutes(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return (app.server.address() as AddressInfo).port
}

async function createApp(options: Partial<AuthenticateOptions> = {}) {
  const warnings: string[] = []
  const stream = { write: (line: string) => warnings.push((JSON.parse(line) as { msg: string }).msg) }
  const app = Fastify({ logger: { level: 'warn', stream } })
  await app.register(authenticate, { issuer: 'https://api.example.com', secret, ...options })
  return { app, warnings }
}

const skip = skipWithoutBrowser.skip || skipWithoutOpenssl.skip

t.test('a browser', { skip }, async (t) => {
  const args = ['--host-resolver-rules=MAP nas.lan 127.0.0.1', '--ignore-certificate-errors']
  const browser = await launchBrowser({ args })
  t.teardown(() => browser.close())

  /** Signs in and asks who is signed in; resolves to the status, the names of the cookies, and what was blocked. */
  async function signIn(t: Test, url: string) {
    const context = await browser.newContext()
    t.teardown(() => context.close())
    const tab = await context.newPage()
    const session = await context.newCDPSession(tab)
    const blocked: string[] = []
    await session.send('Network.enable')
    session.on('Network.responseReceivedExtraInfo', ({ blockedCookies }) => {
      blocked.push(...blockedCookies.flatMap(({ blockedReasons }) => blockedReasons))
    })
    await tab.goto(url)
    const statuses = await tab.evaluate(async () => {
      const login = await fetch('/login', { method: 'POST' })
      const me = await fetch('/me')
      return [login.status, me.status, ((await me.json()) as { code?: string }).code]
    })
    return { statuses, cookies: (await context.cookies()).map(({ name }) => name), blocked }
  }
  const signedIn = [200, 200, undefined]
  const secureCookies = ['__Host-access', '__Host-refresh']

  await t.test('drops the cookies over http on a LAN name, and the server warns once', async (t) => {
    const { app, warnings } = await createApp()
    const port = await listen(t, app)
    const { statuses, cookies, blocked } = await signIn(t, `http://nas.lan:${port}`)
    t.strictSame([statuses, cookies], [[200, 401, 'AUTH_NO_CREDENTIALS'], []])
    t.strictSame(new Set(blocked), new Set(['InvalidPrefix']))
    await signIn(t, `http://nas.lan:${port}`)
    t.strictSame(
      warnings.filter((line) =>
        /^A cookie sign-in came over plain http, where browsers drop Secure cookies/.test(line)
      ),
      [
        'A cookie sign-in came over plain http, where browsers drop Secure cookies. Serve https; behind a proxy that ' +
          'does, set Fastify\'s "trustProxy"; for a test host, set the option "cookies.secure" to false'
      ]
    )
  })

  await t.test('keeps them on localhost, without a warning', async (t) => {
    const { app, warnings } = await createApp()
    const port = await listen(t, app)
    const { statuses, cookies } = await signIn(t, `http://localhost:${port}`)
    t.strictSame([statuses, cookies], [signedIn, secureCookies])
    t.strictSame(warnings, [])
  })

  await t.test('keeps them over https', async (t) => {
    const folder = t.testdir({})
    certify(folder, 'nas.lan', 'DNS:nas.lan')
    const { writeFileSync, readFileSync } = await import('node:fs')
    writeFileSync(`${folder}/nas.lan-key.pem`, readFileSync(`${folder}/nas.lan.key`))
    const before = process.cwd()
    process.chdir(folder)
    t.teardown(() => process.chdir(before))
    const port = await listen(t, (await importBlock<{ app: FastifyInstance }>(page, 'https')).app)
    const { statuses, cookies } = await signIn(t, `https://nas.lan:${port}`)
    t.strictSame([statuses, cookies], [signedIn, secureCookies])
  })

  await t.test('keeps cookies that are not Secure', async (t) => {
    process.env.NODE_ENV = 'development'
    t.teardown(() => delete process.env.NODE_ENV)
    const port = await listen(t, (await importBlock<{ app: FastifyInstance }>(page, 'plain http')).app)
    const { statuses, cookies } = await signIn(t, `http://nas.lan:${port}`)
    t.strictSame([statuses, cookies], [signedIn, ['access', 'refresh']])
  })
})

t.test('cookies without Secure stop the start in production', async (t) => {
  process.env.NODE_ENV = 'production'
  t.teardown(() => delete process.env.NODE_ENV)
  await t.rejects(createApp({ cookies: { secure: false } }), { message: /"cookies.secure" must/ })
})

t.test('over plain http, a proxy that changes Host makes a POST cross-site', async (t) => {
  const { app } = await createApp()
  addRoutes(app)
  t.teardown(() => app.close())
  const post = (host: string) => {
    const headers = { host, origin: 'http://nas.lan:5173' }
    return app.inject({ method: 'POST', url: '/login', headers })
  }
  t.equal((await post('nas.lan:5173')).statusCode, 200)
  const refused = await post('localhost:3000')
  t.strictSame([refused.statusCode, refused.json<{ code: string }>().code], [403, 'AUTH_CROSS_SITE'])
})
