import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
// Each of these augments Fastify's types. Without an import, the emitted declarations would lose the augmentation.
import './http/auth.ts'
import './http/protect.ts'
import './http/refresh.ts'
import './http/request-authenticate.ts'
import './http/sign-in.ts'
import './http/sign-out.ts'
import { createEmit } from './events.ts'
import { createAuthenticate } from './http/authenticate.ts'
import { addRefusalHook, createChallenge } from './http/challenge.ts'
import { createCookieAuthentication } from './http/cookie-authentication.ts'
import { loadCookieSerializer } from './http/cookie-serializer.ts'
import { createCookies } from './http/cookies.ts'
import { createCrossSite } from './http/cross-site.ts'
import { documentRoutes } from './http/document.ts'
import { serveIssuerMetadata } from './http/issuer-metadata.ts'
import { serveJwks } from './http/jwks.ts'
import { createSecuritySchemes } from './http/openapi.ts'
import { createRequirementsOfRoute, protectRoutes } from './http/protect.ts'
import { createProtectedResources, protectedResources } from './http/protected-resources.ts'
import { createReplyRefresh } from './http/refresh.ts'
import { claimContext, claimCookieNames } from './http/registration.ts'
import { createRenew } from './http/renew.ts'
import { createRequestAuthenticate } from './http/request-authenticate.ts'
import { serveResourceMetadata } from './http/resource-metadata.ts'
import { addReplyHook, addResponseHook } from './http/response-state.ts'
import { createSessionCookies } from './http/session-cookies.ts'
import { createSignIn } from './http/sign-in.ts'
import { createSignOut } from './http/sign-out.ts'
import { testKitOf } from './http/test-kit.ts'
import { traceAuthenticate } from './http/tracing.ts'
import { resolveOptions, type Options } from './options/options.ts'
import { createAccessTokenApi } from './sessions/access-token-api.ts'
import { createSessionApi } from './sessions/session-api.ts'
import { createSessionLayer } from './sessions/session-layer.ts'
import { createSkewReport } from './sessions/skew-report.ts'
import { StoreClock } from './sessions/store-clock.ts'
import { resolveStore, type StoreOption } from './stores/store-option.ts'
import { createAccessTokens } from './tokens/access-tokens.ts'
import { compileClaims } from './tokens/claims-schema.ts'
import { createKeySource, type KeySource } from './tokens/key-source.ts'
import type { Keyring } from './tokens/keyring.ts'
import { createRefreshTokens } from './tokens/refresh-token.ts'
import { createRequirementCheck } from './tokens/requirement-check.ts'
import { readSecrets } from './tokens/secret.ts'
import { createTrustedIssuers } from './tokens/trusted-issuers.ts'

/**
 * The options of `app.register(authenticate, options)`. Only `issuer` and `secret` are required. An option that is
 * unknown or wrong stops the start with a TypeError that names it.
 */
export interface AuthenticateOptions extends Options, StoreOption {}

