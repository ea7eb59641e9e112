import type { Settings } from '../options/options.ts'
import type { Requirements } from '../tokens/requirements.ts'

/** The body of a refusal. It allows more members, because an application may add some. */
export const refusalSchema = {
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
export function createSecuritySchemes(cookies: Settings['cookies']) {
  return {
    bearerAuth: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT' },
    ...(cookies && { cookieAuth: { type: 'apiKey' as const, in: 'cookie' as const, name: cookies.access } })
  }
}

/** The members of a route's schema that matter to documents only. */
export interface DocumentedSchema {
  readonly response?: object
  readonly security?: readonly unknown[]
}

/** A route's schema with what it requires of callers. */
export function documentedSchema(
  given: DocumentedSchema,
  { requirements, schemes, responses }: { requirements: Requirements; schemes: readonly string[]; responses: boolean }
): DocumentedSchema {
  // A copy: its identity is used to find the operation in the document.
  const security = given.security === undefined ? securityOf(requirements, schemes) : [...given.security]
  return {
    ...given,
    ...(security !== undefined && { security }),
    ...(responses && {
      response: withRefusals(given.response ?? { 200: { type: 'null', description: 'Default Response' } }, requirements)
    })
  }
}

/** One alternative for each scheme, and the empty one if the requirements are optional; `undefined` without schemes. */
function securityOf({ optional }: Requirements, schemes: readonly string[]): object[] | undefined {
  return schemes.length === 0 ? undefined : [...schemes.map((name) => ({ [name]: [] })), ...(optional ? [{}] : [])]
}

function withRefusals(response: object, requirements: Requirements): object {
  const refusals = Object.entries(refusalsOf(requirements, response)).map(([status, description]) => [
    status,
    { ...refusalSchema, description }
  ])
  return { ...response, ...Object.fromEntries(refusals) }
}

/** Descriptions, by status, of the refusals that the application does not describe itself. */
export function refusalsOf(requirements: Requirements, described: object): Record<string, string> {
  const isDescribed = (status: string) => [status, '4xx', '4XX', 'default'].some((name) => name in described)
  const descriptions = { 401: unauthorized(requirements), 403: forbidden(requirements) }
  return Object.fromEntries(Object.entries(descriptions).filter(([status]) => !isDescribed(status)))
}

function unauthorized({ maxAgeSeconds, acr }: Requirements): string {
  const conditions = [
    maxAgeSeconds === null ? '' : `at most ${maxAgeSeconds} seconds ago`,
    acr === null ? '' : `with acr ${acr.join(' or ')}`
  ].filter(Boolean)
  return ['Authentication is required', ...conditions].join(', ')
}

function forbidden({ scopes, roles }: Requirements): string {
  const required = [
    scopes.length > 0 ? `the scopes ${scopes.join(', ')}` : '',
    roles.length > 0 ? `one of the roles ${roles.join(', ')}` : ''
  ]
    .filter(Boolean)
    .join(' and ')
  return required === '' ? 'The request came from another site' : `Requires ${required}`
}
