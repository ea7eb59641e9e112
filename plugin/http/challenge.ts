import type { FastifyInstance } from 'fastify'
import { AuthError, refusals, type RefusalCode } from '../errors.ts'

/** Codes whose challenge tells people why, RFC 6750 §3.1. */
const described = new Set<RefusalCode>(['AUTH_INVALID_TOKEN', 'AUTH_EXPIRED_TOKEN', 'AUTH_REVOKED_TOKEN'])

export type Challenge = (error: unknown, scopes?: readonly string[]) => unknown

/** The one writer of `WWW-Authenticate` (RFC 6750 §3): puts it into the refusal's own headers, and passes the rest on. */
export function createChallenge (realm: string): Challenge {
  const bare = `Bearer realm="${realm.replace(/["\\]/g, '\\$&')}"`

  return function challenge (error, scopes = []) {
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
export function addRefusalHook (app: FastifyInstance): void {
  app.addHook('onError', async function answerRefusal (request, reply, error) {
    if (!(error instanceof AuthError)) return
    reply.headers(error.headers)
    request.log.info({ code: error.code, detail: error.detail }, 'refused')
  })
}