const authenticatePlugin: FastifyPluginAsync<AuthenticateOptions> = async function fastifyAuthenticate(app, given) {
  claimContext(app)
  const { store: givenStore, ...options } = given
  const testKit = testKitOf(givenStore)
  if (testKit !== null && options.issuer === undefined) options.issuer = testKit.issuer
  const resolved = resolveOptions(options)
  claimCookieNames(app, resolved.cookies)
  const secrets = readSecrets(options.secret)
  const nodeClock = resolved.clock
  const store = await resolveStore({ store: givenStore }, { clock: nodeClock, log: app.log })
  const onEvent = testKit === null ? resolved.onEvent : testKit.record(resolved.onEvent)
  const emit = createEmit(onEvent, (error) => app.log.warn(error, 'onEvent failed'))

  const storeClock = new StoreClock({
    clock: nodeClock,
    lifetimeMs: resolved.accessToken.lifetimeSeconds * 1000,
    onSkew: createSkewReport({ emit, log: app.log })
  })
  const settings = Object.freeze({ ...resolved, clock: storeClock.now })
  const { issuers, keysReloadSeconds } = settings
  const { types, clockToleranceSeconds } = settings.accessToken

  const matchesSchema = await compileClaims(settings.accessToken.claims, settings)
  const keys = await createKeySource({ keys: options.keys, secrets, keysReloadSeconds, types, emit })
  const accessTokens = createAccessTokens({
    ...settings,
    matchesSchema,
    keys,
    trustedIssuers: await createTrustedIssuers({ ...settings, clockToleranceSeconds, emit, log: app.log }),
    nodeClock
  })
  const refreshTokens = createRefreshTokens({ issuers, secrets })
  const layer = createSessionLayer({
    settings,
    store,
    storeClock,
    nodeClock,
    accessTokens,
    refreshTokens,
    emit,
    log: app.log
  })
  const { startSession, sessions, refresh, revocations } = layer

  const resources = createProtectedResources(settings.resources)
  const challenge = createChallenge({ realm: settings.realm, resources })
  const crossSite = createCrossSite({ isTrustedOrigin: settings.isTrustedOrigin, emit })
  const cookies = settings.cookies && createCookies(settings.cookies, await loadCookieSerializer())
  const sessionCookies = cookies && createSessionCookies({ cookies, accessTokens, refreshTokens })
  const renews = settings.cookies?.renew ?? false
  const renew = renews && sessionCookies ? createRenew({ refresh, revocations, sessionCookies, crossSite }) : null
  const requirementCheck = createRequirementCheck({ clock: settings.clock, nodeClock, clockToleranceSeconds })
  const authenticate = traceAuthenticate(
    createAuthenticate({
      accessCookie: settings.cookies?.access ?? null,
      accessTokens,
      revocations,
      crossSite,
      byCookie: createCookieAuthentication({ accessTokens, revocations, sessionCookies, crossSite, renew }),
      requirementCheck,
      resources,
      challenge,
      emit
    })
  )
  const requirementsOfRoute = createRequirementsOfRoute(settings)
  const securitySchemes = createSecuritySchemes(settings.cookies)

  app.decorateRequest('auth', null as never)
  const requestAuthenticate = createRequestAuthenticate(authenticate)
  app.decorateRequest('authenticate', requestAuthenticate)
  const secure = settings.cookies?.secure ?? false
  app.decorateReply(
    'signIn',
    createSignIn({ startSession, sessions, accessTokens, sessionCookies, crossSite, challenge, secure })
  )
  app.decorateReply(
    'refresh',
    createReplyRefresh({ refresh, refreshTokens, revocations, sessionCookies, crossSite, challenge, emit })
  )
  app.decorateReply(
    'signOut',
    createSignOut({ sessions, accessTokens, refreshTokens, sessionCookies, crossSite, challenge, emit })
  )
  app.decorateReply('assertSameSite', function () {
    crossSite.assertSameSite(this.request)
  })
  app.decorate('authenticate', async function authenticateHook(request: Pick<FastifyRequest, 'raw'>) {
    await requestAuthenticate.call(request as FastifyRequest)
  })
  app.decorate('sessions', createSessionApi(sessions))
  app.decorate('accessTokens', createAccessTokenApi({ ...settings, accessTokens, revocations, requirementCheck }))
  app.decorate('keys', { jwks: () => keys.current().jwks(), reload: () => keys.reload() })
  app.decorate('securitySchemes', securitySchemes)
  app.decorate(protectedResources, resources)

  if (renew) addReplyHook(app)
  addResponseHook(app)
  addRefusalHook(app)
  protectRoutes(app, { authenticate, requirementsOfRoute })
  documentRoutes(app, { requirementsOfRoute, securitySchemes })
  if (settings.jwks && keys.hasPublicKeys()) serveJwks(app, { path: settings.jwks.path, keys })
  serveResourceMetadata(app, settings.resources)
  if (settings.metadata) serveIssuerMetadata(app, { issuer: settings.issuer, keys, ...settings.metadata })

  testKit?.add({ app, settings, keys, startSession, revocations, sessionCookies })
  app.addHook('onReady', async function startAuthenticate() {
    // Not earlier: the application's own `@fastify/jwt` may decorate `user` after this plugin.
    if (!app.hasRequestDecorator('user')) app.decorateRequest('user', null as never)
    await layer.start()
  })
  app.addHook('onClose', async function closeAuthenticate() {
    keys.close()
    await layer.close()
  })
}

