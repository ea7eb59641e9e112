import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { AuthEvent } from 'fastify-authenticate'
import { loggedPath } from './logged-path.ts'

/** Options of pino. A request is logged without headers and body, and only with the path of its URL, without tokens. */
export function loggerOptions(level: string) {
  return {
    level,
    serializers: {
      req: (request: FastifyRequest) => ({
        method: request.method,
        url: loggedPath(request.url),
        remoteAddress: request.ip
      })
    },
    hooks: {
      /** Drops the plugin's own line about a refusal: the line of the request has the same code and detail. */
      logMethod<Args extends unknown[]>(this: unknown, args: Args, method: (...args: Args) => void): void {
        if (args[1] !== 'refused') method.apply(this, args)
      }
    },
    // In case a line contains a whole request, such as the raw bytes that Node could not parse, at level trace.
    redact: ['err.rawPacket', '*.headers.authorization', '*.headers.cookie', '*.headers["set-cookie"]']
  }
}

/** Logged as warnings: an operator should look at them. */
const alarms = new Set<AuthEvent['type']>([
  'refresh-token-reused',
  'store-rolled-back',
  'revocation-log-stale',
  'keys-reload-failed'
])

/** Logged at info, beside the lines of `audit()`: they name the session. */
const audited = new Set<AuthEvent['type']>(['session-started', 'session-revoked'])

/** Two tabs reach 2 or 3. A longer streak may be a thief who refreshes right after the victim. */
const suspiciousStreak = 6

export function logEvents(log: Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn'>) {
  return function onEvent(event: AuthEvent): void {
    log[isAlarm(event) ? 'warn' : audited.has(event.type) ? 'info' : 'debug']({ event }, event.type)
  }
}

function isAlarm(event: AuthEvent): boolean {
  return alarms.has(event.type) || (event.type === 'refresh-coalesced' && event.streak >= suspiciousStreak)
}
