import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import authenticate from '../../plugin/index.ts'
import { filesIn } from '../fixtures/files.ts'
import { namedBlock } from '../fixtures/named-block.ts'

const pluginUrl = pathToFileURL(join(import.meta.dirname, '../../plugin/index.ts')).href
process.env.AUTH_SECRET = '0123456789abcdef0123456789abcdef'

/** Starts an application with the lines of the named block, and a route that requires a user. */
async function startApplication(t: Test, name: string): Promise<FastifyInstance> {
  const lines = namedBlock('docs/other-plugins.md', name).replace("'fastify-authenticate'", `'${pluginUrl}'`)
  const folder = t.testdir({
    'application.ts': `import Fastify from 'fastify'\nconst app = Fastify()\n${lines}\nexport { app }\n`
  })
  const { app } = (await import(pathToFileURL(join(folder, 'application.ts')).href)) as { app: FastifyInstance }
  t.teardown(() => app.close())
  app.get('/me', { config: { auth: true } }, async () => 'me')
  await app.ready()
  return app
}

/** Sends `times` requests; resolves to how often each status was received. */
async function statuses(
  app: FastifyInstance,
  {
    times,
    headers = {},
    remoteAddress = '192.0.2.1'
  }: { times: number; headers?: Record<string, string>; remoteAddress?: string }
) {
  const counts: Record<string, number> = {}
  for (let index = 0; index < times; index++) {
    const { statusCode } = await app.inject({ url: '/me', headers, remoteAddress })
    counts[statusCode] = (counts[statusCode] ?? 0) + 1
  }
  return counts
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('@fastify/rate-limit as a hook before the plugin counts every request, refused or not', async (t) => {
  const app = await startApplication(t, 'all requests')
  const good = bearer(await app.accessTokens.sign({ sub: 'alice' }))
  t.strictSame(await statuses(app, { times: 60, headers: bearer('guess') }), { 401: 60 })
  t.strictSame(await statuses(app, { times: 30, headers: good }), { 200: 30 })
  t.strictSame(await statuses(app, { times: 20 }), { 401: 10, 429: 10 })
  t.strictSame(await statuses(app, { times: 1, headers: good }), { 429: 1 })
  t.strictSame(
    await statuses(app, { times: 1, headers: good, remoteAddress: '192.0.2.2' }),
    { 200: 1 },
    'another address is served'
  )
})

t.test('@fastify/rate-limit counts refused tokens only, and then refuses all requests of their address', async (t) => {
  const app = await startApplication(t, 'refused tokens')
  const good = bearer(await app.accessTokens.sign({ sub: 'alice' }))
  t.strictSame(await statuses(app, { times: 30, headers: good }), { 200: 30 }, 'good tokens are not counted')
  t.strictSame(await statuses(app, { times: 30 }), { 401: 30 }, 'nor are callers without one')
  t.strictSame(await statuses(app, { times: 25, headers: bearer('guess') }), { 401: 20, 429: 5 })
  const refused = await app.inject({ url: '/me', headers: good, remoteAddress: '192.0.2.1' })
  t.equal(refused.statusCode, 429)
  t.match(refused.headers['retry-after'], /^(300|2\d\d)$/)
  t.strictSame(
    await statuses(app, { times: 1, headers: good, remoteAddress: '192.0.2.2' }),
    { 200: 1 },
    'another address is served'
  )
})

t.test('app.authenticate as a preHandler runs after the limit of the route', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(rateLimit, { global: false })
  await app.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET })
  app.get(
    '/me',
    { config: { rateLimit: { max: 5, timeWindow: '1 minute' } }, preHandler: [app.authenticate] },
    async () => 'me'
  )
  t.strictSame(await statuses(app as unknown as FastifyInstance, { times: 8 }), { 401: 5, 429: 3 })
})

t.test('the tables list exactly what npm run test:ecosystem runs beside the plugin', (t) => {
  const page = readFileSync('docs/other-plugins.md', 'utf8')
  const listed = [...page.matchAll(/^\| `([^`]+)` \| /gm)].map(([, name]) => name!)
  const rigs = [...filesIn('test/ecosystem/beside', /\.rig\.ts$/), 'test/ecosystem/recipes/frameworks.rig.ts']
  const run = rigs.flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    const names =
      /\bbeside\(\s*'([^']+)'|^ {2}'(@fastify\/[^']+)': |^t\.test\('([^']+?)[:,] (?:docs\/recipes|in sibling)/gm
    return [...text.matchAll(names)].map(([, ...found]) => found.find((name) => name !== undefined)!)
  })
  t.strictSame(listed.toSorted(), [...new Set(run)].toSorted())
  t.end()
})
