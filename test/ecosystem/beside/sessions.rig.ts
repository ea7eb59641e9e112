// Plugins that have cookies, tokens, sessions or users of their own.
import cookie from '@fastify/cookie'
import csrfProtection from '@fastify/csrf-protection'
import flash from '@fastify/flash'
import jwt from '@fastify/jwt'
import passport from '@fastify/passport'
import secureSession from '@fastify/secure-session'
import session from '@fastify/session'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Strategy as JwtStrategy } from 'passport-jwt'
import { Strategy as LocalStrategy } from 'passport-local'
import { beside, cookieHeader } from './beside.ts'

const other = 'another secret, which only the other plugin uses'
const sameOrigin = { 'sec-fetch-site': 'same-origin' }

/** The `Cookie` header of a browser that already had some cookies. */
const joined = (...headers: (string | undefined)[]) => ({ cookie: headers.filter(Boolean).join('; ') })

for (const [what, options] of Object.entries({
  'with a secret and defaults of its own': {
    secret: other,
    parseOptions: { path: '/app', domain: 'example.com', maxAge: 5, sameSite: 'none' as const, signed: true }
  },
  'without its hook': { hook: false as const }
})) {
  beside(
    '@fastify/cookie',
    {
      does: `sets and reads the application's cookies, ${what}`,
      register: (app) => app.register(cookie, options),
      routes(app) {
        app.post('/theme', { config: { auth: true } }, async (_request, reply) => {
          reply.setCookie('theme', 'dark', { signed: false })
          await reply.signIn({ sub: 'alice', transport: 'cookie' })
          return reply.clearCookie('old').send('changed')
        })
        app.get(
          '/theme',
          { config: { auth: true } },
          async ({ headers }) => app.parseCookie(headers.cookie ?? '').theme
        )
      }
    },
    async (t, { post, get, browser }) => {
      const alice = await browser()
      const changed = await post('/theme', { ...alice, ...sameOrigin })
      const lines = new Map(changed.cookies.map((line) => [line.name, line]))
      t.strictSame([...lines.keys()].sort(), ['__Host-access', '__Host-refresh', 'old', 'theme'])
      const access = lines.get('__Host-access')!
      t.match(access, { path: '/', httpOnly: true, secure: true, sameSite: 'Lax' })
      t.strictSame([access.domain, access.value.split('.').length], [undefined, 3], 'no defaults of the application')
      t.equal((await get('/theme', joined(cookieHeader(changed)))).body, 'dark')
      t.equal((await get('/me', joined('broken; theme', cookieHeader(changed)))).json().source, 'cookie')
    }
  )
}

beside(
  '@fastify/jwt',
  {
    does: 'verifies tokens of its own on its own routes, in the slots request.user and app.jwt',
    register: (app) => app.register(jwt, { secret: other }),
    routes(app) {
      app.get('/old', { onRequest: (request) => request.jwtVerify() }, async ({ user, auth }) => ({ user, auth }))
    }
  },
  async (t, { app, get, bearer }) => {
    const old = { authorization: `Bearer ${app.jwt.sign({ sub: 'bob' })}` }
    t.match((await get('/old', old)).json(), { user: { sub: 'bob' }, auth: null })
    t.equal((await get('/me', old)).json().code, 'AUTH_INVALID_TOKEN', 'its tokens are nothing here')
    t.equal((await get('/old', await bearer())).json().code, 'FST_JWT_AUTHORIZATION_TOKEN_INVALID', 'nor ours there')
  }
)

beside(
  '@fastify/jwt',
  {
    does: 'keeps its users apart with a namespace and decoratorName, also on a route that checks both',
    register: (app) =>
      app.register(jwt, {
        secret: other,
        namespace: 'old',
        decoratorName: 'oldUser',
        cookie: { cookieName: 'old', signed: false }
      }),
    routes(app) {
      const verify = (request: FastifyRequest) =>
        (request as never as { oldJwtVerify: () => Promise<void> }).oldJwtVerify()
      app.get('/both', { config: { auth: true }, preHandler: verify }, async (request) => [
        request.user.sub,
        (request as never as { oldUser: { sub: string } }).oldUser.sub
      ])
    }
  },
  async (t, { app, get, bearer }) => {
    const old = (app.jwt as unknown as { old: { sign: (claims: object) => string } }).old.sign({ sub: 'bob' })
    const alice = await bearer()
    t.equal((await get('/both', alice)).statusCode, 401)
    t.equal((await get('/both', { cookie: `old=${old}` })).json().code, 'AUTH_NO_CREDENTIALS')
    t.equal((await get('/me', { ...alice, cookie: `old=${old}` })).json().sub, 'alice')
  }
)

const start = async (app: FastifyInstance) => {
  if (!app.hasPlugin('@fastify/cookie')) await app.register(cookie)
}

