import { readFileSync } from 'node:fs'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { AuthEvent } from 'fastify-authenticate'
import type { CountSessions } from '../database/session-count.ts'
import type { AuthEvents } from './auth-events.ts'
import type { LiveSockets } from '../live/live-sockets.ts'
import type { Passwords } from '../passwords/passwords.ts'

/** Memory, CPU and event loop: figures of the process, shared by all applications in it. */
const processRegistry = new Registry()
collectDefaultMetrics({ register: processRegistry })

/** The `outcome` of a refresh: by its event if it succeeded, by its error code if it was refused. */
const refreshOutcomes: Partial<Record<AuthEvent['type'], string>> = {
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
  PASSKEY_LOGIN_FAILED: 'wrong',
  TOO_MANY_ATTEMPTS: 'limited',
  BUSY: 'busy',
  AUTH_STORE_UNAVAILABLE: 'unavailable',
  DATABASE_UNAVAILABLE: 'unavailable'
}

/** Each outcome is 0 from the start: a rate over a counter that appears with its first failure would miss it. */
const outcomes = {
  signIn: new Set(['succeeded', ...valuesOf(refusedSignIns), 'refused']),
  refresh: new Set([...valuesOf(refreshOutcomes), ...valuesOf(refusedRefreshes), 'refused'])
}

function valuesOf(table: Partial<Record<string, string>>): string[] {
  return Object.values(table).filter((outcome) => outcome !== undefined)
}

/** Every file of the page and of the API document is a route of its own. */
const staticRoute = /^\/(page|client|docs)\//

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export type Metrics = ReturnType<typeof createMetrics>

export interface MetricsOptions {
  readonly events: AuthEvents
  readonly passwords: Pick<Passwords, 'load'>
  readonly liveSockets: Pick<LiveSockets, 'count'>
  /** Default: the sessions are not counted. */
  readonly countSessions?: CountSessions | null
  /** When the certificate in use expires. Default: http. */
  readonly certificateExpiresAt?: (() => Date) | undefined
  /** In ms; must never go back. Default: `performance.now()`. */
  readonly clock?: () => number
}

/** Metrics for Prometheus. No label contains text from a client: the values are a small, fixed set. */
export function createMetrics({
  events,
  passwords,
  liveSockets,
  countSessions = null,
  certificateExpiresAt,
  clock = () => performance.now()
}: MetricsOptions) {
  const registry = new Registry()
  const registers = [registry]
  const counter = <const L extends string>(options: { name: string; help: string; labelNames?: readonly L[] }) =>
    new Counter({ ...options, registers })
  /** It has no value while `read()` returns `null`. */
  const gauge = ({
    read,
    ...options
  }: {
    name: string
    help: string
    read: () => number | null | Promise<number | null>
  }) =>
    new Gauge({
      ...options,
      registers,
      async collect() {
        const value = await read()
        if (value === null) this.remove()
        else this.set(value)
      }
    })

  const signIns = counter({
    name: 'auth_sign_ins_total',
    help: 'Sign-in attempts, by outcome',
    labelNames: ['outcome']
  })
  const refreshes = counter({
    name: 'auth_refreshes_total',
    help: 'Refreshes, by outcome',
    labelNames: ['outcome']
  })
  const endedSessions = counter({
    name: 'auth_sessions_ended_total',
    help: 'Sessions that this process has revoked'
  })
  const refusals = counter({
    name: 'auth_refusals_total',
    help: 'Error responses, by their code',
    labelNames: ['code']
  })
  const failedReloads = counter({
    name: 'auth_keys_reload_failures_total',
    help: 'Key lists that were invalid or could not be loaded'
  })
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of requests, by method, route and status',
    labelNames: ['method', 'route', 'status'],
    registers
  })
  gauge({
    name: 'password_hashes_running',
    help: 'Passwords being hashed',
    read: () => passwords.load().running
  })
  gauge({
    name: 'password_hashes_waiting',
    help: 'Passwords waiting to be hashed',
    read: () => passwords.load().waiting
  })
  gauge({
    name: 'live_sockets_open',
    help: 'Open WebSockets',
    read: () => liveSockets.count()
  })
  gauge({
    name: 'auth_revocation_log_stale_seconds',
    help: 'Seconds since the revocation log was last read; 0 while it is healthy',
    read: () => (lastReadAt === null ? 0 : (clock() - lastReadAt) / 1000)
  })
  gauge({
    name: 'auth_sessions_open',
    help: 'Open sessions of all nodes together, counted at most once a minute',
    read: createCachedCount({ countSessions, clock })
  })
  gauge({
    name: 'tls_certificate_expiry_timestamp_seconds',
    help: 'When the TLS certificate in use expires',
    read: () => (certificateExpiresAt === undefined ? null : certificateExpiresAt().getTime() / 1000)
  })
  new Gauge({
    name: 'app_build_info',
    help: 'Always 1; the label is the version of the server',
    labelNames: ['version'],
    registers
  }).set({ version }, 1)
  for (const outcome of outcomes.signIn) signIns.inc({ outcome }, 0)
  for (const outcome of outcomes.refresh) refreshes.inc({ outcome }, 0)

  /** When the revocation log was last read, by `clock()`; `null` while it is healthy. */
  let lastReadAt: number | null = null

  events.subscribe((event) => {
    const outcome = refreshOutcomes[event.type]
    if (outcome !== undefined) refreshes.inc({ outcome })
    switch (event.type) {
      case 'session-started':
        return signIns.inc({ outcome: 'succeeded' })
      case 'session-revoked':
        // Each node learns of every revocation: only one of them counts it.
        return event.here ? endedSessions.inc() : undefined
      case 'keys-reload-failed':
        return failedReloads.inc()
      case 'revocation-log-stale':
        lastReadAt = clock() - event.silentMs
        break
      case 'revocation-log-recovered':
        lastReadAt = null
        break
      default:
    }
  })

  return {
    contentType: registry.contentType,
    text: async (): Promise<string> => await Registry.merge([registry, processRegistry]).metrics(),

    countRefusedSignIn(code = ''): void {
      signIns.inc({ outcome: refusedSignIns[code] ?? 'refused' })
    },
    countRefusedRefresh(code = ''): void {
      refreshes.inc({ outcome: refusedRefreshes[code] ?? 'refused' })
    },
    countRefusal(code = 'UNKNOWN'): void {
      refusals.inc({ code })
    },
    recordResponse(request: FastifyRequest, reply: FastifyReply): void {
      // The pattern of the route, such as `/notes/:id`, never the URL.
      const pattern = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
      const route = staticRoute.test(pattern) ? 'static' : pattern
      requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    }
  }
}

/** How old a count of the sessions may be: a large table takes a while to count. */
const countedMs = 60_000

/** `null` while the sessions cannot be counted, so that an old figure never looks like a new one. */
function createCachedCount({ countSessions, clock }: { countSessions: CountSessions | null; clock: () => number }) {
  let counted: { readonly at: number; readonly count: Promise<number | null> } | null = null
  return async function read(): Promise<number | null> {
    if (countSessions === null) return null
    if (counted === null || clock() - counted.at >= countedMs) {
      counted = { at: clock(), count: countSessions().catch(() => null) }
    }
    return await counted.count
  }
}
