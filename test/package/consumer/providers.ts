// Fastify's type providers, and instances with other servers and loggers, in the strict application. Nothing runs it.
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import authenticate, { type Auth, type BearerResponse, type CookieResponse, type User } from 'fastify-authenticate'
import { createTestAuth } from 'fastify-authenticate/testing'
import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import { Type } from 'typebox'
import { type ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { needsAdmin, options, stores } from './strict.js'

export async function typebox(): Promise<FastifyInstance> {
  const app = fastify().withTypeProvider<TypeBoxTypeProvider>()
  await app.register(authenticate, options)
  const schema = {
    body: Type.Object({ title: Type.String() }),
    params: Type.Object({ id: Type.Integer() }),
    response: { 200: Type.Object({ of: Type.String(), title: Type.String() }) }
  }
  app.put('/notes/:id', { schema, config: { auth: { scopes: ['notes:write'] } } }, async (request) => {
    request.params.id satisfies number
    request.user satisfies User
    request.auth satisfies Auth
    request.user.roles satisfies readonly ('user' | 'admin')[]
    // @ts-expect-error -- no such claim
    request.user.tenant satisfies unknown
    // @ts-expect-error -- not in the schema
    request.body.text satisfies unknown
    return { of: request.user.sub, title: request.body.title }
  })
  app.get('/open', { config: { auth: { optional: true } } }, async (request) => {
    // @ts-expect-error -- nobody may be signed in
    return request.auth.user.sub
  })
  app.route({
    method: 'DELETE',
    url: '/notes/:id',
    schema: { params: schema.params },
    config: { auth: { roles: ['admin'] } },
    handler: async (request, reply) => {
      request.user.sub satisfies string
      request.params.id satisfies number
      await reply.signOut()
    }
  })
  return app as unknown as FastifyInstance
}

export async function jsonSchema(): Promise<void> {
  const app = fastify({ http2: true }).withTypeProvider<JsonSchemaToTsProvider>()
  await app.register(authenticate, { issuer: 'https://api.example.com', secret: 'a secret', store: stores[0] })
  const body = { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } as const
  app.post('/me', { schema: { body }, config: { auth: true } }, async (request) => {
    request.body.name satisfies string
    return request.user.sub satisfies string
  })
  await needsAdmin(app)
}

export async function zod(): Promise<void> {
  const app = fastify({
    https: {},
    loggerInstance: console as unknown as FastifyBaseLogger
  }).withTypeProvider<ZodTypeProvider>()
  await app.register(authenticate, options)
  const auth = createTestAuth()
  await app.register(authenticate, { issuer: 'https://api.example.com', ...auth.options })
  app.post('/login', { schema: { body: z.object({ name: z.string() }) } }, async (request, reply) => {
    const { name } = request.body
    const response: BearerResponse = await reply.signIn({ sub: name, transport: 'bearer', claims: { roles: [] } })
    return response.access_token
  })
  app.post('/cookie', async (_request, reply): Promise<CookieResponse> => {
    return await reply.signIn({ sub: 'alice', transport: 'cookie', claims: { roles: [], plan: 'free' } })
  })
  await auth.as('alice', { roles: ['admin'], app })
  await needsAdmin(app)
}