function sessionRoutes(app: FastifyInstance): void {
  app.post('/cart', { config: { auth: true } }, async (request) => {
    const cart = [...((request.session.get('cart' as never) as string[] | undefined) ?? []), request.user.sub]
    request.session.set('cart' as never, cart as never)
    return cart
  })
  app.post('/cart-and-sign-in', async (request, reply) => {
    request.session.set('cart' as never, ['first'] as never)
    return reply.signIn({ sub: 'alice', transport: 'cookie' })
  })
}

for (const [name, register] of Object.entries({
  '@fastify/session': async (app: FastifyInstance) => {
    await start(app)
    await app.register(session, {
      secret: other,
      cookieName: 'cart',
      cookie: { secure: false },
      saveUninitialized: false
    })
  },
  '@fastify/secure-session': (app: FastifyInstance) =>
    app.register(secureSession, { key: Buffer.alloc(32, 7), cookieName: 'cart', cookie: { path: '/' } })
})) {
  beside(
    name,
    { does: 'keeps request.session beside the session of the user', register, routes: sessionRoutes },
    async (t, { get, post, browser }) => {
      const both = await post('/cart-and-sign-in')
      t.strictSame(both.cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh', 'cart'])
      const cookies = joined(cookieHeader(both))
      t.strictSame((await post('/cart', { ...cookies, ...sameOrigin })).json(), ['first', 'alice'])
      t.equal((await get('/me', cookies)).json().sub, 'alice')

      const alice = await browser()
      const own = cookieHeader(await post('/cart', { ...alice, ...sameOrigin }))
      t.strictSame((await post('/cart', joined(alice.cookie, own))).json(), ['alice', 'alice'])
      await post('/sign-out', joined(alice.cookie, own))
      t.equal((await post('/cart', joined(alice.cookie, own))).statusCode, 401)
      const bob = await browser('bob')
      t.strictSame(
        (await post('/cart', joined(bob.cookie, own))).json().at(-1),
        'bob',
        'sign-out leaves its session alone'
      )
    }
  )
}

/** Whose form it is. An empty text would make every token invalid. */
const owner = ({ user }: FastifyRequest) => (user === null ? 'visitor' : `user ${user.sub}`)

beside(
  '@fastify/csrf-protection',
  {
    does: 'protects forms that the plugin does not, and those of users with tokens for one user',
    async register(app) {
      await start(app)
      await app.register(csrfProtection, {
        cookieOpts: { path: '/', httpOnly: true },
        getUserInfo: owner,
        csrfOpts: { hmacKey: other }
      })
    },
    routes(app) {
      app.get('/form', { config: { auth: { optional: true } } }, async (request, reply) =>
        reply.generateCsrf({ userInfo: owner(request) })
      )
      app.post(
        '/contact',
        { config: { auth: { optional: true } }, preHandler: app.csrfProtection },
        async () => 'thanks'
      )
      app.post('/transfer', { config: { auth: true }, preHandler: app.csrfProtection }, async ({ user }) => user.sub)
    }
  },
  async (t, { get, post, browser }) => {
    const form = await get('/form')
    const visitor = { ...joined(cookieHeader(form)), 'csrf-token': form.body }
    t.equal((await post('/contact', visitor)).body, 'thanks')
    t.equal((await post('/contact', joined(cookieHeader(form)))).json().code, 'FST_CSRF_INVALID_TOKEN')

    const alice = await browser()
    const page = await get('/form', alice)
    const cookies = joined(alice.cookie, cookieHeader(page))
    t.equal((await post('/transfer', { ...cookies, 'csrf-token': page.body })).body, 'alice')
    t.equal((await post('/transfer', cookies)).json().code, 'FST_CSRF_INVALID_TOKEN')
    const bob = joined((await browser('bob')).cookie, cookieHeader(page))
    t.equal((await post('/transfer', { ...bob, 'csrf-token': page.body })).json().code, 'FST_CSRF_INVALID_TOKEN')
    const foreign = await post('/transfer', { ...cookies, 'csrf-token': page.body, 'sec-fetch-site': 'cross-site' })
    t.equal(foreign.json().code, 'AUTH_CROSS_SITE', 'the plugin checks first')
  }
)

beside(
  '@fastify/flash',
  {
    does: 'shows a message after a redirect to a user who has just signed in',
    async register(app) {
      await app.register(secureSession, { key: Buffer.alloc(32, 7), cookieName: 'flash', cookie: { path: '/' } })
      await app.register(flash)
    },
    routes(app) {
      app.post('/welcome', async (request, reply) => {
        await reply.signIn({ sub: 'alice', transport: 'cookie' })
        request.flash('info', 'Welcome')
        return reply.redirect('/messages', 303)
      })
      app.get('/messages', { config: { auth: true } }, async (_request, reply) => reply.flash('info'))
    }
  },
  async (t, { post, get }) => {
    const signedIn = await post('/welcome')
    t.equal(signedIn.statusCode, 303)
    const first = await get('/messages', joined(cookieHeader(signedIn)))
    t.strictSame(first.json(), ['Welcome'])
    const names = cookieHeader(signedIn)
      .split('; ')
      .filter((pair) => !pair.startsWith('flash='))
    t.strictSame((await get('/messages', joined(...names, cookieHeader(first)))).json(), [])
    t.equal((await get('/messages')).statusCode, 401)
  }
)

interface Account {
  readonly id: string
}

function createPassport(userProperty: string) {
  const authenticator = new passport.Authenticator({ userProperty })
  authenticator.registerUserSerializer(async ({ id }: Account) => id)
  authenticator.registerUserDeserializer(async (id: string) => ({ id }))
  authenticator.use(
    'local',
    new LocalStrategy((username, password, done) =>
      done(null, password === 'right' ? { id: username } : false)
    ) as never
  )
  authenticator.use(
    'jwt',
    new JwtStrategy(
      { secretOrKey: other, jwtFromRequest: ({ headers }) => (headers['x-token'] as string | undefined) ?? null },
      (claims: { sub: string }, done) => done(null, { id: claims.sub })
    ) as never
  )
  return authenticator
}

beside(
  '@fastify/passport',
  {
    does: 'checks the password by a strategy, and the plugin starts the session',
    async register(app) {
      const strategies = createPassport('account')
      await app.register(secureSession, { key: Buffer.alloc(32, 7), cookieName: 'passport', cookie: { path: '/' } })
      await app.register(strategies.initialize())
      await app.register(strategies.secureSession())
      app.decorate('strategies', strategies)
    },
    routes(app) {
      const { strategies } = app as unknown as { strategies: ReturnType<typeof createPassport> }
      const accountOf = (request: FastifyRequest) => (request as unknown as { account?: Account | null }).account
      const login = { preValidation: strategies.authenticate('local', { session: false }) }
      app.post('/login', login, async (request: FastifyRequest, reply: FastifyReply) =>
        reply.signIn({ sub: accountOf(request)!.id, transport: 'cookie' })
      )
      const both = { config: { auth: true }, preValidation: strategies.authenticate('jwt', { session: false }) }
      app.get('/both', both, async (request: FastifyRequest) => ({
        user: request.user?.sub,
        auth: request.auth?.user.sub,
        account: accountOf(request)
      }))
      app.post('/remember', { preValidation: strategies.authenticate('local') }, async () => 'remembered')
      app.get('/account', { config: { auth: { optional: true } } }, async (request) => ({
        user: request.user?.sub ?? null,
        account: accountOf(request) ?? null
      }))
    }
  },
  async (t, { app, post, get, bearer }) => {
    t.equal((await post('/login', {}, { username: 'alice', password: 'wrong' })).statusCode, 401)
    const signedIn = await post('/login', {}, { username: 'alice', password: 'right' })
    t.equal(signedIn.statusCode, 200)
    t.equal((await get('/me', joined(cookieHeader(signedIn)))).json().sub, 'alice')

    const { default: jsonwebtoken } = await import('jsonwebtoken')
    const both = { ...(await bearer()), 'x-token': jsonwebtoken.sign({ sub: 'bob' }, other) }
    t.strictSame((await get('/both', both)).json(), { user: 'alice', auth: 'alice', account: { id: 'bob' } })
    t.equal((await get('/both', { 'x-token': both['x-token'] })).json().code, 'AUTH_NO_CREDENTIALS')

    const remembered = joined(cookieHeader(await post('/remember', {}, { username: 'carol', password: 'right' })))
    t.strictSame((await get('/account', remembered)).json(), { user: null, account: { id: 'carol' } })
    t.strictSame(
      (await get('/account', { ...remembered, ...(await bearer()) })).json(),
      { user: 'alice', account: { id: 'carol' } },
      'two users of two kinds'
    )
    t.equal((await get('/me', remembered)).statusCode, 401, 'its session is nothing here')
    t.ok(app.hasRequestDecorator('account'))
  }
)

beside(
  '@fastify/passport',
  {
    does: 'overwrites request.user unless it has another userProperty; request.auth.user stays',
    async register(app) {
      const strategies = createPassport('user')
      await app.register(secureSession, { key: Buffer.alloc(32, 7), cookieName: 'passport', cookie: { path: '/' } })
      await app.register(strategies.initialize())
      app.decorate('strategies', strategies)
    },
    routes(app) {
      const { strategies } = app as unknown as { strategies: ReturnType<typeof createPassport> }
      const both = { config: { auth: true }, preValidation: strategies.authenticate('jwt', { session: false }) }
      app.get('/both', both, async (request: FastifyRequest) => ({ user: request.user, auth: request.auth?.user.sub }))
    }
  },
  async (t, { get, bearer }) => {
    const { default: jsonwebtoken } = await import('jsonwebtoken')
    const both = { ...(await bearer()), 'x-token': jsonwebtoken.sign({ sub: 'bob' }, other) }
    t.strictSame((await get('/both', both)).json(), { user: { id: 'bob' }, auth: 'alice' })
  }
)
