// Plugins that act on every request: limits, headers, formats, and other checks of the caller.
import accepts from '@fastify/accepts'
import auth from '@fastify/auth'
import caching from '@fastify/caching'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import sensible from '@fastify/sensible'
import underPressure from '@fastify/under-pressure'
import { setImmediate } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import type { FastifyRequest } from 'fastify'
import { AuthError } from '../../../plugin/index.ts'
import { beside, cookieHeader, issuer } from './beside.ts'

const challenge = `Bearer realm="${issuer}"`

beside(
  '@fastify/auth',
  {
    does: 'admits a user or a caller with an API key',
    register: (app) => app.register(auth),
    routes(app) {
      const checkKey = async ({ headers }: { headers: Record<string, unknown> }) => {
        if (headers['x-api-key'] !== 'key of a machine') {
          throw Object.assign(new Error('Wrong key'), { statusCode: 401 })
        }
      }
      const checkAge = async (request: FastifyRequest) => {
        if (Number(request.user?.age ?? 0) < 18) throw Object.assign(new Error('Too young'), { statusCode: 403 })
      }
      app.get(
        '/either',
        { preHandler: app.auth([checkKey, app.authenticate]) },
        async ({ user }) => user?.sub ?? 'machine'
      )
      app.get('/both', { preHandler: app.auth([app.authenticate, checkAge], { relation: 'and' }) }, async () => 'both')
    }
  },
  async (t, { get, bearer, app }) => {
    t.equal((await get('/either', { 'x-api-key': 'key of a machine' })).body, 'machine')
    t.equal((await get('/either', await bearer())).body, 'alice')
    const nobody = await get('/either')
    t.match([nobody.statusCode, nobody.json().code], [401, 'AUTH_NO_CREDENTIALS'], 'the last refusal is sent')
    t.equal(nobody.headers['www-authenticate'], challenge)
    t.equal((await get('/both')).json().code, 'AUTH_NO_CREDENTIALS')
    t.equal((await get('/both', await bearer())).statusCode, 403)
    const adult = await app.accessTokens.sign({ sub: 'alice', claims: { age: 18 } })
    t.equal((await get('/both', { authorization: `Bearer ${adult}` })).body, 'both')
  }
)

beside(
  '@fastify/rate-limit',
  {
    does: 'counts the requests of each user',
    register: (app) =>
      app.register(rateLimit, {
        max: 2,
        keyGenerator: ({ user, ip }) => user?.sub ?? ip,
        allowList: ({ url }) => url !== '/limited'
      }),
    routes: (app) => app.get('/limited', { config: { auth: true } }, async () => 'ok')
  },
  async (t, { get, bearer }) => {
    const statuses = async (headers = {}) => [
      (await get('/limited', headers)).statusCode,
      (await get('/limited', headers)).statusCode,
      (await get('/limited', headers)).statusCode
    ]
    t.strictSame(await statuses(await bearer('bob')), [200, 200, 429])
    t.strictSame(await statuses(await bearer('carol')), [200, 200, 429], 'another user at the same address')
    t.strictSame(await statuses(), [401, 401, 401], 'refused requests are not counted')
  }
)

beside(
  '@fastify/rate-limit',
  {
    does: 'counts refused requests too if it is a hook before the plugin',
    orders: ['before'],
    async register(app) {
      await app.register(rateLimit, { global: false, max: 2, allowList: ({ url }) => url !== '/limited' })
      app.addHook('onRequest', app.rateLimit())
    },
    routes: (app) => app.get('/limited', { config: { auth: true } }, async () => 'ok')
  },
  async (t, { get, bearer }) => {
    t.equal((await get('/limited', { authorization: 'Bearer a.b.c' })).statusCode, 401)
    t.equal((await get('/limited')).statusCode, 401)
    t.equal((await get('/limited', await bearer())).statusCode, 429)
  }
)

const page = 'https://app.example.com'
const preflight = {
  origin: page,
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization'
}

beside(
  '@fastify/cors',
  {
    does: 'responds to preflights of protected routes, and lets pages of another origin read a 401',
    orders: ['before'],
    plugin: { protect: 'all', trustedOrigins: [page] },
    register: (app) => app.register(cors, { origin: [page], credentials: true, exposedHeaders: ['www-authenticate'] })
  },
  async (t, { app, get, post, browser }) => {
    const allowed = await app.inject({ method: 'OPTIONS', url: '/me', headers: preflight })
    t.equal(allowed.statusCode, 204)
    t.equal(allowed.headers['access-control-allow-origin'], page)
    t.equal(allowed.headers['access-control-allow-credentials'], 'true')
    const refused = await get('/me', { origin: page })
    t.equal(refused.statusCode, 401)
    t.equal(refused.headers['access-control-allow-origin'], page)
    t.equal(refused.headers['access-control-expose-headers'], 'www-authenticate')
    const alice = await browser()
    t.equal((await post('/me', { ...alice, origin: page, 'sec-fetch-site': 'same-site' })).statusCode, 200)
    const thief = await post('/me', { ...alice, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })
    t.equal(thief.statusCode, 403)
    t.equal(thief.headers['access-control-allow-origin'], undefined)
  }
)

