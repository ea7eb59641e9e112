import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import swaggerUi from '@fastify/swagger-ui'
import underPressure from '@fastify/under-pressure'
import cors from '@fastify/cors'
import fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import authenticate, { type AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { importBlock, writeBlock } from '../printed-code.ts'

process.env.PUBLIC_FOLDER = t.testdir({ 'login.html': '<h1>Sign in</h1>' })
const page = 'docs/recipes/protect-all.md'
const { createApp } = await importBlock<{
  createApp: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
}>(page, 'file app.ts')

t.test("the application's own test lists the open routes", async (t) => {
  const file = writeBlock(page, 'file open-routes.ts')
  const child = spawn(process.execPath, [...process.execArgv, '--test-reporter=tap', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../../..', import.meta.url))
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  const [code] = (await once(child, 'close')) as [number]
  t.equal(code, 0, output)
  t.match(output, '# pass 1')
})

t.test('what is open is served, everything else requires a user', async (t) => {
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  t.teardown(() => app.close())
  const status = async (url: string, headers = {}) => (await app.inject({ url, headers })).statusCode
  for (const url of ['/healthz', '/docs', '/docs/json', '/docs/static/index.css', '/public/login.html']) {
    t.equal(await status(url), 200, url)
  }
  t.equal(await status('/notes'), 401)
  t.equal(await status('/notes', await auth.as('alice')), 200)
  t.equal(await status('/unknown'), 404)
  t.equal(await status('/public/unknown'), 404)
  const document = (await app.inject('/docs/json')).json<{ paths: Record<string, Record<string, object>> }>()
  t.match(document.paths['/notes'], { get: { security: [{ bearerAuth: [] }, { cookieAuth: [] }] } })
  t.notOk('security' in document.paths['/healthz']!.get!)
})

t.test('what the table says', async (t) => {
  const auth = createTestAuth()
  const options = { issuer: 'https://api.example.com', ...auth.options, protect: 'all' } as const

  await t.test('the status route of @fastify/under-pressure is open', async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(authenticate, options)
    const exposeStatusRoute = { url: '/status', routeOpts: { config: { auth: false } } } as const
    await app.register(underPressure, { exposeStatusRoute: exposeStatusRoute as never })
    t.equal((await app.inject('/status')).statusCode, 200)
  })

  await t.test('@fastify/cors responds to preflights if it is registered before the plugin', async (t) => {
    const headers = { origin: 'https://app.example.com', 'access-control-request-method': 'DELETE' }
    for (const [isFirst, status] of [
      [true, 204],
      [false, 401]
    ] as const) {
      const app = fastify()
      t.teardown(() => app.close())
      if (isFirst) await app.register(cors, { origin: true })
      await app.register(authenticate, options)
      if (!isFirst) await app.register(cors, { origin: true })
      app.delete('/notes', async () => 'deleted')
      t.equal((await app.inject({ method: 'OPTIONS', url: '/notes', headers })).statusCode, status)
    }
  })

  await t.test('documentation for members is loaded with the cookie, and a 404 can require a user', async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(authenticate, options)
    await app.register((await import('@fastify/swagger')).default)
    await app.register(swaggerUi, { routePrefix: '/docs' })
    app.setNotFoundHandler({ preHandler: [app.authenticate] }, (_request, reply) => reply.code(404).send())
    const headers = await auth.as('alice', { transport: 'cookie' })
    for (const url of ['/docs', '/docs/static/index.css']) {
      t.equal((await app.inject(url)).statusCode, 401)
      t.equal((await app.inject({ url, headers })).statusCode, 200)
    }
    t.equal((await app.inject('/unknown')).statusCode, 401)
    t.equal((await app.inject({ url: '/unknown', headers })).statusCode, 404)
  })
})
