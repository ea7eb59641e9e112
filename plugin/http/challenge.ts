import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { AuthError, refusals, type RefusalCode } from '../errors.ts'

/** Codes whose challenge tells people why, RFC 6750 §3.1. */
const described = new Set<RefusalCode>(['AUTH_INVALID_TOKEN', 'AUTH_EXPIRED_TOKEN', 'AUTH_REVOKED_TOKEN'])

export type Challenge = (error: unknown, scopes?: readonly string[]) => unknown

/** The one writer of `WWW-Authenticate` (RFC 6750 §3): puts it into the refusal's own headers, and passes the rest on. */
export function createChallenge(realm: string): Challenge {
  const bare = `Bearer realm="${realm.replace(/["\\]/g, '\\$&')}"`

  return function challenge(error, scopes = []) {
    if (!(error instanceof AuthError) || error.headers['www-authenticate'] !== undefined) return error
    const kind = refusals[error.code]
    if (!('challenge' in kind)) return error
    const parts = [bare]
    if (kind.challenge !== null) parts.push(`error="${kind.challenge}"`)
    if (described.has(error.code)) parts.push(`error_description="${error.message}"`)
    if (error.code === 'AUTH_INSUFFICIENT_SCOPE') parts.push(`scope="${scopes.join(' ')}"`)
    error.headers['www-authenticate'] = parts.join(', ')
    return error
  }
}

/** A host's own error handler decides about the body, not about the headers that a client needs. */
export function addRefusalHook(app: FastifyInstance): void {
  app.addHook('onError', async function answerRefusal(request, reply, error) {
    if (!(error instanceof AuthError)) return
    reply.headers(error.headers)
    if (isHandedOver(request.raw)) closeAfter(reply)
    request.log.info({ code: error.code, detail: error.detail }, 'refused')
  })
}

/** Whether Node has emitted `upgrade` for a request. It does not serve such a connection any more. */
function isHandedOver(request: IncomingMessage & { readonly upgrade?: boolean | null }): boolean {
  return request.upgrade === true
}

/**
 * Closes the connection of an upgrade once its refusal is sent. `@fastify/websocket` does it only for routes of its own
 * context, and only if its hooks ran before the refusal. An open connection would keep the server from closing.
 */
function closeAfter(reply: FastifyReply): void {
  reply.header('connection', 'close')
  const { raw } = reply
  const { socket } = raw
  raw.once('finish', () => socket?.destroySoon())
}
