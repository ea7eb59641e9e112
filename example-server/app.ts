import type { Server } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import fastifyCors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyReply, type RawServerBase } from 'fastify'
import authenticate from 'fastify-authenticate'
import { createAccountServices } from './accounts/account-services.ts'
import { registerApiDocument } from './api-document.ts'
import { createAttempts } from './attempts/attempts.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import { followKeys } from './keys/key-file.ts'
import { keysOption } from './keys/keys-option.ts'
import { readSecrets } from './keys/secret.ts'
import { createLiveSockets } from './live/live-sockets.ts'
import { createAuthEvents, type AuthEvents } from './operations/auth-events.ts'
import { closeRefusedUpgrades, endKeepAliveOnClose, webSocketsOnly } from './operations/connections.ts'
import { addErrorHandlers, sendUnroutable } from './operations/error-handlers.ts'
import { loggerOptions, logEvents } from './operations/logging.ts'
import { createMetrics } from './operations/metrics.ts'
import { cors } from './operations/cors.ts'
import { refuseUnderPressure } from './operations/pressure.ts'
import { addRequestLog, readRequestId, RequestLog } from './operations/request-log.ts'
import { createServerTiming } from './operations/server-timing.ts'
import { securityHeaders } from './operations/security-headers.ts'
import { addSeenOrigin } from './operations/seen-origin.ts'
import { createTls, type Tls } from './operations/tls.ts'
import { createAssertEncrypted, warnOfPlainHttp, warnOfTrustedClients } from './operations/transport-security.ts'
import type { Passwords } from './passwords/passwords.ts'
import type { Mailer } from './mail/mailer.ts'
import { accountRoutes } from './routes/account.ts'
import { scopeOf } from './accounts/roles.ts'
import { adminRoutes } from './routes/admin.ts'
import { emailRoutes } from './routes/email.ts'
import { healthRoutes } from './routes/health.ts'
import { lessonTokensRoutes } from './routes/lesson-tokens.ts'
import { liveRoutes } from './routes/live.ts'
import { loginRoutes } from './routes/login.ts'
import { logoutRoutes } from './routes/logout.ts'
import { meRoutes } from './routes/me.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { notesRoutes } from './routes/notes.ts'
import { pageSourcesRoutes } from './routes/page-sources.ts'
import { pageRoutes } from './routes/page.ts'
import { pageSettingsRoutes } from './routes/page-settings.ts'
import { pageUserRoutes } from './routes/page-user.ts'
import { passkeyLoginRoutes } from './routes/passkey-login.ts'
import { maxCredentialIdLength } from './routes/passkey-schemas.ts'
import { passkeysRoutes } from './routes/passkeys.ts'
import { passwordResetRoutes } from './routes/password-reset.ts'
import { passwordRoutes } from './routes/password.ts'
import { refreshRoutes } from './routes/refresh.ts'
import { registerRoutes } from './routes/register.ts'
import { AppClaims } from './routes/schemas.ts'
import { sessionsRoutes } from './routes/sessions.ts'
import { claimsOf } from './routes/session-start.ts'
import { signInAgainRoutes } from './routes/sign-in-again.ts'
import type { Services } from './services.ts'

interface LogStream {
  write(line: string): void
}

export interface AppOptions {
  readonly config: Config
  readonly database: Database
  readonly passwords: Passwords
  /** Receives the lines of the log. Default: standard output. */
  readonly logStream?: LogStream | undefined
  /** Aborted when the server begins to stop. Default: never. */
  readonly stopping?: AbortSignal | undefined
  /** For tests. `null`: the server sends no mails. Default: as configured. */
  readonly mailer?: Mailer | null | undefined
  /** Milliseconds since the epoch; for tests. Default: `Date.now`. */
  readonly clock?: (() => number) | undefined
  /** Resolves after so many ms; for tests. Default: a timer. */
  readonly wait?: ((ms: number) => Promise<unknown>) | undefined
}

const routes: readonly FastifyPluginAsyncTypebox<Services>[] = [
  registerRoutes,
  loginRoutes,
  refreshRoutes,
  logoutRoutes,
  passwordRoutes,
  passwordResetRoutes,
  signInAgainRoutes,
  accountRoutes,
  emailRoutes,
  passkeyLoginRoutes,
  passkeysRoutes,
  sessionsRoutes,
  meRoutes,
  notesRoutes,
  adminRoutes,
  healthRoutes,
  lessonTokensRoutes,
  liveRoutes,
  metricsRoutes,
  pageSettingsRoutes,
  pageUserRoutes,
  pageRoutes,
  pageSourcesRoutes
]

/** What asks the database. */
const tableNames = ['users', 'notes', 'knownAddresses', 'passkeys', 'sessions'] as const

