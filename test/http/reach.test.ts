import fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { issuer, secret } from '../fixtures/app.ts'

const options = { issuer, secret }
const open = async () => 'open'
const plugin = (scope: FastifyInstance) => scope.register(authenticate, options)
const outside = (url: string) => ({
  name: 'TypeError',
  message:
    `The route ${url} has "config.auth", but it is outside the context in which fastify-authenticate is registered. ` +
    'Register the plugin on the instance that declares the route, or on a parent of it. If another plugin registers ' +
    'it, wrap that plugin in fastify-plugin'
})
const notFound = (prefix: string) => ({
  name: 'TypeError',
  message:
    `The not-found handler of ${prefix} has "config.auth", which protects routes only. ` +
    'Give it the hook: app.setNotFoundHandler({ preHandler: [app.authenticate] }, handler)'
})

t.test('config.auth on a route that the plugin does not reach stops the start', async (t) => {
  const places: [string, string, (app: FastifyInstance) => unknown][] = [
    [
      'the plugin is inside another plugin',
      '/notes',
      (app) =>
        app
          .register(async (scope) => {
            await plugin(scope)
          })
          .get('/notes', { config: { auth: true } }, open)
    ],
    [
      'the route stands before it',
      '/notes',
      (app) =>
        app.get('/notes', { config: { auth: { roles: ['admin'] } } }, open).register(async (scope) => {
          plugin(scope)
        })
    ],
    [
      'in a sibling context',
      '/two/notes',
      (app) =>
        app
          .register(async (scope) => {
            await plugin(scope)
          })
          .register(
            async (scope) => {
              scope.post('/notes', { config: { auth: true } }, open)
            },
            { prefix: '/two' }
          )
    ],
    [
      'optional',
      '/notes',
      (app) =>
        app
          .register(async (scope) => {
            await plugin(scope)
          })
          .get('/notes', { config: { auth: { optional: true } } }, open)
    ],
    [
      'nonsense',
      '/notes',
      (app) =>
        app
          .register(async (scope) => {
            await plugin(scope)
          })
          .get('/notes', { config: { auth: { nonsense: 1 } as never } }, open)
    ],
    [
      'undefined',
      '/notes',
      (app) =>
        app
          .register(async (scope) => {
            await plugin(scope)
          })
          .get('/notes', { config: { auth: undefined as never } }, open)
    ],
    [
      'config that a hook of the application adds',
      '/notes',
      (app) =>
        app
          .addHook('onRoute', (route) => {
            route.config = { ...route.config, auth: true }
          })
          .register(async (scope) => {
            await plugin(scope)
          })
          .get('/notes', open)
    ]
  ]
  for (const [name, url, build] of places) {
    const app = fastify()
    t.teardown(() => app.close())
    build(app)
    await t.rejects(
      async () => {
        await app.ready()
      },
      outside(url),
      name
    )
  }
})

t.test('config.auth on a not-found handler stops the start', async (t) => {
  const config = { auth: true }
  const places: [string, string, (app: FastifyInstance) => unknown][] = [
    [
      'before the plugin',
      '/',
      (app) => {
        app.setNotFoundHandler({ config } as never, open)
        plugin(app)
      }
    ],
    [
      'after the plugin',
      '/',
      async (app) => {
        await plugin(app)
        app.setNotFoundHandler({ config } as never, open)
      }
    ],
    [
      'in a child',
      '/child',
      (app) => {
        plugin(app)
        app.register(
          async (scope) => {
            scope.setNotFoundHandler({ config } as never, open)
          },
          { prefix: '/child' }
        )
      }
    ],
    [
      'outside the context',
      '/',
      (app) => {
        app.setNotFoundHandler({ config } as never, open)
        app.register(async (scope) => {
          plugin(scope)
        })
      }
    ]
  ]
  for (const [name, prefix, build] of places) {
    const app = fastify()
    t.teardown(() => app.close())
    await build(app)
    await t.rejects(
      async () => {
        await app.ready()
      },
      notFound(prefix),
      name
    )
  }
})

t.test('a not-found handler is protected by the hook, as the message says', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await plugin(app)
  app.setNotFoundHandler({ preHandler: [app.authenticate] }, async (request, reply) =>
    reply.code(404).send({ nothingFor: request.user.sub })
  )
  const token = await app.accessTokens.sign({ sub: 'alice' })
  const [anonymous, alice] = [
    await app.inject('/nowhere'),
    await app.inject({ url: '/nowhere', headers: { authorization: `Bearer ${token}` } })
  ]
  t.strictSame(
    [anonymous.statusCode, anonymous.json().code, anonymous.headers['www-authenticate']],
    [401, 'AUTH_NO_CREDENTIALS', `Bearer realm="${issuer}"`]
  )
  t.strictSame([alice.statusCode, alice.json()], [404, { nothingFor: 'alice' }])
})

t.test(
  'start succeeds with sibling contexts, a plugin that is registered later, auth: false outside, and a second server',
  async (t) => {
    const [app, other] = [fastify(), fastify()]
    t.teardown(() => Promise.all([app.close(), other.close()]))
    other.get('/notes', { config: { auth: true } }, open)
    for (const prefix of ['/one', '/two']) {
      app.register(
        async (scope) => {
          scope.get('/early', { config: { auth: true } }, open)
          scope.register(async (child) => {
            child.get('/child', { config: { auth: true } }, open)
          })
          scope.register(
            fp(async (same) => {
              same.register(authenticate, { ...options, issuer: `${issuer}${prefix}`, cookies: false })
            })
          )
          scope.setNotFoundHandler({ config: { auth: false } } as never, async (_request, reply) =>
            reply.code(404).send('nothing')
          )
        },
        { prefix }
      )
    }
    app.get('/open', { config: { auth: false } }, open)
    await app.ready()
    const status = async (url: string) => (await app.inject(url)).statusCode
    t.strictSame(
      [
        await status('/one/early'),
        await status('/two/early'),
        await status('/one/child'),
        await status('/open'),
        await status('/one/none')
      ],
      [401, 401, 401, 200, 404]
    )
    t.equal((await other.inject('/notes')).statusCode, 200, 'the other server does not use the plugin')
  }
)
