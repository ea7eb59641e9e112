import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { issuer, loggerInto, secret, createApp } from '../fixtures/app.ts'

const noSecurity =
  'The OpenAPI document shows no security: give app.securitySchemes to @fastify/swagger as ' +
  'openapi.components.securitySchemes, or declare "bearerAuth" in swagger.securityDefinitions'
const both = [{ bearerAuth: [] }, { cookieAuth: [] }]
const bearerAuth = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
const cookieAuth = { type: 'apiKey', in: 'cookie', name: '__Host-access' }
const openapi = { components: { securitySchemes: { bearerAuth, cookieAuth } } }
const refusal = {
  type: 'object',
  additionalProperties: true,
  properties: {
    statusCode: { type: 'integer' },
    code: { type: 'string' },
    error: { type: 'string' },
    message: { type: 'string' }
  }
}

interface Document {
  readonly paths: Record<
    string,
    {
      get: {
        security?: unknown
        responses: Record<string, { description: string; content?: unknown; schema?: unknown }>
      }
    }
  >
}

type Build = (app: FastifyInstance) => unknown

/** Starts an application with these parts; `read` returns its document. */
async function start(...parts: Build[]) {
  const warnings: string[] = []
  const app = fastify({ logger: loggerInto(warnings) }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  for (const part of parts) await part(app)
  await app.ready()
  return {
    app,
    warnings,
    read: (documenter = app) => documenter.swagger() as unknown as Document,
    readYaml: () => app.swagger({ yaml: true }) as string
  }
}

const plugin: Build = (app) => app.register(authenticate, { issuer, secret })
const swaggerWith =
  (options: object): Build =>
  (app) =>
    app.register(swagger, options as never)
const routes: Build = (app) => {
  app.get('/me', { config: { auth: true } }, async () => 'me')
  app.get(
    '/admin',
    { config: { auth: { roles: ['admin'] } }, schema: { response: { 200: { type: 'string' } } } },
    async () => 'admin'
  )
  app.get('/open', async () => 'open')
}

/** The security, the statuses and the description of the 403 of each route. */
function summary({ paths }: Document) {
  return Object.fromEntries(
    Object.entries(paths).map(
      ([
        url,
        {
          get: { security, responses }
        }
      ]) => [url, [security, Object.keys(responses).join(' '), responses['403']?.description]]
    )
  )
}

const shown = (security: unknown) => ({
  '/me': [security, '200 401 403', 'The request came from another site'],
  '/admin': [security, '200 401 403', 'Requires one of the roles admin'],
  '/open': [undefined, '200', undefined]
})

const options = { issuer, secret }

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test(
  'app.swagger() makes a document in every order of registration, in both formats, with any declared schemes',
  async (t) => {
    const formats: [string, object, unknown][] = [
      ['OpenAPI 3 with both schemes', { openapi }, both],
      [
        "OpenAPI 3 with the header's scheme",
        { openapi: { components: { securitySchemes: { bearerAuth } } } },
        [{ bearerAuth: [] }]
      ],
      [
        'OpenAPI 3 with another scheme',
        { openapi: { components: { securitySchemes: { other: bearerAuth } } } },
        undefined
      ],
      ['OpenAPI 3 without schemes', { openapi: {} }, undefined],
      ['OpenAPI 3 with components but no schemes', { openapi: { components: {} } }, undefined],
      [
        "Swagger 2 with the header's scheme",
        { swagger: { securityDefinitions: { bearerAuth: { type: 'apiKey', in: 'header', name: 'authorization' } } } },
        [{ bearerAuth: [] }]
      ],
      ['Swagger 2 with both', { swagger: { securityDefinitions: { bearerAuth, cookieAuth } } }, both],
      ['Swagger 2 without schemes', { swagger: {} }, undefined],
      ['no options', {}, undefined]
    ]
    for (const [name, options, security] of formats) {
      const orders: [string, Build[]][] = [
        ['swagger, plugin, routes', [swaggerWith(options), plugin, routes]],
        ['plugin, swagger, routes', [plugin, swaggerWith(options), routes]],
        ['swagger, routes, plugin', [swaggerWith(options), routes, plugin]],
        [
          'swagger, and the rest in a child',
          [
            swaggerWith(options),
            (app) =>
              app.register(async (scope) => {
                await plugin(scope)
                routes(scope)
              })
          ]
        ],
        [
          'swagger and the plugin, routes in a child',
          [
            swaggerWith(options),
            plugin,
            (app) =>
              app.register(async (scope) => {
                routes(scope)
              })
          ]
        ],
        [
          'the plugin, without waiting',
          [
            (app) => {
              plugin(app)
            },
            (app) => {
              app.register(swagger, options as never)
            },
            (app) =>
              app.register(async (scope) => {
                routes(scope)
              })
          ]
        ]
      ]
      for (const [order, parts] of orders) {
        const { read, warnings, readYaml } = await start(...parts)
        t.strictSame(summary(read()), shown(security), `${name}: ${order}`)
        t.match(readYaml(), /"401":\n +description: Authentication is required/, 'as YAML too')
        t.equal(read(), read(), 'it is made once')
        t.strictSame(warnings, security === undefined ? [noSecurity] : [], `${name}: ${order}`)
      }
    }
  }
)

t.test('the document of a child context shows its routes as protected, as the root document does', async (t) => {
  let child: FastifyInstance | undefined
  const { read } = await start(plugin, swaggerWith({ openapi }), (app) =>
    app.register(async (scope) => {
      child = scope
      scope.register(async (within) => {
        routes(within)
      })
    })
  )
  t.strictSame(summary(read()), shown(both))

  const apart = await start(plugin, (app) =>
    app.register(async (scope) => {
      child = scope
      await scope.register(swagger, { openapi } as never)
      routes(scope)
    })
  )
  t.strictSame(summary(apart.read(child)), shown(both))
})

t.test('two registrations in one document: each route shows its own requirements, with one warning', async (t) => {
  const contexts: Build = (app) => {
    for (const [prefix, cookies] of [
      ['/one', false],
      ['/two', {}]
    ] as const) {
      app.register(
        async (scope) => {
          await scope.register(authenticate, { issuer, secret, cookies })
          scope.get('/me', { config: { auth: true } }, async () => 'me')
        },
        { prefix }
      )
    }
  }
  const { read, warnings } = await start(swaggerWith({ openapi }), contexts)
  t.match(summary(read()), { '/one/me': [[{ bearerAuth: [] }], '200 401 403'], '/two/me': [both, '200 401 403'] })
  t.strictSame(warnings, [])
  const silent = await start(swaggerWith({ openapi: {} }), contexts)
  t.match(summary(silent.read()), { '/one/me': [undefined, '200 401 403'], '/two/me': [undefined, '200 401 403'] })
  t.strictSame(silent.warnings, [noSecurity])
})

t.test("documentRoutes() documents protect: 'all' and routes with an empty config", async (t) => {
  const { read } = await start(
    swaggerWith({ openapi }),
    (app) => {
      app.get('/early', async () => 'early')
    },
    (app) => app.register(authenticate, { issuer, secret, protect: 'all' }),
    (app) => {
      app.get('/exempt', { config: { auth: false } }, async () => 'exempt')
    }
  )
  t.match(summary(read()), { '/early': [both, '200 401 403'], '/exempt': [undefined, '200', undefined] })
})

t.test('an onReady hook of the application gets the complete document', async (t) => {
  let early: unknown
  await start(
    swaggerWith({ openapi }),
    (app) => {
      app.addHook('onReady', async () => {
        early = summary(app.swagger() as unknown as Document)
      })
    },
    plugin,
    routes
  )
  t.strictSame(early, shown(both))
})

t.test('a static document of the application stays unchanged', async (t) => {
  const document = { openapi: '3.0.3', paths: { '/me': { get: { security: both, responses: {} } } } }
  const given = structuredClone(document)
  const { read, warnings } = await start(plugin, swaggerWith({ mode: 'static', specification: { document } }), routes)
  t.equal(read(), document as never)
  t.strictSame([document, warnings], [given, []])
})

t.test(
  'transform and transformObject of the application see the security and the refusals, routes do not',
  async (t) => {
    const schema = { tags: ['mine'], response: { 200: { type: 'string' } } }
    const seenByTransform: unknown[] = []
    const schemas: unknown[] = []
    const { app, read } = await start(
      plugin,
      swaggerWith({
        openapi,
        transform({ schema, url }: { schema: { security?: unknown; response?: object }; url: string }) {
          seenByTransform.push([url, schema.security, Object.keys(schema.response ?? {})])
          return { schema, url: `/v1${url}` }
        },
        transformObject: ({ openapiObject }: { openapiObject: Document }) => ({
          ...openapiObject,
          security: openapiObject.paths['/v1/me']!.get.security
        })
      }),
      (app) => {
        app.addHook('onRoute', ({ schema }) => {
          schemas.push(schema)
        })
        app.get('/me', { config: { auth: true }, schema }, async () => 'me')
      }
    )
    const document = read()
    t.strictSame(seenByTransform, [['/me', both, ['200', '401', '403']]])
    t.match(document, { security: both, paths: { '/v1/me': { get: { security: both } } } })
    t.strictSame(schemas, [schema, schema], 'GET and HEAD')
    t.strictSame(JSON.stringify(schema), '{"tags":["mine"],"response":{"200":{"type":"string"}}}')
    t.equal((await app.inject('/me')).json().code, 'AUTH_NO_CREDENTIALS')
  }
)

t.test('documentRoutes() leaves a decorator "swagger" of the application alone', async (t) => {
  const own = { of: 'the application' }
  const { app } = await start(
    (app) => {
      app.decorate('swagger', own as never)
    },
    plugin,
    routes
  )
  t.equal(app.swagger, own as never)
})

/**
 * Schemas of another kind than JSON Schema, and what `fastify-type-provider-zod` does with those that are not of its
 * kind.
 */
class OtherSchema {}

function assertOther(schema: unknown): asserts schema is OtherSchema {
  if (!(schema instanceof OtherSchema)) throw new Error(`Invalid schema passed: ${JSON.stringify(schema)}`)
}

const compilers = {
  validatorCompiler: ({ schema }: { schema: unknown }) => {
    assertOther(schema)
    return () => true
  },
  serializerCompiler: ({ schema }: { schema: unknown }) => {
    assertOther(schema)
    return (data: unknown) => JSON.stringify({ ...(data as object), by: 'its own serializer' })
  }
}

function transformOther({ schema, url }: { schema?: Record<string, unknown>; url: string }) {
  if (schema === undefined) return { schema, url }
  const { response, querystring, ...rest } = schema
  const converted = Object.entries(response ?? {}).map(([status, given]) => {
    assertOther(given)
    return [status, { type: 'string', description: 'converted' }]
  })
  return { schema: { ...rest, ...(response !== undefined && { response: Object.fromEntries(converted) }) }, url }
}

t.test(
  'with schemas of another kind, on the instance or a route, the application starts and documents all',
  async (t) => {
    const schema = { querystring: new OtherSchema(), response: { 200: new OtherSchema() } }
    const otherRoutes =
      (perRoute: object): Build =>
      (app) => {
        app.get('/me', { config: { auth: true } }, async () => 'me')
        app.get('/typed', { config: { auth: { roles: ['admin'] } }, schema, ...perRoute } as object, async () => ({
          typed: true
        }))
        app.get(
          '/own-401',
          { config: { auth: true }, schema: { response: { 401: new OtherSchema() } }, ...perRoute } as object,
          async () => 'own'
        )
        app.get(
          '/own-security',
          { config: { auth: true }, schema: { ...schema, security: [{ bearerAuth: [] }] }, ...perRoute } as object,
          async () => 'own'
        )
      }
    const onInstance: Build = (app) => {
      app
        .setValidatorCompiler(compilers.validatorCompiler as never)
        .setSerializerCompiler(compilers.serializerCompiler as never)
    }
    const document = swaggerWith({ openapi, transform: transformOther })
    const orders: [string, Build[]][] = [
      ['on the instance, swagger first', [onInstance, document, plugin, otherRoutes({})]],
      ['on the instance, plugin first', [plugin, document, onInstance, otherRoutes({})]],
      ['on the routes', [document, plugin, otherRoutes(compilers)]]
    ]
    for (const [name, parts] of orders) {
      const { app, read, readYaml, warnings } = await start(...parts)
      const made = read()
      t.strictSame(
        summary(made),
        {
          '/me': [both, '200 401 403', 'The request came from another site'],
          '/typed': [both, '200 401 403', 'Requires one of the roles admin'],
          '/own-401': [both, '401 403', 'The request came from another site'],
          '/own-security': [[{ bearerAuth: [] }], '200 401 403', 'The request came from another site']
        },
        name
      )
      t.strictSame(made.paths['/me']!.get.responses['401'], {
        description: 'Authentication is required',
        content: { 'application/json': { schema: refusal } }
      })
      t.equal(made.paths['/own-401']!.get.responses['401']!.description, 'converted')
      t.equal(read(), made)
      t.match(readYaml(), /\/typed:\n +get:\n +security:\n +- bearerAuth:/)
      t.strictSame(warnings, [])
      t.match((await app.inject('/typed')).json(), { statusCode: 401, code: 'AUTH_NO_CREDENTIALS' })
      const token = await app.accessTokens.sign({ sub: 'alice', claims: { roles: ['admin'] } })
      t.equal(
        (await app.inject({ url: '/typed', headers: { authorization: `Bearer ${token}` } })).body,
        '{"typed":true,"by":"its own serializer"}'
      )
    }
    const { read, warnings } = await start(
      onInstance,
      plugin,
      swaggerWith({ openapi: {}, transform: transformOther }),
      otherRoutes({})
    )
    t.throws(
      () => read(),
      { name: 'TypeError' },
      'a scheme that the application names but does not declare is its own mistake'
    )
    t.strictSame(warnings, [])
  }
)

t.test('refusals are in the form of Swagger 2 if its transform rejects JSON Schemas', async (t) => {
  const { read } = await start(
    plugin,
    swaggerWith({
      swagger: { securityDefinitions: { bearerAuth: { type: 'apiKey', in: 'header', name: 'authorization' } } },
      transform: transformOther
    }),
    (app) => {
      app.get('/me', { config: { auth: true } }, async () => 'me')
    }
  )
  t.strictSame(read().paths['/me']!.get.responses['401'], {
    description: 'Authentication is required',
    schema: refusal
  })
})

t.test(
  "a document that fails with the application's own error shows the security once that error is gone",
  async (t) => {
    let isBroken = true
    const { read, warnings } = await start(
      swaggerWith({
        openapi,
        transform(given: { schema: unknown; url: string }) {
          if (isBroken) throw new RangeError("the application's own mistake")
          return given
        }
      }),
      plugin,
      routes
    )
    t.throws(read, { name: 'RangeError', message: "the application's own mistake" })
    t.throws(read, { name: 'RangeError', message: "the application's own mistake" }, 'every time')
    isBroken = false
    t.strictSame(summary(read()), shown(both))
    t.strictSame(warnings, [])
  }
)

t.test('the OpenAPI document', async (t) => {
  const refusal = {
    type: 'object',
    additionalProperties: true,
    properties: {
      statusCode: { type: 'integer' },
      code: { type: 'string' },
      error: { type: 'string' },
      message: { type: 'string' }
    }
  }
  const own = { type: 'object', properties: { mine: { type: 'string' } } }
  const notes = { type: 'array', items: { type: 'string' } }
  async function build({
    declared = true,
    cookies,
    schemes = {},
    warnings = [] as string[]
  }: { declared?: boolean; cookies?: false; schemes?: object; warnings?: string[] } = {}) {
    const documented = fastify({ logger: loggerInto(warnings) }) as unknown as FastifyInstance
    const securitySchemes = {
      ...(declared && {
        bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        ...(cookies !== false && { cookieAuth: { type: 'apiKey', in: 'cookie', name: '__Host-access' } })
      }),
      ...schemes
    }
    await documented.register(swagger, { openapi: { components: { securitySchemes } } } as never)
    await documented.register(authenticate, { ...options, ...(cookies === false && { cookies }) })
    const route = (url: string, auth: unknown, schema: object | undefined = undefined) =>
      documented.get(url, { config: { auth: auth as never }, ...(schema && { schema }) }, async (_request, reply) =>
        reply.code(401).send({ mine: 'my own', statusCode: 1, other: 'kept' })
      )
    route('/plain', true)
    route('/needs', { scopes: ['a', 'b'], roles: ['admin'] }, { response: { 200: notes } })
    route('/optional', { optional: true })
    route('/own-401', true, { response: { 401: own } })
    route('/own-4xx', true, { response: { '4xx': own } })
    route('/own-default', true, { response: { default: own } })
    route('/own-security', true, { security: [{ mine: [] }] })
    documented.get('/open', { schema: { response: { 200: notes } } }, async () => [])
    documented.get('/exempt', { config: { auth: false } }, async () => [])
    documented.get('/fresh', { config: { auth: { maxAgeSeconds: 300, acr: ['mfa', 'hw'] } } }, async () => [])
    documented.get('/strong', { config: { auth: { acr: ['mfa'] } } }, async () => [])
    await documented.ready()
    const { paths, components } = documented.swagger() as unknown as {
      paths: Record<
        string,
        { get: { security?: unknown; responses: Record<string, { description?: string; content?: unknown }> } }
      >
      components: { securitySchemes: unknown }
    }
    return { app: documented, paths, components }
  }

  await t.test('says who may call a route, and which refusals it has', async (t) => {
    const warnings: string[] = []
    const { app, paths } = await build({ schemes: { mine: { type: 'http', scheme: 'basic' } }, warnings })
    const both = [{ bearerAuth: [] }, { cookieAuth: [] }]
    const answers = (path: string) =>
      Object.fromEntries(
        Object.entries(paths[path]!.get.responses).map(([status, { description, content }]) => [
          status,
          [
            description,
            (content as { 'application/json': { schema: unknown } } | undefined)?.['application/json'].schema
          ]
        ])
      )
    const unauthorized = ['Authentication is required', refusal]
    t.strictSame(
      Object.fromEntries(Object.entries(paths).map(([path, { get }]) => [path, get.security])),
      {
        '/plain': both,
        '/needs': both,
        '/optional': [...both, {}],
        '/own-401': both,
        '/own-4xx': both,
        '/own-default': both,
        '/own-security': [{ mine: [] }],
        '/open': undefined,
        '/exempt': undefined,
        '/fresh': both,
        '/strong': both
      },
      'the key route and routes of others are unchanged'
    )
    t.match(answers('/plain'), { 401: unauthorized, 403: ['The request came from another site', refusal] })
    t.match(answers('/needs'), {
      200: ['Default Response', notes],
      401: unauthorized,
      403: ['Requires the scopes a, b and one of the roles admin', refusal]
    })
    t.match(answers('/fresh'), {
      401: ['Authentication is required, at most 300 seconds ago, with acr mfa or hw', refusal]
    })
    t.match(answers('/strong'), { 401: ['Authentication is required, with acr mfa', refusal] })
    t.match(answers('/own-401'), {
      401: ['Default Response', own],
      403: ['The request came from another site', refusal]
    })
    t.strictSame(Object.keys(answers('/own-4xx')), ['4XX'])
    t.strictSame(Object.keys(answers('/own-default')), ['default'])
    t.strictSame(Object.keys(answers('/open')), ['200'])
    t.strictSame(warnings, [])

    const body = async (url: string, headers = {}) => (await app.inject({ url, headers })).json()
    const full = {
      statusCode: 401,
      code: 'AUTH_NO_CREDENTIALS',
      error: 'Unauthorized',
      message: 'Authentication is required'
    }
    t.strictSame(await body('/plain'), full, 'the schema removes nothing from the refusal')
    const headers = bearer(await app.accessTokens.sign({ sub: 'alice' }))
    t.strictSame(
      await body('/plain', headers),
      { mine: 'my own', statusCode: 1, other: 'kept' },
      "nor from the application's own 401"
    )
    t.strictSame(await body('/own-401', headers), { mine: 'my own' }, "whose own schema is the host's")
  })

  await t.test('names only the header if cookies are off', async (t) => {
    const { paths, app } = await build({ cookies: false, schemes: { mine: { type: 'http', scheme: 'basic' } } })
    t.strictSame(paths['/plain']!.get.security, [{ bearerAuth: [] }])
    t.strictSame(app.securitySchemes, { bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } })
  })

  await t.test('has no security, and logs a warning, if the schemes are not declared', async (t) => {
    const warnings: string[] = []
    const { paths, app } = await build({
      declared: false,
      schemes: { mine: { type: 'http', scheme: 'basic' } },
      warnings
    })
    t.equal(paths['/plain']!.get.security, undefined)
    t.strictSame(paths['/own-security']!.get.security, [{ mine: [] }])
    t.strictSame(Object.keys(paths['/plain']!.get.responses), ['200', '401', '403'])
    t.strictSame(warnings, [
      'The OpenAPI document shows no security: give app.securitySchemes to @fastify/swagger as ' +
        'openapi.components.securitySchemes, or declare "bearerAuth" in swagger.securityDefinitions'
    ])
    t.equal((await app.inject('/plain')).statusCode, 401, 'the route is protected nevertheless')
  })

  await t.test(
    'fails as it would without the plugin if the application names a scheme that it does not declare',
    async (t) => {
      const warnings: string[] = []
      await t.rejects(build({ warnings }), {
        name: 'TypeError',
        message: "Cannot read properties of undefined (reading 'type')"
      })
      t.strictSame(warnings, [])
    }
  )

  await t.test('changes no schema without @fastify/swagger', async (t) => {
    const schema = { response: { 200: notes } }
    let seenSchema: unknown
    await createApp({
      after(app) {
        app.addHook('onRoute', (route) => {
          if (route.url === '/schema') seenSchema = route.schema
        })
        app.get('/schema', { config: { auth: true }, schema }, async () => [])
      }
    })
    t.equal(seenSchema, schema)
    t.strictSame(Object.keys(schema), ['response'])
    t.strictSame(Object.keys(schema.response), ['200'])
  })
})
