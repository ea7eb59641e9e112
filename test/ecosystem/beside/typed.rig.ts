// Plugins with types of their own, and GraphQL. `tsc -p test/ecosystem` checks what the routes here receive.
import swagger from '@fastify/swagger'
import type { JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import { initTRPC } from '@trpc/server'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider
} from 'fastify-type-provider-zod'
import mercurius from 'mercurius'
import type { Test } from 'tap'
import { z } from 'zod'
import type { Auth, User } from '../../../plugin/index.ts'
import { beside, type World } from './beside.ts'

/** Compiles only if the value has exactly this type. */
const has =
  <Expected>() =>
  <Given>(
    value: Given & (<T>() => T extends Given ? 1 : 2) extends <T>() => T extends Expected ? 1 : 2 ? Given : never
  ) =>
    value

const auth = { scopes: ['notes:write'] }
const note = { text: 'buy milk', stars: 3 }
const saved = { of: 'alice', text: 'buy milk', stars: 3 }

/** What each provider's route does: refuse, then validate, then receive typed values, then serialize. */
async function savesNotes(t: Test, { app, post }: World): Promise<void> {
  const writer = { authorization: `Bearer ${await app.accessTokens.sign({ sub: 'alice', scope: 'notes:write' })}` }
  const summary = ({ statusCode, ...response }: LightMyRequestResponse) => [statusCode, response.json()]
  t.strictSame(summary(await post('/notes', writer, { ...note, secret: 'x' })), [200, saved])
  t.equal((await post('/notes', writer, { text: 1 })).statusCode, 400)
  const refused = await post('/notes', {}, { text: 1 })
  t.match(summary(refused), [401, { code: 'AUTH_NO_CREDENTIALS' }], 'the refusal comes before the validation')
  t.equal((await post('/maybe', {}, {})).body, '"nobody"')
}

beside(
  '@fastify/type-provider-typebox',
  {
    does: 'types body, user and reply of a protected route',
    routes(app) {
      const typed = app.withTypeProvider<TypeBoxTypeProvider>()
      const body = Type.Object({ text: Type.String(), stars: Type.Number() })
      const response = { 200: Type.Object({ of: Type.String(), text: Type.String(), stars: Type.Number() }) }
      typed.post('/notes', { config: { auth }, schema: { body, response } }, async (request) => {
        has<string>()(request.body.text)
        has<User>()(request.user)
        has<Auth>()(request.auth)
        return { of: request.user.sub, ...request.body }
      })
      typed.post('/maybe', { config: { auth: { optional: true } } }, async (request) => {
        has<Auth | null>()(request.auth)
        return JSON.stringify(request.auth?.user.sub ?? 'nobody')
      })
    }
  },
  savesNotes
)

beside(
  '@fastify/type-provider-json-schema-to-ts',
  {
    does: 'types body, user and reply of a protected route',
    routes(app) {
      const typed = app.withTypeProvider<JsonSchemaToTsProvider>()
      const text = { type: 'string' } as const
      const stars = { type: 'number' } as const
      const body = { type: 'object', required: ['text', 'stars'], properties: { text, stars } } as const
      const of = { type: 'string' } as const
      const response = {
        200: { type: 'object', required: ['of', 'text', 'stars'], properties: { of, text, stars } }
      } as const
      typed.post('/notes', { config: { auth }, schema: { body, response } }, async (request) => {
        has<string>()(request.body.text)
        has<User>()(request.user)
        has<Auth>()(request.auth)
        return { of: request.user.sub, ...request.body }
      })
      typed.post('/maybe', { config: { auth: { optional: true } } }, async (request) => {
        has<Auth | null>()(request.auth)
        return JSON.stringify(request.auth?.user.sub ?? 'nobody')
      })
    }
  },
  savesNotes
)

const setCompilers = (app: FastifyInstance) =>
  app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)

