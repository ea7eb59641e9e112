import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { AuthEvent } from '../plugin/index.ts'

/** Where people put tokens, rightly encoded or not, and passwords (`http://user:password@host/`). */
const besidePath = /^[a-z]+:\/\/[^/]*|(?:[?#;]|%3f).*/gi

/** Requests without what they carry: no headers, no body, and of the address only the path. */
export function loggerOptions (level: string) {
  return {
    level,
    serializers: {
      req: (request: FastifyRequest) => ({
        method: request.method,
        url: request.url.replace(besidePath, ''),
        remoteAddress: request.ip
      })
    },
    // Should some line ever hold a whole request: the raw bytes of one that Node could not read, say, at level trace.
    redact: ['err.rawPacket', '*.headers.authorization', '*.headers.cookie', '*.headers["set-cookie"]']
  }
}

/** Worth somebody's attention. */
const alarms = new Set<AuthEvent['type']>(['session-reused', 'store-rolled-back', 'feed-stale', 'keys-not-reloaded'])

export function logEvents (log: FastifyBaseLogger) {
  return function onEvent (event: AuthEvent): void {
    log[alarms.has(event.type) ? 'warn' : 'debug']({ event }, event.type)
  }
}