beside(
  '@fastify/cors',
  {
    does: 'hides every 401 from pages of another origin, and under "all" even preflights are refused',
    orders: ['after'],
    plugin: { protect: 'all' },
    register: (app) => app.register(cors, { origin: [page], credentials: true })
  },
  async (t, { app, get }) => {
    t.equal((await app.inject({ method: 'OPTIONS', url: '/me', headers: preflight })).statusCode, 401)
    t.equal((await get('/me', { origin: page })).headers['access-control-allow-origin'], undefined)
  }
)

beside(
  '@fastify/helmet',
  { does: 'adds its headers to a 401 only if it comes first', register: (app) => app.register(helmet) },
  async (t, { get, bearer, order }) => {
    const policy = "default-src 'self'"
    t.match((await get('/me', await bearer())).headers['content-security-policy'], policy)
    const refused = await get('/me')
    t.match(refused.headers['content-security-policy'], order === 'before' ? policy : undefined)
    t.equal(refused.headers['www-authenticate'], challenge)
  }
)

beside(
  '@fastify/under-pressure',
  {
    does: 'serves its status under "all" if that route is exempt',
    plugin: { protect: 'all' },
    register: (app) =>
      app.register(underPressure, {
        maxRssBytes: 1e15,
        exposeStatusRoute: { url: '/status', routeOpts: { logLevel: 'warn', config: { auth: false } } }
      })
  },
  async (t, { get }) => {
    t.strictSame((await get('/status')).json(), { status: 'ok' })
  }
)

beside(
  '@fastify/under-pressure',
  {
    does: 'refuses all requests while it is overloaded, without the check only if it comes first',
    register(app) {
      let isHealthy = true
      app.decorate('fail', () => (isHealthy = false))
      return app.register(underPressure, { healthCheck: async () => isHealthy, healthCheckInterval: 5 })
    }
  },
  async (t, { app, get, bearer, order }) => {
    const alice = await bearer()
    ;(app as unknown as { fail: () => void }).fail()
    let response = await get('/me', alice)
    while (response.statusCode !== 503) {
      // `inject()` alone would never let the timer of the health check run.
      await setImmediate()
      response = await get('/me', alice)
    }
    t.equal(response.json().code, 'FST_UNDER_PRESSURE')
    t.equal((await get('/me')).statusCode, order === 'before' ? 503 : 401)
  }
)

beside(
  '@fastify/accepts',
  {
    does: 'sends a browser to the sign-in page instead of a JSON 401',
    register: (app) => app.register(accepts),
    routes(app) {
      app.setErrorHandler((error, request, reply) => {
        const isSignedOut = error instanceof AuthError && error.statusCode === 401
        if (isSignedOut && request.type(['json', 'html']) === 'html') return reply.redirect('/sign-in', 303)
        throw error
      })
    }
  },
  async (t, { get }) => {
    const html = await get('/me', { accept: 'text/html,*/*;q=0.8' })
    t.strictSame([html.statusCode, html.headers.location], [303, '/sign-in'])
    const json = await get('/me', { accept: 'application/json' })
    t.strictSame([json.statusCode, json.json().code], [401, 'AUTH_NO_CREDENTIALS'])
  }
)

beside(
  '@fastify/sensible',
  {
    does: 'adds refusals of the application, which have its codes and no challenge',
    register: (app) => app.register(sensible),
    routes(app) {
      app.get('/notes/:owner', { config: { auth: true } }, async (request, reply) => {
        app.assert.equal((request.params as { owner: string }).owner, request.user.sub, 403, 'Not your notes')
        return reply.preventCache().send('notes')
      })
    }
  },
  async (t, { get, bearer }) => {
    const alice = await bearer()
    const mine = await get('/notes/alice', alice)
    t.strictSame([mine.statusCode, mine.body], [200, 'notes'])
    t.equal(mine.headers['cache-control'], 'no-store, max-age=0, private')
    const theirs = await get('/notes/bob', alice)
    t.strictSame([theirs.statusCode, theirs.json().message], [403, 'Not your notes'])
    t.equal(theirs.headers['www-authenticate'], undefined)
    t.equal((await get('/notes/alice')).headers['www-authenticate'], challenge)
  }
)