/** Inherited: an application's own type overrides it, while a second declaration would be an error. */
interface AuthenticateHook {
  /**
   * `request.authenticate()` as a hook of a route without `config.auth`. It requires any valid token of this
   * application, and sets `request.user` and `request.auth`. Put it into a list, as below: if the plugin is not
   * registered, the list contains `undefined`, and Fastify refuses to start.
   * ```ts
   * app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)
   * ```
   * @throws AuthError as `request.authenticate()`
   */
  authenticate(this: void, request: Pick<FastifyRequest, 'raw'>, reply?: FastifyReply): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance extends AuthenticateHook {
    /** Lists and ends the sessions of a subject: for a list of devices, for administrators, after a new password. */
    sessions: ReturnType<typeof createSessionApi>
    /** Signs access tokens without a session, verifies tokens outside of requests, and revokes single tokens. */
    accessTokens: ReturnType<typeof createAccessTokenApi>
    /** The keys that sign and verify access tokens: reads the public ones, and loads all of them again. */
    keys: Pick<KeySource, 'reload'> & Pick<Keyring, 'jwks'>
    /**
     * What an OpenAPI document says about the header and the cookie: `bearerAuth`, and `cookieAuth` unless `cookies`
     * is `false`.
     * ```ts
     * await app.register(swagger, { openapi: { components: { securitySchemes: app.securitySchemes } } })
     * ```
     */
    securitySchemes: ReturnType<typeof createSecuritySchemes>
  }
}

/**
 * Adds `request.authenticate()`, `reply.signIn()`, `reply.refresh()` and `reply.signOut()`, and protects the routes
 * that declare `config.auth`, in the context in which it is registered and below.
 * ```ts
 * const app = Fastify()
 * await app.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET })
 * app.get('/me', { config: { auth: true } }, async (request) => request.user)
 * ```
 * @throws TypeError that names a wrong option
 */
export default fp(authenticatePlugin, { fastify: '5.x', name: 'fastify-authenticate' })

export * from './options/claims.ts'
export * from './tokens/user.ts'
export { AuthError, type RefusalCode } from './errors.ts'
export type { AuthEvent, RevocationReason } from './events.ts'
export type { Auth } from './http/auth.ts'
export type { SignIn } from './http/sign-in.ts'
export type { BearerResponse, CookieResponse } from './http/token-response.ts'
export type { AuthenticateTrace } from './http/tracing.ts'
export type { AccessTokenOptions } from './options/access-token.ts'
export type { CookieOptions } from './options/cookies.ts'
export type { JsonWebKey } from './options/json-web-key.ts'
export type { KeyOption } from './options/keys.ts'
export type { RefreshTokenOptions, SessionInfo } from './options/refresh-token.ts'
export type { ResourceOption } from './options/resources.ts'
export type { RevocationOptions } from './options/revocation.ts'
export type { FindTrustedIssuer, IssuerFetch, JwkSet, TrustedIssuerOption } from './options/trusted-issuers.ts'
export type { SessionSummary } from './sessions/session-summary.ts'
export { UnusableStoreError, type SessionStore } from './stores/session-store.ts'
export type { StandardClaims } from './tokens/claims.ts'
export type { Needs, TokenNeeds } from './tokens/requirements.ts'
