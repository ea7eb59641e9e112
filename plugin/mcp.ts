import type { FastifyRequest } from 'fastify'
import type { Auth } from './http/auth.ts'
import { readCredentials } from './http/credentials.ts'
import { protectedResources, type ProtectedResources } from './http/protected-resources.ts'

/**
 * What the official SDKs of the Model Context Protocol expect to know about the caller: `AuthInfo` of
 * `@modelcontextprotocol/server` (2.x) and `@modelcontextprotocol/sdk` (1.x).
 */
export interface AuthInfo {
  /**
   * The access token of the `Authorization` header. Empty if the token was in a cookie. Do not pass it on to other
   * services: it is meant for this resource.
   */
  token: string
  /**
   * The client that the token was issued to: the claim `client_id` (RFC 9068 §2.2), else `azp`, `cid` or `appid`. Empty
   * if the token does not name one, as those of our own sessions.
   */
  clientId: string
  /** The scopes that count here: `request.auth.scopes`. */
  scopes: string[]
  /** When the token expires, in whole seconds since the epoch. */
  expiresAt: number
  /** The entry of `resources` that the route belongs to. Absent if the token's `aud` does not name it. */
  resource?: URL
  /** The URL of that entry's metadata (RFC 9728 §3.1). */
  resourceMetadataUrl?: string
  /** The user and everything else that is known about the caller: `request.auth`. */
  extra: { auth: Auth }
}

/** The parts of a Fastify request that `withAuthInfo()` reads: any `FastifyRequest` has them. */
export type AuthenticatedRequest = Pick<FastifyRequest, 'raw' | 'url' | 'routeOptions'> & {
  /** The context of the route, in which the plugin was registered. */
  readonly server: object
  /** Who is calling. Must not be `null`. */
  readonly auth: Auth | null
}

/**
 * Sets and returns `request.raw.auth`, where the transports of the official MCP SDKs look for the caller. Tools find it
 * as `authInfo`.
 * ```ts
 * import { withAuthInfo } from 'fastify-authenticate/mcp'
 *
 * app.post('/mcp', { config: { auth: true } }, async (request, reply) => {
 *   withAuthInfo(request)
 *   reply.hijack()
 *   await transport.handleRequest(request.raw, reply.raw, request.body)
 * })
 * ```
 * It checks nothing: `config.auth` or `request.authenticate()` has authenticated the caller before.
 * @throws TypeError if the request was not authenticated
 */
export function withAuthInfo(request: AuthenticatedRequest): AuthInfo {
  const { auth } = request
  if (auth === null) {
    throw new TypeError('withAuthInfo() requires a caller: set "config.auth", or call request.authenticate() before it')
  }
  const { claims, scopes } = auth
  const { aud, exp } = claims as { readonly aud?: unknown; readonly exp: number }
  const resource = resourcesOf(request).of(request)
  const authInfo: AuthInfo = {
    token: tokenOf(request, auth),
    clientId: clientOf(claims),
    scopes: [...scopes],
    expiresAt: Math.floor(exp),
    ...(resource !== null && [aud].flat().includes(resource.url) && { resource: new URL(resource.url) }),
    ...(resource !== null && { resourceMetadataUrl: resource.metadataUrl }),
    extra: { auth }
  }
  return ((request.raw as { auth?: AuthInfo }).auth = authInfo)
}

function resourcesOf({ server }: AuthenticatedRequest): ProtectedResources {
  return (server as { readonly [protectedResources]: ProtectedResources })[protectedResources]
}

/** A cookie may have been renewed during this request, so that it no longer holds the token that counts. */
function tokenOf({ raw }: AuthenticatedRequest, { source }: Auth): string {
  const credentials = readCredentials(raw, null)
  return source === 'header' && credentials.kind === 'header' ? credentials.token : ''
}

/** RFC 9068 names it `client_id`. Keycloak and Auth0 have `azp`, Okta has `cid`, and Entra 1.0 has `appid`. */
function clientOf(claims: object): string {
  const { client_id: clientId, azp, cid, appid } = claims as Readonly<Record<string, unknown>>
  return [clientId, azp, cid, appid].find((claim) => typeof claim === 'string') ?? ''
}
