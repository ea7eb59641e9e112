import { STATUS_CODES } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import underPressure from '@fastify/under-pressure'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerBase
} from 'fastify'
import authenticate, { AuthError } from '../plugin/index.ts'
import { createAttempts, type Attempts } from './attempts.ts'
import { createAuthEvents, type AuthEvents } from './auth-events.ts'
import type { Config } from './config.ts'
import { closeAnsweredOnceClosing, closeAnsweredUpgrades, webSocketsOnly } from './connections.ts'
import type { Database } from './database.ts'
import { followKeys, keysIn } from './keys.ts'
import { createLiveSockets, type LiveSockets } from './live-sockets.ts'
import { loggerOptions, logEvents } from './logging.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import type { Passwords } from './passwords.ts'
import { pressure } from './pressure.ts'
import { Refusal } from './refusals.ts'
import { adminRoutes } from './routes/admin.ts'
import { healthRoutes } from './routes/health.ts'
import { liveRoutes } from './routes/live.ts'
import { loginRoutes } from './routes/login.ts'
import { logoutRoutes } from './routes/logout.ts'
import { meRoutes } from './routes/me.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { notesRoutes } from './routes/notes.ts'
import { pageRoutes } from './routes/page.ts'
import { passwordRoutes } from './routes/password.ts'
import { refreshRoutes } from './routes/refresh.ts'
import { registerRoutes } from './routes/register.ts'
import { sessionsRoutes } from './routes/sessions.ts'
import { OwnClaims } from './schemas.ts'
import { readSecret } from './secrets.ts'
import { securityHeaders } from './security-headers.ts'
import {
  createAssertEncrypted,
  describePlainHttp,
  describeTrustedClients,
  type AssertEncrypted
} from './transport-security.ts'

export interface AppParts {
  readonly config: Config
  readonly database: Database
  readonly passwords: Passwords
  /** For tests; the machine's by default. */
  readonly clock?: (() => number) | undefined
  readonly wait?: ((ms: number) => Promise<unknown>) | undefined
}

/** What every file of `routes/` gets. */
export interface RouteParts extends Pick<AppParts, 'config' | 'database' | 'passwords'> {
  readonly attempt: Attempts
  readonly assertEncrypted: AssertEncrypted
  readonly events: AuthEvents
  readonly liveSockets: LiveSockets
  readonly metrics: Metrics
}

const routes = [
  registerRoutes,
  loginRoutes,
  refreshRoutes,
  logoutRoutes,
  passwordRoutes,
  sessionsRoutes,
  meRoutes,
  notesRoutes,
  adminRoutes,
  healthRoutes,
  liveRoutes,
  metricsRoutes,
  pageRoutes
]

/** The application, ready to be listened with or injected into. Closing it closes the database. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, database, passwords, clock = Date.now, wait = setTimeout } = parts
  const app = Fastify({
    logger: loggerOptions(config.logLevel),
    trustProxy: config.trustProxy,
    // Longer than the longest note; a password is far shorter.
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    frameworkErrors: answerUnreadable,
    ...(config.tls === null ? { http: webSocketsOnly } : { https: config.tls })
  }) as FastifyInstance<RawServerBase> as FastifyInstance

  // Runs last, for closing goes backwards: the plugin has let go of the store by then.
  app.addHook('onClose', async () => {
    await database.close()
  })
  const events = createAuthEvents()
  const liveSockets = createLiveSockets()
  const metrics = createMetrics({ events, passwords, liveSockets })
  events.subscribe(logEvents(app.log))
  app.addHook('onError', metrics.refused)
  app.addHook('onResponse', metrics.answered)
  addErrorHandlers(app)
  closeAnsweredUpgrades(app)
  closeAnsweredOnceClosing(app)
  // Answers are somebody's own, unless they say otherwise.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  await app.register(underPressure, pressure)
  await app.register(helmet, securityHeaders(config))
  await app.register(rateLimit, {
    global: false,
    nameSpace: 'example-attempts-',
    ...(database.redis && { redis: database.redis })
  })
  await app.register(authenticate, {
    secret: readSecret(config),
    ...(config.production ? {} : { keys: keysIn(config.dataDir) }),
    issuer: config.issuer,
    accessToken: { lifetimeSeconds: config.accessTokenSeconds, claims: OwnClaims },
    refreshToken: {
      retrySeconds: config.retrySeconds,
      // Asked at every refresh: who has lost a role loses it now, and who is gone is signed out.
      async claims({ sub }) {
        const user = await database.users.byId(sub)
        return user && { claims: { name: user.name, roles: user.roles }, scope: user.scope }
      }
    },
    cookies: { secure: config.cookieSecure },
    trustedOrigins: config.trustedOrigins,
    store: database.sessions,
    onEvent: events.publish
  })
  if (!config.production) {
    const stopFollowing = followKeys(config.dataDir, app.keys.reload)
    app.addHook('onClose', async () => stopFollowing())
  }
  // After the plugin, whose security schemes it shows, and before the routes.
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'fastify-authenticate, the example server', version: '1' },
      components: { securitySchemes: app.securitySchemes }
    }
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })

  const routeParts: RouteParts = {
    config,
    database,
    passwords,
    attempt: createAttempts(app, { knownAddresses: database.knownAddresses, clock, wait }),
    assertEncrypted: createAssertEncrypted(config),
    events,
    liveSockets,
    metrics
  }
  for (const plugin of routes) await app.register(plugin, routeParts)
  for (const warning of [describePlainHttp(config), describeTrustedClients(config)]) {
    if (warning !== null) app.log.warn(warning)
  }
  return app
}

/** For addresses that no route can be found for. Fastify's own words would repeat them, with whatever is in their query. */
function answerUnreadable(
  { code, statusCode = 400 }: FastifyError,
  _request: FastifyRequest,
  reply: FastifyReply
): void {
  const headers = {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'",
    'x-content-type-options': 'nosniff'
  }
  reply
    .code(statusCode)
    .headers(headers)
    .send({ statusCode, code, error: STATUS_CODES[statusCode], message: 'The address cannot be read' })
}

function addErrorHandlers(app: FastifyInstance): void {
  // Nobody needs to see what a fault of ours is called; the log does.
  app.setErrorHandler(async function answerError(error: Error & { statusCode?: number }, request, reply) {
    const expected = error instanceof AuthError || error instanceof Refusal || (error.statusCode ?? 500) < 500
    if (expected) throw error
    request.log.error(error)
    return await reply
      .code(500)
      .send({ statusCode: 500, error: 'Internal Server Error', message: 'Something went wrong here' })
  })
  // Fastify's own would repeat the URL, with whatever is in its query, in the answer and in the log.
  app.setNotFoundHandler(async function answerNotFound(_request, reply) {
    const { statusCode, code, message } = new Refusal('NOT_FOUND')
    return await reply.code(statusCode).send({ statusCode, code, error: 'Not Found', message })
  })
}
