import type { FastifyInstance, FastifySchema } from 'fastify'
import type { Settings } from '../settings.ts'
import type { CheckedNeeds } from './needs.ts'
import type { NeedsOfRoute } from './protect.ts'

/** `reply.json()` of a refusal; open, so that a host's own error body is never cut down to it. */
const refusalSchema = {
  type: 'object',
  additionalProperties: true,
  properties: {
    statusCode: { type: 'integer' },
    code: { type: 'string' },
    error: { type: 'string' },
    message: { type: 'string' }
  }
}

/** Ready for `@fastify/swagger`: `openapi: { components: { securitySchemes: app.securitySchemes } }`. */
export function createSecuritySchemes (cookies: Settings['cookies']) {
  return {
    bearerAuth: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT' },
    ...(cookies && { cookieAuth: { type: 'apiKey' as const, in: 'cookie' as const, name: cookies.access } })
  }
}

/**
 * Tells a protected route's document what its callers need, where the application uses `@fastify/swagger`; other
 * applications' routes are not touched.
 */
export function documentRoutes (app: FastifyInstance, needsOfRoute: NeedsOfRoute, schemes: object): void {
  const secured: { schema: Documented, security: unknown }[] = []

  app.addHook('onRoute', (route) => {
    const needs = needsOfRoute(route.config ?? {})
    if (needs === null || !app.hasDecorator('swagger')) return
    const given: Documented = route.schema ?? {}
    const schema = documented(given, needs, Object.keys(schemes))
    if (given.security === undefined) secured.push({ schema, security: schema.security })
    route.schema = schema
  })

  // `@fastify/swagger` throws for a `security` that names a scheme which the application did not declare to it.
  app.addHook('onReady', async function checkDocument () {
    if (secured.length === 0 || canDocument(app)) return
    for (const { schema } of secured) delete schema.security
    if (canDocument(app)) app.log.warn('The OpenAPI document shows no security: give app.securitySchemes to @fastify/swagger as openapi.components.securitySchemes')
    else for (const { schema, security } of secured) Object.assign(schema, { security })
  })
}

function canDocument (app: FastifyInstance): boolean {
  try {
    (app as FastifyInstance & { swagger (): unknown }).swagger()
    return true
  } catch {
    return false
  }
}

type Documented = FastifySchema & { response?: unknown, security?: unknown }

function documented (schema: Documented, needs: CheckedNeeds, schemes: readonly string[]): Documented {
  const { security } = schema
  const response = (schema.response ?? {}) as Record<string, unknown>
  const own: Record<string, unknown> = { ...response }
  const declares = (status: string) => [status, '4xx', '4XX', 'default'].some((name) => name in response)
  if (!declares('401')) own[401] = { ...refusalSchema, description: 'Authentication is required' }
  if (!declares('403')) own[403] = { ...refusalSchema, description: forbidden(needs) }
  const requirement = [...schemes.map((name) => ({ [name]: [] })), ...(needs.optional ? [{}] : [])]
  return { ...schema, response: own, security: security ?? requirement }
}

function forbidden ({ scopes, roles }: CheckedNeeds): string {
  const needed = [
    scopes.length > 0 ? `the scopes ${scopes.join(', ')}` : '',
    roles.length > 0 ? `one of the roles ${roles.join(', ')}` : ''
  ].filter(Boolean).join(' and ')
  return needed === '' ? 'The request came from another site' : `Needs ${needed}`
}
