import t from 'tap'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import authenticate, { type AuthenticateOptions } from '../../plugin/index.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { generateKeyPairSync } from 'node:crypto'

const options = { issuer, secret }

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Shows the user that the handler sees: `null`, never `undefined`, without one. */
async function echoUser({ user, auth }: Pick<FastifyRequest, 'user' | 'auth'>) {
  const show = (value: unknown) => (value === undefined ? 'undefined' : value)
  return { user: user?.sub ?? show(user), auth: auth?.source ?? show(auth) }
}

t.test('sibling contexts have separate issuers', async (t) => {
  const app = fastify()
  const scopes: FastifyInstance[] = []
  for (const [prefix, name] of [
    ['/one', 'https://one.example'],
    ['/two', 'https://two.example']
  ] as const) {
    await app.register(
      async (scope) => {
        const cookies = { access: `access${prefix.replace('/', '-')}`, refresh: `refresh${prefix.replace('/', '-')}` }
        await scope.register(authenticate, {
          issuer: name,
          secret,
          keys: [{ key: generateKeyPairSync('ed25519').privateKey, kid: name }],
          cookies
        })
        scope.get('/me', { config: { auth: true } }, echoUser)
        scope.get('/auth', { onRequest: [scope.authenticate] }, async ({ auth }) => auth!.issuer)
        scopes.push(scope)
      },
      { prefix }
    )
  }
  await app.ready()
  const [one, two] = [
    await scopes[0]!.accessTokens.sign({ sub: 'alice' }),
    await scopes[1]!.accessTokens.sign({ sub: 'bob' })
  ]
  const me = async (url: string, token: string) => (await app.inject({ url, headers: bearer(token) })).statusCode
  t.strictSame(
    [await me('/one/me', one), await me('/two/me', two), await me('/one/me', two), await me('/two/me', one)],
    [200, 200, 401, 401]
  )
  t.equal((await app.inject({ url: '/two/auth', headers: bearer(two) })).body, 'https://two.example')
  for (const [prefix, kid] of [
    ['/one', 'https://one.example'],
    ['/two', 'https://two.example']
  ] as const) {
    const response = await app.inject(`${prefix}/.well-known/jwks.json`)
    t.strictSame(
      response.json().keys.map((key: { kid: string; d?: string }) => [key.kid, key.d]),
      [[kid, undefined]]
    )
    t.equal(response.headers['content-type'], 'application/jwk-set+json; charset=utf-8')
    t.equal(response.headers['cache-control'], 'public, max-age=300')
  }
  t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 404)
  await app.close()
})

t.test('claimCookieNames() refuses a name that another context of the application uses', async (t) => {
  type Cookies = AuthenticateOptions['cookies']
  const start = async (...contexts: (Cookies | undefined)[]) => {
    const app = fastify()
    contexts.forEach((cookies, index) => {
      app.register(
        async (scope) => {
          await scope.register(authenticate, { issuer: `https://${index}.example`, secret, cookies })
        },
        { prefix: `/${index}` }
      )
    })
    await app.ready()
    await app.close()
  }
  const message = (option: string, name: string) =>
    `Cannot register fastify-authenticate: "cookies.${option}" must differ from the cookie names of this ` +
    `application's other registrations: "${name}" is taken. Choose another name, or set "cookies" to false in ` +
    'one of them'
  const refused: [Cookies | undefined, Cookies | undefined, string, string][] = [
    [undefined, undefined, 'access', '__Host-access'],
    [{}, { access: 'a' }, 'refresh', '__Host-refresh'],
    [{ access: 'a', refresh: 'b' }, { access: 'b', refresh: 'c' }, 'access', 'b'],
    [{ domain: 'a.example', access: 'a' }, { access: 'b', refresh: '__Secure-refresh' }, 'refresh', '__Secure-refresh']
  ]
  for (const [one, two, option, name] of refused) {
    await t.rejects(start(one, two), { name: 'TypeError', message: message(option, name) })
  }
  await t.rejects(
    start({}, { access: 'a', refresh: 'b' }, {}),
    { message: message('access', '__Host-access') },
    'nor do the first and the third'
  )
  await start(undefined, false, false)
  await start(undefined, { access: 'a', refresh: 'b' }, { domain: 'example.com' })
  await start({ access: 'a', refresh: 'b' }, { access: 'A', refresh: 'B' })
  await start(undefined)
})

t.test('claimContext() refuses a second registration, and says what to do', async (t) => {
  const message =
    'Cannot register fastify-authenticate: "authenticate" is already decorated in this context or a parent. ' +
    'Register it once, or in sibling contexts (app.register(async (scope) => { … }))'
  await t.rejects(
    async () => {
      await fastify().register(authenticate, options).register(authenticate, options)
    },
    { message },
    'in the same context'
  )
  await t.rejects(
    async () => {
      await fastify()
        .register(authenticate, options)
        .register(async (scope) => {
          await scope.register(authenticate, { ...options, issuer: 'https://other.example' })
        })
    },
    { message },
    'in a child'
  )
  const child = async (scope: FastifyInstance) => {
    await scope.register(authenticate, { ...options, issuer: 'https://other.example' })
  }
  await t.rejects(
    async () => {
      await fastify().register(child).register(authenticate, options)
    },
    { message: message.replace('this context or a parent', 'a child of this context') },
    "in a parent: two issuers would check the child's routes"
  )
  const decorated = fastify()
  decorated.decorate('authenticate', async () => {})
  const ownHook =
    'Cannot register fastify-authenticate: the application has an "authenticate" decorator of its own. ' +
    'Remove it, or give it another name'
  await t.rejects(
    async () => {
      await decorated.register(authenticate, options)
    },
    { message: ownHook },
    'with an authenticate() of the application, as @fastify/jwt suggests'
  )
  await t.rejects(
    async () => {
      await decorated.register(async (scope) => {
        await scope.register(authenticate, options)
      })
    },
    { message: ownHook },
    'in a child of the context that has it'
  )
})