/** Resolves to the application, ready for `listen()` or `inject()`. Closing it closes the database. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, passwords, mailer, clock = Date.now, wait = setTimeout } = options
  const { stopping = new AbortController().signal } = options
  const tls = config.tls === null ? null : createTls(config.tls)
  const app = createServer(config, { tls, logStream: options.logStream })
  const timing = config.production ? null : createServerTiming()
  const database = timing === null ? options.database : timing.count(options.database, tableNames)
  // Added first, because `onClose` hooks run in reverse order: the plugin still needs the store while it closes.
  app.addHook('onClose', async () => {
    await database.close()
  })
  if (tls !== null) {
    const stopFollowing = tls.follow({ server: app.server as unknown as Server, log: app.log })
    app.addHook('onClose', async () => stopFollowing())
  }
  const events = createAuthEvents()
  const liveSockets = createLiveSockets()
  const metrics = createMetrics({
    events,
    passwords,
    liveSockets,
    countSessions: database.countSessions,
    certificateExpiresAt: tls?.expiresAt
  })
  events.subscribe(logEvents(app.log))
  addRequestLog(app)
  app.addHook('onError', async (_request, _reply, { code }) => metrics.countRefusal(code))
  app.addHook('onResponse', async (request, reply) => metrics.recordResponse(request, reply))
  addErrorHandlers(app)
  closeRefusedUpgrades(app)
  endKeepAliveOnClose(app, stopping)
  // Most responses are personal. The routes whose responses may be cached set the header themselves.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  // Before anything that can refuse a request, so that a trusted page can read why.
  if (config.trustedOrigins.length > 0) await app.register(fastifyCors, cors(config.trustedOrigins))
  await refuseUnderPressure(app, config)
  await app.register(helmet, securityHeaders(config))
  await app.register(rateLimit, {
    global: false,
    nameSpace: 'example-attempts-',
    ...(database.redis && { redis: database.redis })
  })
  timing?.start(app)
  if (!config.production) addSeenOrigin(app)
  await registerAuthentication(app, { config, database, events })
  timing?.authenticated(app)
  await registerApiDocument(app)

  const services: Services = {
    config,
    database,
    passwords,
    stopping,
    attempt: createAttempts(app, { knownAddresses: database.knownAddresses, clock, wait }),
    assertEncrypted: createAssertEncrypted(config),
    events,
    liveSockets,
    metrics,
    ...(await createAccountServices(app, { config, database, clock, mailer }))
  }
  for (const plugin of routes) await app.register(plugin, services)
  for (const warning of [...config.warnings, warnOfPlainHttp(config), warnOfTrustedClients(config)]) {
    if (warning !== null) app.log.warn(warning)
  }
  return app
}

interface ServerOptions {
  readonly tls: Tls | null
  readonly logStream: LogStream | undefined
}

function createServer(config: Config, { tls, logStream }: ServerOptions): FastifyInstance {
  return Fastify({
    logger: { ...loggerOptions(config.logLevel), ...(logStream && { stream: logStream }) },
    logController: new RequestLog(),
    genReqId: readRequestId,
    trustProxy: config.trustProxy,
    // More than the longest note needs; a password is much shorter.
    bodyLimit: 64 * 1024,
    // Fastify's default is shorter than the ids of some passkeys.
    routerOptions: { maxParamLength: maxCredentialIdLength },
    requestTimeout: 30_000,
    // The start waits up to 9 s for a store that is down: Fastify's default of 10 s is little on a busy machine.
    pluginTimeout: 30_000,
    // While it closes, the server still serves what arrives on open connections: see `endKeepAliveOnClose()`.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => sendUnroutable(error, reply as FastifyReply),
    ...(tls === null ? { http: webSocketsOnly } : { https: tls.options })
  }) as FastifyInstance<RawServerBase> as FastifyInstance
}

interface AuthenticationOptions {
  readonly config: Config
  readonly database: Database
  readonly events: AuthEvents
}

async function registerAuthentication(
  app: FastifyInstance,
  { config, database, events }: AuthenticationOptions
): Promise<void> {
  await app.register(authenticate, {
    secret: readSecrets(config),
    ...keysOption(config),
    issuer: config.issuer,
    accessToken: { lifetimeSeconds: config.accessTokenSeconds, claims: AppClaims },
    refreshToken: {
      retrySeconds: config.retrySeconds,
      // The scope follows from the roles, and no user grants a part of it to a client.
      mayWidenScope: true,
      // Asked at every refresh: a role that was taken away is lost now, and a deleted user is signed out.
      async claims({ sub, claims }) {
        const user = await database.users.byId(sub)
        return user && { claims: claimsOf(user, claims.remember !== false), scope: scopeOf(user.roles) }
      }
    },
    cookies: { secure: config.cookieSecure },
    trustedOrigins: config.trustedOrigins,
    store: database.sessions,
    onEvent: events.publish
  })
  if (config.keysDir === null) return
  const stopFollowing = followKeys(config.keysDir, app.keys.reload)
  app.addHook('onClose', async () => stopFollowing())
}
