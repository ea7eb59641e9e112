import type { FastifyReply, FastifyRequest } from 'fastify'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { AuthEvent } from '../plugin/index.ts'
import type { AuthEvents } from './auth-events.ts'
import type { LiveSockets } from './live-sockets.ts'
import type { Passwords } from './passwords.ts'

/** Memory, CPU, event loop: the process's, however many applications are in it. */
const processRegistry = new Registry()
collectDefaultMetrics({ register: processRegistry })

/** What a refresh came to, by what the plugin tells of it; what it refuses, by the code. */
const refreshes: Partial<Record<AuthEvent['type'], string>> = {
  'session-refreshed': 'rotated',
  'refresh-coalesced': 'coalesced',
  'refresh-retried': 'retried',
  'store-rolled-back': 'rolled_back'
}
const refusedRefreshes: Partial<Record<string, string>> = {
  AUTH_REFRESH_REUSED: 'reused',
  AUTH_REFRESH_SUPERSEDED: 'superseded',
  AUTH_REFRESH_INVALID: 'invalid',
  AUTH_NO_CREDENTIALS: 'missing',
  AUTH_STORE_UNAVAILABLE: 'unavailable',
  DATABASE_UNAVAILABLE: 'unavailable'
}
const refusedSignIns: Partial<Record<string, string>> = {
  LOGIN_FAILED: 'wrong',
  TOO_MANY_ATTEMPTS: 'limited',
  BUSY: 'busy',
  AUTH_STORE_UNAVAILABLE: 'unavailable',
  DATABASE_UNAVAILABLE: 'unavailable'
}

export type Metrics = ReturnType<typeof createMetrics>

/** Counts for Prometheus. No label ever holds what a client has sent: their values are ours, and few. */
export function createMetrics({
  events,
  passwords,
  liveSockets
}: {
  events: AuthEvents
  passwords: Passwords
  liveSockets: LiveSockets
}) {
  const registry = new Registry()
  const registers = [registry]
  const counter = <const L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      }
    })

  const signIns = counter('auth_sign_ins_total', 'Attempts to sign in, by outcome', ['outcome'])
  const refreshed = counter('auth_refreshes_total', 'Exchanges of a refresh token, by outcome', ['outcome'])
  const ended = counter('auth_sessions_ended_total', 'Sessions that were ended, on whatever node')
  const refusals = counter('auth_refusals_total', 'Requests that were answered with an error, by its code', ['code'])
  const unread = counter('auth_keys_reload_failures_total', 'Key lists that were refused or could not be had')
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Answered requests, by route and status',
    labelNames: ['method', 'route', 'status'],
    registers
  })
  gauge('password_hashes_running', 'Passwords that are being hashed', () => passwords.load().running)
  gauge('password_hashes_waiting', 'Passwords that wait to be hashed', () => passwords.load().waiting)
  gauge('live_sockets_open', 'Open WebSockets', () => liveSockets.count())
  gauge(
    'auth_feed_stale_seconds',
    'How long nothing has been heard of sign-outs on other nodes; 0 while that is well',
    () => {
      return heardAt === null ? 0 : (performance.now() - heardAt) / 1000
    }
  )
  /** When the feed was last read, if that is too long ago. */
  let heardAt: number | null = null

  events.subscribe((event) => {
    const exchange = refreshes[event.type]
    if (exchange !== undefined) refreshed.inc({ outcome: exchange })
    switch (event.type) {
      case 'session-started':
        return signIns.inc({ outcome: 'succeeded' })
      case 'session-revoked':
        return ended.inc()
      case 'keys-not-reloaded':
        return unread.inc()
      case 'feed-stale':
        heardAt = performance.now() - event.silentMs
        break
      case 'feed-recovered':
        heardAt = null
        break
    }
  })

  return {
    contentType: registry.contentType,
    text: async (): Promise<string> => await Registry.merge([registry, processRegistry]).metrics(),

    /** As `onError` of the routes that sign in, and of those that refresh. */
    async signInRefused(_request: FastifyRequest, _reply: FastifyReply, { code }: { code?: string }): Promise<void> {
      signIns.inc({ outcome: refusedSignIns[code ?? ''] ?? 'refused' })
    },
    async refreshRefused(_request: FastifyRequest, _reply: FastifyReply, { code }: { code?: string }): Promise<void> {
      refreshed.inc({ outcome: refusedRefreshes[code ?? ''] ?? 'refused' })
    },

    /** As `onError` and `onResponse` of the whole application. */
    async refused(
      _request: FastifyRequest,
      _reply: FastifyReply,
      { code = 'UNKNOWN' }: { code?: string }
    ): Promise<void> {
      refusals.inc({ code })
    },
    async answered(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      // The pattern, never the address: `/notes/:id`.
      const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
      requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    }
  }
}
