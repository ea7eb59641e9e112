import type { FastifyInstance, RouteOptions } from 'fastify'
import { routesWithin } from './route-registry.ts'
import type { Requirements } from '../tokens/requirements.ts'
import { documentedSchema, refusalSchema, refusalsOf, type DocumentedSchema } from './openapi.ts'
import type { RequirementsOfRoute } from './protect.ts'

/** How the routes of one registration of the plugin are protected. */
interface Protection {
  readonly requirementsOfRoute: RequirementsOfRoute
  readonly schemes: readonly string[]
}

type Protected = Map<RouteOptions, Protection>

/** An instance on which `@fastify/swagger` is registered, before or after this plugin. */
interface Documenter extends Pick<FastifyInstance, 'log'> {
  swagger(options?: object): unknown
}

const documenters = new WeakMap<Documenter, Protected>()

/**
 * Adds to the documents of `@fastify/swagger` who may call a route. The schemas that Fastify compiles stay unchanged:
 * a serializer compiler other than Fastify's own would reject ours and stop the start.
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
  // An application may use this name for a decorator of its own.
  const isDocumenter = Object.hasOwn(instance, 'swagger') && instance.hasPlugin('@fastify/swagger')
  return isDocumenter ? [instance as never, ...above] : above
}

/** The routes that a document shows as protected. The first call wraps `app.swagger()` to show them. */
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
 * Tried in this order, until the application's document accepts one. `@fastify/swagger` throws for schemes that were
 * not declared to it (Swagger 2 cannot declare a cookie), and a `transform` for schemas of another kind may reject
 * ours.
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
      const schemas = documentedRoutes(routes, extent)
      try {
        const document = withSchemas(schemas, () => build.call(this, options))
        const isSilent = schemas.some(({ schema }) => schema.security === undefined)
        if (isSilent && !hasWarned) {
          log.warn(
            'The OpenAPI document shows no security: give app.securitySchemes to @fastify/swagger as ' +
              'openapi.components.securitySchemes, or declare "bearerAuth" in swagger.securityDefinitions'
          )
        }
        hasWarned ||= isSilent
        if (!extent.responses) addRefusals(document, schemas)
        return document
      } catch (error) {
        failure = error
      }
    }
    // The last extent adds nothing, so the error is the application's own.
    throw failure
  }
}

interface DocumentedRoute {
  readonly route: RouteOptions
  readonly requirements: Requirements
  readonly schema: DocumentedSchema
}

function documentedRoutes(routes: Protected, extent: Extent): DocumentedRoute[] {
  return [...routes].flatMap(([route, { requirementsOfRoute, schemes }]) => {
    const requirements = requirementsOfRoute(route.config ?? {})
    if (requirements === null) return []
    const given = (route.schema ?? {}) as DocumentedSchema
    const { responses } = extent
    const schema = documentedSchema(given, { requirements, schemes: extent.schemes(schemes), responses })
    return [{ route, requirements, schema }]
  })
}

/** `@fastify/swagger` reads the routes' schemas while it is called; afterwards they are as before. */
function withSchemas<T>(schemas: readonly DocumentedRoute[], build: () => T): T {
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

/**
 * If a `transform` rejects our schemas, adds the refusals to the finished document. YAML, which is text, stays
 * unchanged.
 */
function addRefusals(document: unknown, schemas: readonly DocumentedRoute[]): void {
  if (typeof document !== 'object' || document === null) return
  const { swagger, paths = {} } = document as OpenApiDocument
  const requirementsOf = new Map<unknown, Requirements>(
    schemas.map(({ schema, requirements }) => [schema.security, requirements])
  )
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    const requirements = operation?.security === undefined ? undefined : requirementsOf.get(operation.security)
    if (requirements === undefined) continue
    const responses = (operation.responses ??= {})
    for (const [status, description] of Object.entries(refusalsOf(requirements, responses))) {
      responses[status] =
        swagger === undefined
          ? { description, content: { 'application/json': { schema: refusalSchema } } }
          : { description, schema: refusalSchema }
    }
  }
}
