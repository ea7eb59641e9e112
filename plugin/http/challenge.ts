import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, refusals, type RefusalCode } from '../errors.ts'
import { noRequirements, type Requirements } from '../tokens/requirements.ts'
import { keepPrivate } from './private-response.ts'
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

export type Challenge = <E>(error: E, refused: Refused) => E

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
  const beginnings = beginningsOf(`Bearer realm="${realm.replace(/["\\]/g, '\\$&')}"`)

  return function challenge(error, { request, requirements = noRequirements }) {
    if (!(error instanceof AuthError) || error.headers['www-authenticate'] !== undefined) return error
    const beginning = beginnings.get(error.code)
    if (beginning === undefined) return error
    const resource = resources.of(request)
    const parts = [beginning, ...required(error, { requirements, isOfResource: resource !== null })]
    if (resource !== null) parts.push(`resource_metadata="${resource.metadataUrl}"`)
    error.headers['www-authenticate'] = parts.join(', ')
    return error
  }
}

/** What each challenge begins with, by the code of its refusal. Codes without a challenge are absent. */
function beginningsOf(bare: string): ReadonlyMap<RefusalCode, string> {
  const beginnings = new Map<RefusalCode, string>()
  for (const [name, kind] of Object.entries(refusals)) {
    if (!('challenge' in kind)) continue
    const code = name as RefusalCode
    const error = kind.challenge === null ? [] : [`error="${kind.challenge}"`]
    const description = described.has(code) ? [`error_description="${kind.message}"`] : []
    beginnings.set(code, [bare, ...error, ...description].join(', '))
  }
  return beginnings
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
  // `done` instead of a promise, which would cost more.
  app.addHook('onError', function sendRefusalHeaders(request, reply, error, done) {
    if (error instanceof AuthError) {
      reply.headers(error.headers)
      // A shared cache would refuse every other caller too. It keeps no refusal without the header (RFC 9111 §4.2.2).
      if (reply.hasHeader('cache-control')) keepPrivate(reply)
      if (isUpgraded(request.raw)) closeAfterResponse(reply)
      request.log.info({ code: error.code, detail: error.detail }, 'refused')
    }
    done()
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
