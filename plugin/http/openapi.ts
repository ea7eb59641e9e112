import type { Settings } from '../options/options.ts'
import type { Requirements } from '../tokens/requirements.ts'

/** `reply.json()` of a refusal; open, because an application may send more. */
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

/** The members of a route's schema that only documents have a use for. */
export interface DocumentedSchema {
  readonly response?: object
  readonly security?: readonly unknown[]
}

/** One alternative for each scheme, and "nobody" where the needs are optional; `undefined` without schemes. */
export function securityOf(needs: Requirements, schemes: readonly string[]): object[] | undefined {
  return schemes.length === 0
    ? undefined
    : [...schemes.map((name) => ({ [name]: [] })), ...(needs.optional ? [{}] : [])]
}

/** What the document says about the refusals that the application does not describe itself, by their status. */
export function refusalsOf(needs: Requirements, described: object): Record<string, string> {
  const isDescribed = (status: string) => [status, '4xx', '4XX', 'default'].some((name) => name in described)
  const descriptions = { 401: 'Authentication is required', 403: forbidden(needs) }
  return Object.fromEntries(Object.entries(descriptions).filter(([status]) => !isDescribed(status)))
}

function forbidden({ scopes, roles }: Requirements): string {
  const needed = [
    scopes.length > 0 ? `the scopes ${scopes.join(', ')}` : '',
    roles.length > 0 ? `one of the roles ${roles.join(', ')}` : ''
  ]
    .filter(Boolean)
    .join(' and ')
  return needed === '' ? 'The request came from another site' : `Needs ${needed}`
}
