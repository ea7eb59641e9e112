import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
// Each of these augments Fastify's types; without an import of their own, the emitted declarations would lose them.
import './http/authenticate.ts'
import './http/protect.ts'
import './http/refresh.ts'
import './http/sign-in.ts'
import './http/sign-out.ts'
import './http/auth.ts'
import { createEmit } from './events.ts'
import { createAuthenticator, createRequestAuthenticate } from './http/authenticate.ts'
import { addRefusalHook, createChallenge } from './http/challenge.ts'
import { createCookieSerializer } from './http/cookie-serializer.ts'
import { createCookies } from './http/cookies.ts'
import { createAssertSameSite } from './http/cross-site.ts'
import { documentRoutes } from './http/document.ts'
import { serveJwks } from './http/jwks.ts'
import { createSecuritySchemes } from './http/openapi.ts'
import { addResponseHook, addReplyHook } from './http/response-state.ts'
import { createNeedsOfRoute, protectRoutes } from './http/protect.ts'
import { createRenew, createReplyRefresh } from './http/refresh.ts'
import { createSessionCookies } from './http/session-cookies.ts'
import { createSignIn } from './http/sign-in.ts'
import { createSignOut } from './http/sign-out.ts'
import type { CookieSettings } from './options/cookies.ts'
import { optionError } from './options/option-error.ts'
import { resolveOptions, type Options } from './options/options.ts'
import { createAccessTokenApi } from './sessions/access-token-api.ts'
import { createKnownSessions } from './sessions/known-sessions.ts'
import { createRefresh } from './sessions/refresh.ts'
import { Revocations } from './sessions/revocations.ts'
import { createSessionApi } from './sessions/session-api.ts'
import { createSessions, type SessionParts } from './sessions/sessions.ts'
import { StoreClock } from './sessions/store-clock.ts'
import { createStoreStart } from './sessions/store-start.ts'
import { TimedStore } from './sessions/timed-store.ts'
import { Trimmer } from './sessions/trimmer.ts'
import { memoryStore } from './stores/memory.ts'
import type { SessionStore } from './stores/session-store.ts'
import { createAccessTokens } from './tokens/access-token.ts'
import { createKeySource, type KeySource } from './tokens/key-source.ts'
import type { Keyring } from './tokens/keyring.ts'
import { createRefreshTokens } from './tokens/refresh-token.ts'
import { noRequirements } from './tokens/requirements.ts'
import { readSecrets } from './tokens/secret.ts'
import { createTrustedIssuers } from './tokens/trusted-issuer.ts'

export interface AuthenticateOptions extends Options {
  /** Where sessions are kept. Default: in memory, for one process and until it ends. */
  readonly store?: SessionStore | undefined
}

