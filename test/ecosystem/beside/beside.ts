import Fastify, { type FastifyInstance, type FastifyServerOptions, type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions, type SignIn } from '../../../plugin/index.ts'

export const issuer = 'https://api.example.com'
export const secret = '0123456789abcdef0123456789abcdef'

type Order = 'before' | 'after'
type Headers = Record<string, string>

export interface Together {
  /** What the two do together, as the end of a sentence. */
  readonly does: string
  /** Where the other one is registered, seen from the plugin. Default: both. */
  readonly orders?: readonly Order[]
  readonly server?: FastifyServerOptions
  readonly plugin?: Partial<AuthenticateOptions>
  /** Registers the other plugin. What belongs to Fastify itself has nothing to register. */
  readonly register?: (app: FastifyInstance) => unknown
  /** Declares routes, after both. */
  readonly routes?: (app: FastifyInstance) => unknown
}

export interface World {
  readonly app: FastifyInstance
  /** Where the other plugin was registered. */
  readonly order: Order
  /** The header of a client that has a token of the user. */
  readonly bearer: (sub?: string) => Promise<Headers>
  /** The header of a browser that has signed in. */
  readonly browser: (sub?: string) => Promise<Headers>
  readonly get: (url: string, headers?: Headers) => Promise<LightMyRequestResponse>
  readonly post: (url: string, headers?: Headers, payload?: object | string) => Promise<LightMyRequestResponse>
}

/**
 * Tests the plugin beside another one, in each order of registration. First everything that the plugin does by itself,
 * then what both do together.
 */
export function beside(name: string, together: Together, story: (t: Test, world: World) => Promise<void>): void {
  const { does, server = {}, plugin = {}, register, routes } = together
  const { orders = register === undefined ? (['after'] as const) : (['before', 'after'] as const) } = together
  for (const order of orders) {
    const when = register === undefined ? '' : `, registered ${order} the plugin`
    t.test(`${name}${when}: it ${does}`, async (t) => {
      const app = Fastify(server) as unknown as FastifyInstance
      t.teardown(() => app.close())
      if (order === 'before') await register?.(app)
      await app.register(authenticate, { issuer, secret, ...plugin })
      if (order === 'after') await register?.(app)
      addRoutes(app)
      await routes?.(app)
      await app.ready()
      const world = createWorld(app, order)
      await t.test('the plugin works as it does alone', (t) => worksAsAlone(t, world))
      await story(t, world)
    })
  }
}

function addRoutes(app: FastifyInstance): void {
  app.post('/sign-in', { config: { auth: false } }, (request, reply) => reply.signIn(request.body as SignIn))
  app.post('/refresh', { config: { auth: false } }, (_request, reply) => reply.refresh())
  app.post('/sign-out', { config: { auth: false } }, async (_request, reply) => {
    await reply.signOut()
    return reply.code(204).send()
  })
  app.get('/me', { config: { auth: true } }, async ({ auth }) => ({ sub: auth.user.sub, source: auth.source }))
  app.post('/me', { config: { auth: true } }, async ({ auth }) => ({ sub: auth.user.sub, source: auth.source }))
  app.get('/scoped', { config: { auth: { scopes: ['notes:read'] } } }, async () => 'notes')
  app.get('/open', { config: { auth: false } }, async () => 'open')
}

function createWorld(app: FastifyInstance, order: Order): World {
  const get: World['get'] = (url, headers = {}) => app.inject({ url, headers })
  const post: World['post'] = (url, headers = {}, payload) =>
    app.inject({ method: 'POST', url, headers, ...(payload === undefined ? {} : { payload }) })
  return {
    app,
    order,
    get,
    post,
    bearer: async (sub = 'alice') => ({ authorization: `Bearer ${await app.accessTokens.sign({ sub })}` }),
    browser: async (sub = 'alice') => {
      const response = await post('/sign-in', {}, { sub, transport: 'cookie' })
      if (response.statusCode !== 200) throw new Error(`signed in with ${response.statusCode}: ${response.body}`)
      return { cookie: cookieHeader(response) }
    }
  }
}

/** The `Cookie` header of a browser after this response, with the values as they were sent. */
export function cookieHeader({ headers }: Pick<LightMyRequestResponse, 'headers'>): string {
  const pairs = [headers['set-cookie'] ?? []].flat().map((line) => line.split(';')[0]!)
  return pairs.filter((pair) => !pair.endsWith('=')).join('; ')
}

async function worksAsAlone(t: Test, { get, post, bearer, browser }: World): Promise<void> {
  const status = async (pending: Promise<LightMyRequestResponse>) => (await pending).statusCode
  const nobody = await get('/me')
  t.equal(nobody.statusCode, 401)
  t.equal(nobody.headers['www-authenticate'], `Bearer realm="${issuer}"`)
  t.equal(nobody.json().code, 'AUTH_NO_CREDENTIALS')
  const forged = await get('/me', { authorization: 'Bearer a.b.c' })
  t.match(forged.headers['www-authenticate'], /error="invalid_token"/)
  t.equal(await status(get('/open')), 200)

  const alice = await bearer()
  t.strictSame((await get('/me', alice)).json(), { sub: 'alice', source: 'header' })
  t.strictSame((await post('/me', alice)).json(), { sub: 'alice', source: 'header' })
  const unscoped = await get('/scoped', alice)
  t.equal(unscoped.statusCode, 403)
  t.match(unscoped.headers['www-authenticate'], /error="insufficient_scope", scope="notes:read"/)

  const signedIn = await post('/sign-in', {}, { sub: 'alice', transport: 'cookie' })
  t.strictSame(namesOf(signedIn), ['__Host-access', '__Host-refresh'])
  t.equal(signedIn.headers['cache-control'], 'no-store')
  const page = await browser()
  t.strictSame((await get('/me', page)).json(), { sub: 'alice', source: 'cookie' })
  t.equal(await status(post('/me', { ...page, 'sec-fetch-site': 'cross-site' })), 403)
  t.equal(await status(post('/refresh', page)), 200)
  const signedOut = await post('/sign-out', page)
  t.equal(signedOut.statusCode, 204)
  t.equal(cookieHeader(signedOut), '')
  t.equal((await get('/me', page)).json().code, 'AUTH_REVOKED_TOKEN')
}

const namesOf = ({ cookies }: LightMyRequestResponse) =>
  cookies.map(({ name }) => name).filter((name) => name.startsWith('__Host-'))
