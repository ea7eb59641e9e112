import type { FastifyInstance, RouteOptions } from 'fastify'
import { routesWithin } from './route-registry.ts'
import type { Requirements } from '../tokens/requirements.ts'
import { refusalSchema, refusalsOf, securityOf, type DocumentedSchema } from './openapi.ts'
import type { RequirementsOfRoute } from './protect.ts'

/** How the routes of one registration of the plugin are protected. */
interface Protection {
  readonly requirementsOfRoute: RequirementsOfRoute
  readonly schemes: readonly string[]
}

type Protected = Map<RouteOptions, Protection>

/** An instance on which `@fastify/swagger` is registered, in whatever order. */
interface Documenter extends Pick<FastifyInstance, 'log'> {
  swagger(options?: object): unknown
}

const documenters = new WeakMap<Documenter, Protected>()

/**
 * Adds to the documents of `@fastify/swagger` who may call a route. Nothing is added to the schemas that Fastify
 * compiles: another serializer compiler than Fastify's own would reject them and stop the start.
 */
export function documentRoutes(
  app: FastifyInstance,
  { requirementsOfRoute, securitySchemes }: { requirementsOfRoute: RequirementsOfRoute; securitySchemes: object }
): void {
  const protection = { requirementsOfRoute, schemes: Object.keys(securitySchemes) }
  function document(instance: FastifyInstance, route: RouteOptions): void {
    for (const documenter of documentersAbove(instance)) protectedRoutes(documenter).set(route, protection)
  }
  app.addHook('onRoute', function documentRoute(this: FastifyInstance, route) {
    document(this, route)
  })
  // Again for the routes that were declared before the plugin or before `@fastify/swagger`.
  app.addHook('onReady', async function documentAllRoutes() {
    for (const { options, instance } of routesWithin(app)) if ('url' in options) document(instance, options)
  })
}

function documentersAbove(instance: FastifyInstance): Documenter[] {
  if (typeof instance.addHook !== 'function') return []
  const above = documentersAbove(Object.getPrototypeOf(instance) as FastifyInstance)
  // An application may decorate something of its own by this name.
  const isDocumenter = Object.hasOwn(instance, 'swagger') && instance.hasPlugin('@fastify/swagger')
  return isDocumenter ? [instance as never, ...above] : above
}

/** The routes that a document shows as protected. The first call changes `app.swagger()` to show them. */
function protectedRoutes(documenter: Documenter): Protected {
  let routes = documenters.get(documenter)
  if (routes === undefined) {
    documenters.set(documenter, (routes = new Map()))
    documenter.swagger = withProtection(documenter, routes)
  }
  return routes
}

/** How much of the protection a document shows. */
interface Extent {
  readonly responses: boolean
  readonly schemes: (names: readonly string[]) => readonly string[]
}

/**
 * The most that the application's document can bear is shown. `@fastify/swagger` throws for schemes that were not
 * declared to it (Swagger 2 cannot declare a cookie), and a `transform` for schemas of another kind may reject ours.
 */
const extents: readonly Extent[] = [
  (names: readonly string[]) => names,
  (names: readonly string[]) => names.filter((name) => name === 'bearerAuth'),
  () => []
].flatMap((schemes) => [
  { schemes, responses: true },
  { schemes, responses: false }
])

function withProtection({ swagger: build, log }: Documenter, routes: Protected): Documenter['swagger'] {
  let hasWarned = false

  return function swagger(this: Documenter, options) {
    let failure: unknown
    for (const extent of extents) {
      const schemas = schemasOf(routes, extent)
      try {
        const document = withSchemas(schemas, () => build.call(this, options))
        const isSilent = schemas.some(({ schema }) => schema.security === undefined)
        if (isSilent && !hasWarned) {
          log.warn(
            'The OpenAPI document shows no security: give app.securitySchemes to @fastify/swagger as openapi.components.securitySchemes, or declare "bearerAuth" in swagger.securityDefinitions'
          )
        }
        hasWarned ||= isSilent
        if (!extent.responses) addRefusals(document, schemas)
        return document
      } catch (error) {
        failure = error
      }
    }
    // The last extent adds nothing: this is the application's own mistake.
    throw failure
  }
}

interface RouteSchema {
  readonly route: RouteOptions
  readonly needs: Requirements
  readonly schema: DocumentedSchema
}

function schemasOf(routes: Protected, extent: Extent): RouteSchema[] {
  return [...routes].flatMap(([route, { requirementsOfRoute, schemes }]) => {
    const needs = requirementsOfRoute(route.config ?? {})
    return needs === null
      ? []
      : [
          {
            route,
            needs,
            schema: documented(
              (route.schema ?? {}) as DocumentedSchema,
              needs,
              extent.schemes(schemes),
              extent.responses
            )
          }
        ]
  })
}

function documented(
  given: DocumentedSchema,
  needs: Requirements,
  schemes: readonly string[],
  responses: boolean
): DocumentedSchema {
  // A copy, by which the operation is found again in the document.
  const security = given.security === undefined ? securityOf(needs, schemes) : [...given.security]
  return {
    ...given,
    ...(security !== undefined && { security }),
    ...(responses && {
      response: withRefusals(given.response ?? { 200: { type: 'null', description: 'Default Response' } }, needs)
    })
  }
}

function withRefusals(response: object, needs: Requirements): object {
  const refusals = Object.entries(refusalsOf(needs, response)).map(([status, description]) => [
    status,
    { ...refusalSchema, description }
  ])
  return { ...response, ...Object.fromEntries(refusals) }
}

/** `@fastify/swagger` reads the routes' schemas when it is called; nobody else sees these. */
function withSchemas<T>(schemas: readonly RouteSchema[], build: () => T): T {
  const given = schemas.map(({ route }) => route.schema)
  try {
    for (const { route, schema } of schemas) Object.assign(route, { schema })
    return build()
  } finally {
    for (const [index, { route }] of schemas.entries()) Object.assign(route, { schema: given[index] })
  }
}

interface OpenApiDocument {
  readonly swagger?: string
  readonly paths?: Record<string, Record<string, { security?: unknown; responses?: Record<string, unknown> }>>
}

/** For documents whose `transform` rejects our schemas: the refusals are added to what came out. Not to YAML, which is text. */
function addRefusals(document: unknown, schemas: readonly RouteSchema[]): void {
  if (typeof document !== 'object' || document === null) return
  const { swagger, paths = {} } = document as OpenApiDocument
  const needsBySecurity = new Map<unknown, Requirements>(schemas.map(({ schema, needs }) => [schema.security, needs]))
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    const needs = operation?.security === undefined ? undefined : needsBySecurity.get(operation.security)
    if (needs === undefined) continue
    const responses = (operation.responses ??= {})
    for (const [status, description] of Object.entries(refusalsOf(needs, responses))) {
      responses[status] =
        swagger === undefined
          ? { description, content: { 'application/json': { schema: refusalSchema } } }
          : { description, schema: refusalSchema }
    }
  }
}