const authenticatePlugin: FastifyPluginAsync<AuthenticateOptions> = async function fastifyAuthenticate(app, options) {
  assertFirst(app)
  const { store, ...rest } = options
  const given = resolveOptions(rest)
  claimCookieNames(app, given.cookies)
  const secrets = readSecrets(rest.secret)
  const { clock: nodeClock } = given
  const rows = store === undefined ? memoryStore({ clock: nodeClock }) : store
  if (typeof rows?.rotate !== 'function') {
    throw optionError('store', 'must be a SessionStore, such as postgresStore(pool)')
  }
  if (store === undefined && process.env.NODE_ENV === 'production') {
    app.log.warn(
      'fastify-authenticate keeps sessions in memory: they end with this process and are unknown to others. Set the option "store"'
    )
  }

  const emit = createEmit(given.onEvent, (error) => app.log.warn(error, 'onEvent failed'))
  const { lifetimeSeconds } = given.accessToken
  const storeClock = new StoreClock({ clock: nodeClock, lifetimeMs: lifetimeSeconds * 1000, onSkew: tellSkew })
  const accessLifetime = () => lifetimeSeconds + Math.ceil(storeClock.aheadMs / 1000)
  const settings = Object.freeze({ ...given, clock: storeClock.now })
  const timedStore = new TimedStore({ store: rows, storeClock, clock: nodeClock })
  const keys = await createKeySource({ keys: rest.keys, secrets, settings, emit })
  const trustedIssuers = createTrustedIssuers(settings)
  const accessTokens = createAccessTokens(settings, keys, trustedIssuers, nodeClock)
  const refreshTokens = createRefreshTokens(settings, secrets)
  const revocations = new Revocations({
    settings,
    store: timedStore,
    now: storeClock.now,
    storeNow: storeClock.storeNow,
    accessLifetime,
    emit
  })
  const trimmer = new Trimmer({
    store: timedStore,
    maxSessions: settings.refreshToken.maxSessions,
    accessLifetime,
    onRevoked: (sessions) => {
      for (const { id, until } of sessions) revocations.record({ kind: 'session', id, until })
    }
  })
  const sessionParts: SessionParts = {
    settings,
    store: timedStore,
    storeClock,
    accessLifetime,
    nodeClock,
    accessTokens,
    refreshTokens,
    knownSessions: createKnownSessions(),
    revocations,
    trimmer,
    emit
  }
  const sessions = createSessions(sessionParts)
  const refresh = createRefresh(sessionParts, sessions)
  const storeStart = createStoreStart({
    store: rows,
    storeClock,
    revocations,
    clock: nodeClock,
    log: app.log,
    ...settings.revocation
  })

  const challenge = createChallenge(settings.realm)
  const assertSameSite = createAssertSameSite(settings.trustedOrigins, emit)
  const cookies = settings.cookies && createCookies(settings.cookies, await createCookieSerializer())
  const sessionCookies = cookies && createSessionCookies({ cookies, accessTokens, refreshTokens })
  const replyParts = { ...sessionParts, sessions, refresh, sessionCookies, assertSameSite, challenge }
  const authenticator = createAuthenticator({ ...replyParts, renew: createRenew(replyParts) })
  const needsOfRoute = createNeedsOfRoute(settings.protect)
  const securitySchemes = createSecuritySchemes(settings.cookies)

  app.decorateRequest('auth', null as never)
  app.decorateRequest('authenticate', createRequestAuthenticate(authenticator))
  app.decorateReply('signIn', createSignIn(replyParts))
  app.decorateReply('refresh', createReplyRefresh(replyParts))
  app.decorateReply('signOut', createSignOut(replyParts))
  app.decorateReply('assertSameSite', function () {
    assertSameSite(this.request)
  })
  app.decorate('authenticate', async function authenticateHook(request) {
    await authenticator.authenticate(request as FastifyRequest, noRequirements)
  })
  app.decorate('sessions', createSessionApi(sessions))
  app.decorate('accessTokens', createAccessTokenApi(replyParts))
  app.decorate('keys', { jwks: () => keys.current().jwks(), reload: keys.reload })
  app.decorate('securitySchemes', securitySchemes)

  if (settings.cookies?.renew) addReplyHook(app)
  addResponseHook(app)
  addRefusalHook(app)
  protectRoutes(app, { authenticator, needsOfRoute })
  documentRoutes(app, needsOfRoute, securitySchemes)
  if (settings.jwks && keys.hasPublicKeys()) serveJwks(app, settings.jwks.path, keys)

  const sweeper = setInterval(async () => {
    try {
      await rows.sweep()
    } catch (error) {
      app.log.warn(error, 'sweep failed')
    }
  }, sweepMs).unref()
  app.addHook('onReady', async function startAuthenticate() {
    // Only now is it certain whether the host's `@fastify/jwt` decorates it.
    if (!app.hasRequestDecorator('user')) app.decorateRequest('user', null as never)
    await storeStart.start()
  })
  app.addHook('onClose', async function closeAuthenticate() {
    clearInterval(sweeper)
    keys.close()
    await storeStart.close()
    await trimmer.close()
    await revocations.close()
    await rows.close()
  })

  function tellSkew(skewMs: number, compensated: boolean): void {
    const text = `The store's clock is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} this node's`
    app.log.warn(
      compensated
        ? `${text}: compensated. Set one of them right`
        : `${text}: too much to compensate. Tokens may be refused until one of them is set right`
    )
    emit({ type: 'clock-skew', skewMs, compensated })
  }
}