beside(
  '@fastify/caching',
  {
    does: 'does not let shared caches keep protected responses, refusals or tokens',
    register: (app) => app.register(caching, { privacy: caching.privacy.PUBLIC, expiresIn: 300 }),
    routes: (app) =>
      app.get('/optional', { config: { auth: { optional: true } } }, async ({ user }) => user?.sub ?? 'nobody')
  },
  async (t, { get, post, bearer, order }) => {
    const control = async (pending: ReturnType<typeof get>) => (await pending).headers['cache-control']
    t.equal(await control(get('/open')), 'public, max-age=300')
    const kept = order === 'before' ? 'private, max-age=300' : 'private'
    t.equal(await control(get('/me', await bearer())), kept)
    t.equal(await control(get('/optional', await bearer())), kept)
    t.equal(await control(get('/me')), 'no-store')
    t.equal(await control(post('/sign-in', {}, { sub: 'alice', transport: 'bearer' })), 'no-store')
  }
)

beside(
  '@fastify/caching',
  {
    does: 'responds with 304 to a known ETag, after the check only if it comes after the plugin',
    register: (app) => app.register(caching),
    routes: (app) =>
      app.get('/report', { config: { auth: true } }, async (_request, reply) => reply.etag('report-1').send('report'))
  },
  async (t, { get, bearer, order }) => {
    const alice = await bearer()
    t.equal((await get('/report', alice)).body, 'report')
    t.equal((await get('/report', { ...alice, 'if-none-match': 'report-1' })).statusCode, 304)
    const nobody = await get('/report', { 'if-none-match': 'report-1' })
    t.strictSame([nobody.statusCode, nobody.body === 'report'], [order === 'before' ? 304 : 401, false])
  }
)

beside(
  '@fastify/compress',
  {
    does: 'compresses responses, refusals and sign-ins, with their headers',
    register: (app) => app.register(compress, { threshold: 0, encodings: ['gzip'] }),
    routes: (app) => app.get('/long', { config: { auth: true } }, async ({ user }) => ({ text: user.sub.repeat(1000) }))
  },
  async (t, { get, post, bearer }) => {
    const gzip = { 'accept-encoding': 'gzip' }
    const read = ({ rawPayload }: { rawPayload: Buffer }) => JSON.parse(gunzipSync(rawPayload).toString())
    const long = await get('/long', { ...gzip, ...(await bearer()) })
    t.equal(read(long).text, 'alice'.repeat(1000))
    const refused = await get('/long', gzip)
    t.equal(refused.statusCode, 401)
    t.equal(refused.headers['content-encoding'], 'gzip')
    t.equal(refused.headers['www-authenticate'], challenge)
    t.equal(read(refused).code, 'AUTH_NO_CREDENTIALS')
    const signedIn = await post('/sign-in', gzip, { sub: 'alice', transport: 'cookie' })
    t.equal(signedIn.headers['content-encoding'], 'gzip')
    t.equal((await get('/me', { cookie: cookieHeader(signedIn) })).json().sub, 'alice')
  }
)

beside(
  '@fastify/formbody',
  {
    does: 'signs in by a form of a page, and refuses a form of another site before it reads the body',
    register: (app) => app.register(formbody),
    routes(app) {
      app.post('/form', async (request, reply) => {
        await reply.signIn({ sub: (request.body as { name: string }).name, transport: 'cookie' })
        return reply.redirect('/me', 303)
      })
      app.post('/note', { config: { auth: true } }, async (request) => request.body)
    }
  },
  async (t, { get, post }) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }
    const signedIn = await post('/form', form, 'name=alice')
    t.strictSame([signedIn.statusCode, signedIn.headers.location], [303, '/me'])
    const cookie = cookieHeader(signedIn)
    t.equal((await get('/me', { cookie })).json().sub, 'alice')
    t.strictSame((await post('/note', { ...form, cookie }, 'text=milk')).json(), { text: 'milk' })
    t.equal((await post('/note', form, 'text=milk')).statusCode, 401)
    const foreign = { ...form, 'sec-fetch-site': 'cross-site' }
    t.equal((await post('/note', { ...foreign, cookie }, 'text=%')).json().code, 'AUTH_CROSS_SITE')
    t.equal((await post('/form', foreign, 'name=mallory')).json().code, 'AUTH_CROSS_SITE', 'login CSRF')
  }
)
