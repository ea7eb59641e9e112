import { tracingChannel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { User } from '../tokens/user.ts'
import type { Auth } from './auth.ts'
import type { Authenticate } from './authenticate.ts'

/**
 * What subscribers of the tracing channel `fastify-authenticate:authenticate` (`node:diagnostics_channel`) receive: one
 * object for each call of `authenticate()`, the same for `start`, `end`, `error`, `asyncStart` and `asyncEnd`. The
 * outcome is known from `asyncStart` on. Except for the headers of `request`, it holds no token, secret or hash.
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import type { AuthenticateTrace } from 'fastify-authenticate'
 *
 * subscribe('tracing:fastify-authenticate:authenticate:asyncEnd', (trace) => {
 *   const { request, sub, error } = trace as AuthenticateTrace
 *   request.log.debug({ sub, error }, 'authenticate() ended')
 * })
 * ```
 */
export interface AuthenticateTrace {
  /** The request whose caller is being authenticated. */
  readonly request: FastifyRequest
  /** The subject of the user. `null` before the outcome is known, after a refusal, and if there is no user. */
  sub: string | null
  /** Where the token was. `null` where `sub` is. */
  source: Auth['source'] | null
  /** Set by Node after success: the user, or `null` if the needs are optional. */
  result?: User | null
  /** Set by Node after a refusal: an `AuthError`, unless the application's own code threw. */
  error?: unknown
}

// Kept here, because Node drops a channel that nobody refers to.
const channel = tracingChannel<unknown, AuthenticateTrace>('fastify-authenticate:authenticate')

/** Publishes each call to the tracing channel. Without subscribers, the call is passed on unchanged. */
export function traceAuthenticate(authenticate: Authenticate): Authenticate {
  return function tracedAuthenticate(request, requirements) {
    if (!channel.hasSubscribers) return authenticate(request, requirements)
    const trace: AuthenticateTrace = { request, sub: null, source: null }
    return channel.tracePromise(async () => {
      const outcome = authenticate(request, requirements)
      if (outcome instanceof AuthError) throw outcome
      // The result, not `request.auth`, which another call for the same request may have reset meanwhile.
      const user = outcome === null ? (request.auth as Auth).user : await outcome
      if (user !== null) {
        trace.sub = user.sub
        trace.source = (request.auth as Auth | null)?.source ?? null
      }
      return user
    }, trace)
  }
}