/** How often expired sessions are removed. */
const sweepMs = 10 * 60_000

/** Where the plugin is registered, by server. */
const registered = new WeakMap<object, FastifyInstance[]>()

function assertFirst(app: FastifyInstance): void {
  const others = registered.get(app.server) ?? []
  const where = app.hasDecorator('authenticate')
    ? 'is decorated already in this context or a parent'
    : others.some((other) => Object.prototype.isPrototypeOf.call(app, other))
      ? 'is decorated already in a child of this context'
      : null
  if (where !== null) {
    throw new Error(
      `Cannot register fastify-authenticate: "authenticate" ${where}. Register it once, or in sibling contexts (app.register(async (scope) => { … }))`
    )
  }
  registered.set(app.server, [...others, app])
}

/** The cookie names that are in use, by server: contexts that share one would overwrite each other's sessions. */
const cookieNames = new WeakMap<object, Set<string>>()

function claimCookieNames(app: FastifyInstance, cookies: CookieSettings | null): void {
  if (cookies === null) return
  const taken = cookieNames.get(app.server) ?? new Set()
  for (const option of ['access', 'refresh'] as const) {
    if (taken.has(cookies[option])) {
      throw optionError(
        `cookies.${option}`,
        `must differ from the cookie names of this application's other registrations: "${cookies[option]}" is taken. Choose another name, or set "cookies" to false in one of them`
      )
    }
  }
  cookieNames.set(app.server, taken.add(cookies.access).add(cookies.refresh))
}

declare module 'fastify' {
  interface FastifyInstance {
    /** `request.authenticate()` as a hook: `onRequest: [app.authenticate]`, in a list, so that a missing plugin fails the start. */
    authenticate: (request: Pick<FastifyRequest, 'raw'>, reply?: FastifyReply) => Promise<void>
    /** A subject's logins: list them, end one, end all. */
    sessions: ReturnType<typeof createSessionApi>
    /** Tokens without a session, for machines; checking tokens outside requests; revoking one token. */
    accessTokens: ReturnType<typeof createAccessTokenApi>
    /** The public keys as they are published, and asking an async `keys` now: resolves to whether its list was taken. */
    keys: Pick<KeySource, 'reload'> & Pick<Keyring, 'jwks'>
    /** For `@fastify/swagger`: `openapi: { components: { securitySchemes: app.securitySchemes } }`. */
    securitySchemes: ReturnType<typeof createSecuritySchemes>
  }
}

/**
 * Decorates requests with `authenticate()`, replies with `signIn()`, `refresh()` and `signOut()`, and protects the
 * routes that declare `config.auth`, in the context it is registered in and below.
 * ```ts
 * const app = Fastify()
 * await app.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET })
 * app.get('/me', { config: { auth: true } }, async (request) => request.user)
 * ```
 * @throws TypeError that names a wrong option
 */
export default fp(authenticatePlugin, { fastify: '5.x', name: 'fastify-authenticate' })

export type { Auth } from './http/auth.ts'
export * from './tokens/user.ts'
export { AuthError, type RefusalCode } from './errors.ts'
export type { AuthEvent } from './events.ts'
export type { Needs, TokenNeeds } from './tokens/requirements.ts'
export type { SignIn } from './http/sign-in.ts'
export type { BearerResponse, CookieResponse } from './http/token-response.ts'
export type { KeyOption } from './options/keys.ts'
export type { SessionInfo } from './options/refresh-token.ts'
export type { SessionSummary } from './sessions/session-summary.ts'
export { UnusableStoreError, type SessionStore } from './stores/session-store.ts'
export type { StandardClaims } from './tokens/claims.ts'