beside(
  'fastify-type-provider-zod',
  {
    does: 'types body, user and reply of a protected route, and describes them',
    async register(app) {
      setCompilers(app)
      await app.register(swagger, {
        openapi: {
          components: {
            securitySchemes: {
              bearerAuth: { type: 'http', scheme: 'bearer' },
              cookieAuth: { type: 'apiKey', in: 'cookie', name: '__Host-access' }
            }
          }
        },
        transform: jsonSchemaTransform
      })
    },
    routes(app) {
      const typed = app.withTypeProvider<ZodTypeProvider>()
      const body = z.object({ text: z.string(), stars: z.number() })
      const response = { 200: z.object({ of: z.string(), text: z.string(), stars: z.number() }) }
      typed.post('/notes', { config: { auth }, schema: { body, response } }, async (request) => {
        has<string>()(request.body.text)
        has<User>()(request.user)
        has<Auth>()(request.auth)
        return { of: request.user.sub, ...request.body }
      })
      typed.post('/maybe', { config: { auth: { optional: true } } }, async (request) => {
        has<Auth | null>()(request.auth)
        return JSON.stringify(request.auth?.user.sub ?? 'nobody')
      })
    }
  },
  async (t, world) => {
    await savesNotes(t, world)
    const { paths } = world.app.swagger() as unknown as {
      paths: Record<string, { post: { security: object; responses: object } }>
    }
    t.strictSame(paths['/notes']!.post.security, [{ bearerAuth: [] }, { cookieAuth: [] }])
    t.strictSame(Object.keys(paths['/notes']!.post.responses), ['200', '401', '403'])
  }
)

const graphql = (query: string) => ({ method: 'POST' as const, url: '/graphql', payload: { query } })

beside(
  'mercurius',
  {
    does: 'protects its route by additionalRouteOptions.config, whole batches too',
    register: (app) =>
      app.register(mercurius, {
        schema: 'type Query { me: String } type Mutation { add: String }',
        resolvers: {
          Query: { me: async (_parent, _args, { reply }) => reply.request.auth?.user.sub },
          Mutation: { add: async () => 'added' }
        },
        allowBatchedQueries: true,
        additionalRouteOptions: { config: { auth: true } }
      })
  },
  async (t, { app, bearer, browser }) => {
    const headers = await bearer()
    t.strictSame((await app.inject({ ...graphql('{ me }'), headers })).json(), { data: { me: 'alice' } })
    const batch = await app.inject({ ...graphql(''), headers, payload: [{ query: '{ me }' }, { query: '{ me }' }] })
    t.strictSame(batch.json(), [{ data: { me: 'alice' } }, { data: { me: 'alice' } }])
    const refused = await app.inject(graphql('{ me }'))
    t.equal(refused.statusCode, 401)
    t.match(refused.headers['www-authenticate'], /^Bearer realm=/)
    t.strictSame(refused.json().errors, [{ message: 'Authentication is required' }], 'in the form of GraphQL')
    const foreign = { ...(await browser()), 'sec-fetch-site': 'cross-site' }
    t.equal((await app.inject({ ...graphql('mutation { add }'), headers: foreign })).statusCode, 403)
    const byGet = await app.inject({ url: '/graphql?query=mutation{add}', headers: { ...foreign } })
    t.not(byGet.json().data?.add, 'added', 'a link of another site changes nothing')
  }
)

beside(
  'mercurius',
  {
    does: 'is open if app.authenticate is given as additionalRouteOptions.onRequest, which mercurius replaces',
    orders: ['after'],
    register: (app) =>
      app.register(mercurius, {
        schema: 'type Query { open: String }',
        resolvers: { Query: { open: async () => 'open' } },
        additionalRouteOptions: { onRequest: [app.authenticate] }
      })
  },
  async (t, { app }) => {
    t.strictSame((await app.inject('/graphql?query={open}')).json(), { data: { open: 'open' } })
    t.strictSame((await app.inject(graphql('{ open }'))).json(), { data: { open: 'open' } })
  }
)

const trpc = initTRPC.context<{ user: User | null }>().create()

beside(
  'tRPC',
  {
    does: 'passes the caller to procedures in the context',
    register(app) {
      const router = trpc.router({ me: trpc.procedure.query(({ ctx }) => ctx.user?.sub ?? 'nobody') })
      return app.register(fastifyTRPCPlugin, {
        prefix: '/trpc',
        trpcOptions: {
          router,
          createContext: async ({
            req
          }: {
            req: { authenticate: (needs: { optional: true }) => Promise<User | null> }
          }) => ({
            user: await req.authenticate({ optional: true })
          })
        }
      })
    }
  },
  async (t, { get, bearer }) => {
    t.equal((await get('/trpc/me')).json().result.data, 'nobody')
    t.equal((await get('/trpc/me', await bearer())).json().result.data, 'alice')
    const refused = await get('/trpc/me', { authorization: 'Bearer a.b.c' })
    t.equal(refused.json().error.data.httpStatus, 500, 'as long as nobody converts it: see the recipe')
  }
)
