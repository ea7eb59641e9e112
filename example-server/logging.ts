import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { AuthEvent } from '../plugin/index.ts'
import { loggedPath } from './logged-path.ts'

/** Requests without what they carry: no headers, no body, and of the address only the path, without tokens. */
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
    // Should some line ever hold a whole request: the raw bytes of one that Node could not read, say, at level trace.
    redact: ['err.rawPacket', '*.headers.authorization', '*.headers.cookie', '*.headers["set-cookie"]']
  }
}

/** Worth somebody's attention. */
const alarms = new Set<AuthEvent['type']>([
  'refresh-token-reused',
  'store-rolled-back',
  'feed-stale',
  'keys-not-reloaded'
])

/** Two tabs reach 2 or 3. Somebody with a copy of the tokens may be refreshing along. */
const suspiciousStreak = 6

export function logEvents(log: Pick<FastifyBaseLogger, 'debug' | 'warn'>) {
  return function onEvent(event: AuthEvent): void {
    log[isAlarm(event) ? 'warn' : 'debug']({ event }, event.type)
  }
}

function isAlarm(event: AuthEvent): boolean {
  return alarms.has(event.type) || (event.type === 'refresh-coalesced' && event.streak >= suspiciousStreak)
}
