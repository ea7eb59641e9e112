import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, refusals, type RefusalCode } from '../errors.ts'
import { noRequirements, type Requirements } from '../tokens/requirements.ts'
import type { ProtectedResources } from './protected-resources.ts'

/** Codes whose challenge has an `error_description` (RFC 6750 §3.1). */
const described = new Set<RefusalCode>([
  'AUTH_INVALID_TOKEN',
  'AUTH_EXPIRED_TOKEN',
  'AUTH_REVOKED_TOKEN',
  'AUTH_STALE_AUTHENTICATION'
])

/** What was refused, and what its route requires. */
interface Refused {
  readonly request: FastifyRequest
  readonly requirements?: Requirements
}

export type Challenge = (error: unknown, refused: Refused) => unknown

/**
 * The only writer of `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1). Adds it to the headers of a refusal, and returns
 * every other error unchanged.
 */
export function createChallenge({
  realm,
  resources
}: {
  readonly realm: string
  readonly resources: Pick<ProtectedResources, 'of'>
}): Challenge {
  const bare = `Bearer realm="${realm.replace(/["\\]/g, '\\$&')}"`

  return function challenge(error, { request, requirements = noRequirements }) {
    if (!(error instanceof AuthError) || error.headers['www-authenticate'] !== undefined) return error
    const kind = refusals[error.code]
    if (!('challenge' in kind)) return error
    const parts = [bare]
    if (kind.challenge !== null) parts.push(`error="${kind.challenge}"`)
    if (described.has(error.code)) parts.push(`error_description="${error.message}"`)
    const resource = resources.of(request)
    parts.push(...required(error, { requirements, isOfResource: resource !== null }))
    if (resource !== null) parts.push(`resource_metadata="${resource.metadataUrl}"`)
    error.headers['www-authenticate'] = parts.join(', ')
    return error
  }
}

/** What a client has to ask its authorization server for. */
function required(
  { code, statusCode }: AuthError,
  { requirements, isOfResource }: { readonly requirements: Requirements; readonly isOfResource: boolean }
): string[] {
  const { scopes, maxAgeSeconds, acr } = requirements
  const isStale = code === 'AUTH_STALE_AUTHENTICATION'
  // After a new authentication, and at a resource, a client asks for the scopes immediately, instead of after a 403
  // (RFC 9470 §3, RFC 6750 §3).
  const needsScopes = statusCode === 401 && (isStale || isOfResource) && scopes.length > 0
  return [
    ...(isStale && maxAgeSeconds !== null ? [`max_age="${maxAgeSeconds}"`] : []),
    ...(isStale && acr !== null ? [`acr_values="${acr.join(' ')}"`] : []),
    ...(needsScopes || code === 'AUTH_INSUFFICIENT_SCOPE' ? [`scope="${scopes.join(' ')}"`] : [])
  ]
}

/** Adds a refusal's headers under the application's own error handler too, which replaces only the body. */
export function addRefusalHook(app: FastifyInstance): void {
  app.addHook('onError', async function sendRefusalHeaders(request, reply, error) {
    if (!(error instanceof AuthError)) return
    reply.headers(error.headers)
    if (isUpgraded(request.raw)) closeAfterResponse(reply)
    request.log.info({ code: error.code, detail: error.detail }, 'refused')
  })
}

/** Whether Node has emitted `upgrade` for a request: it no longer manages the connection. */
function isUpgraded(request: IncomingMessage & { readonly upgrade?: boolean | null }): boolean {
  return request.upgrade === true
}

/**
 * Closes the connection of a refused upgrade after the response. `@fastify/websocket` does so only for routes of its
 * own context, and only if its hooks ran before the refusal. An open connection would prevent the server from closing.
 */
function closeAfterResponse(reply: FastifyReply): void {
  reply.header('connection', 'close')
  const { raw } = reply
  const { socket } = raw
  raw.once('finish', () => socket?.destroySoon())
}
