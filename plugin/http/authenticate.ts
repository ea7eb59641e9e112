import type {
  ContextConfigDefault,
  FastifyBaseLogger,
  FastifyRequest,
  FastifySchema as RouteSchema,
  FastifyTypeProvider,
  FastifyTypeProviderDefault,
  RawRequestDefaultExpression,
  RawServerBase,
  RawServerDefault,
  RouteGenericInterface
} from 'fastify'
import type { FastifyRequestType, ResolveFastifyRequestType } from 'fastify/types/type-provider.js'
import { AuthError, refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'
import { chooseAccessCookie } from './access-cookies.ts'
import type { Challenge } from './challenge.ts'
import { isPresented, isToken68, readCredentials, type Credentials, type Presented } from './credentials.ts'
import { needsCrossSiteCheck, isUpgrade, type AssertSameSite } from './cross-site.ts'
import { verifyIgnoringExpiry } from './request-sessions.ts'
import { assertSatisfies, satisfies, readRequirements, type Requirements, type Needs } from '../tokens/requirements.ts'
import type { SessionCookies } from './session-cookies.ts'
import type { User } from '../tokens/user.ts'
import type { Auth } from './auth.ts'

export interface AuthenticateParts {
  readonly settings: Settings
  readonly accessTokens: AccessTokens
  readonly revocations: Revocations
  readonly sessionCookies: SessionCookies | null
  readonly assertSameSite: AssertSameSite
  readonly challenge: Challenge
  readonly emit: Emit
  /** Exchanges the refresh cookie in place and resolves to the new access token; `null` where that is not allowed. */
  readonly renew: (request: FastifyRequest, expired: AccessToken | null) => Promise<string | null>
}

export interface Authenticator {
  /** Reads the credentials, checks them, sets `request.user` and `request.auth`: or refuses. */
  authenticate(request: FastifyRequest, needs: Requirements): Promise<User | null>
  /** The same at once, for most callers: `null` is no answer, but a question for {@link authenticate}. */
  authenticateCached(request: FastifyRequest, needs: Requirements): User | null
}

export function createAuthenticator(parts: AuthenticateParts): Authenticator {
  const { settings, accessTokens, revocations, sessionCookies, assertSameSite, challenge, emit, renew } = parts
  const accessCookie = settings.cookies?.access ?? null

  return {
    authenticateCached(request, needs) {
      const credentials = readCredentials(request.raw, accessCookie)
      const cached = fromCache(credentials, needs)
      return isUsable(cached, request, credentials) && satisfies(cached, needs, settings.issuer)
        ? setUser(request, credentials, cached)
        : null
    },

    async authenticate(request, needs) {
      const slots = request as Slots
      slots.user = null
      slots.auth = null
      const credentials = readCredentials(request.raw, accessCookie)
      try {
        const cached = fromCache(credentials, needs)
        const verified = isUsable(cached, request, credentials)
          ? cached
          : await verify(request, credentials, needs, cached)
        if (verified === null) return null
        assertSatisfies(verified, needs, settings.issuer)
        return setUser(request, credentials, verified)
      } catch (thrown) {
        const error = isNoToken(credentials) ? refusal('AUTH_MALFORMED_CREDENTIALS', 'not exactly one token68') : thrown
        if (error instanceof AuthError && error.code !== 'AUTH_CROSS_SITE') {
          emit({ type: 'token-refused', code: error.code, detail: error.detail, source: sourceOf(credentials) })
        }
        throw challenge(error, needs.scopes)
      }
    }
  }

  function fromCache(credentials: Credentials, { issuers }: Requirements): AccessToken | null {
    return isPresented(credentials) ? accessTokens.fromCache(credentials.token, issuers) : null
  }

  /**
   * True for most requests: the token has verified before, is not revoked, and came in the header or in a cookie that
   * needs no cross-site check here. Every other request takes the long way, which finds out why to refuse it.
   */
  function isUsable(cached: AccessToken | null, request: FastifyRequest, { kind }: Credentials): cached is AccessToken {
    return cached !== null && revocations.isValid(cached) && (kind === 'header' || !needsCrossSiteCheck(request))
  }

  /** The verified token; `null` for a caller who may be nobody, and is. */
  async function verify(
    request: FastifyRequest,
    credentials: Credentials,
    needs: Requirements,
    cached: AccessToken | null
  ): Promise<AccessToken | null> {
    switch (credentials.kind) {
      case 'foreign':
        throw refusal('AUTH_NO_CREDENTIALS', 'an Authorization of another scheme or shape')
      case 'malformed':
        throw refusal('AUTH_MALFORMED_CREDENTIALS', credentials.detail)
      case 'none':
        return await byRefreshCookie(request, needs)
      case 'header':
        return revocations.assertNotRevoked(
          cached ?? (await accessTokens.verifyUncached(accessTokens.parse(credentials.token), needs.issuers))
        )
      case 'cookie':
        if (cached !== null) return await byCookie(request, accessTokens.parse(credentials.token), needs, cached)
        return await byCookies(request, credentials, needs)
      default:
        return await byCookies(request, credentials, needs)
    }
  }

  /** Another application's cookies count as absent: applications on one host, or on its parent domain, share a jar. */
  async function byCookies(
    request: FastifyRequest,
    { kind }: Credentials,
    needs: Requirements
  ): Promise<AccessToken | null> {
    const { access, areTooMany } = sessionCookies!.readAccess(request)
    if (access.length === 0 && !areTooMany) return await byRefreshCookie(request, needs)
    const chosen = areTooMany ? null : await chooseAccessCookie(access, { accessTokens, revocations })
    if (chosen !== null) {
      // A single cookie has been looked up already.
      const cached = kind === 'several' ? accessTokens.fromCache(chosen.text, needs.issuers) : null
      return await byCookie(request, chosen, needs, cached)
    }
    sessionCookies!.clearEverywhere(request, ['access'])
    throw refusal('AUTH_INVALID_TOKEN', 'several access cookies, of which none counts')
  }

  /** Without an access cookie, a renewal can still tell who it is. */
  async function byRefreshCookie(request: FastifyRequest, { optional }: Requirements): Promise<AccessToken | null> {
    const renewed = await renewedByCookie(request, null, optional)
    if (renewed === null && !optional) throw refusal('AUTH_NO_CREDENTIALS', 'nothing was presented')
    return renewed
  }

  async function byCookie(
    request: FastifyRequest,
    token: UnverifiedToken,
    { issuers, optional }: Requirements,
    cached: AccessToken | null
  ): Promise<AccessToken | null> {
    try {
      const verified = cached ?? (await accessTokens.verifyUncached(token, issuers))
      if (needsCrossSiteCheck(request)) assertSameSite(request)
      return revocations.assertNotRevoked(verified)
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      const own = verifyIgnoringExpiry(accessTokens, token)
      if (error.code === 'AUTH_EXPIRED_TOKEN' && own !== null) {
        const renewed = await renewedByCookie(request, own, optional)
        if (renewed !== null) return renewed
      }
      if (error.code === 'AUTH_INVALID_TOKEN') sessionCookies?.clear(request, ['access'])
      if (error.code === 'AUTH_REVOKED_TOKEN' && own !== null) clearEnded(request, own)
      if (optional && (error.code === 'AUTH_EXPIRED_TOKEN' || error.code === 'AUTH_REVOKED_TOKEN')) return null
      throw error
    }
  }

  async function renewedByCookie(
    request: FastifyRequest,
    expired: AccessToken | null,
    optional: boolean
  ): Promise<AccessToken | null> {
    if (!settings.cookies?.renew || isUpgrade(request)) return null
    try {
      const token = await renew(request, expired)
      return token === null ? null : revocations.assertNotRevoked(await accessTokens.verify(token))
    } catch (error) {
      if (optional && error instanceof AuthError && error.code === 'AUTH_REFRESH_INVALID') return null
      throw error
    }
  }

  /** A session that has ended takes its refresh cookie along, but not that of another session. */
  function clearEnded(request: FastifyRequest, { sessionId }: AccessToken): void {
    const hasEnded = sessionId !== null && revocations.isSessionRevoked(sessionId)
    const isOfRefresh = sessionCookies?.read(request).refresh.some(({ token }) => token.sessionId === sessionId)
    sessionCookies?.clear(request, hasEnded && isOfRefresh ? ['access', 'refresh'] : ['access'])
  }
}

interface Slots {
  user: User | null
  auth: Auth | null
}

function setUser(request: FastifyRequest, credentials: Credentials, verified: AccessToken): User {
  const { sessionId, scopes, roles } = verified
  const claims = verified.claims as User
  const user = verified.user as User
  const slots = request as Slots
  slots.auth = { source: sourceOf(credentials) ?? 'cookie', sessionId, issuer: claims.iss, claims, user, scopes, roles }
  slots.user = user
  return user
}

/** Asked of headers that were refused: a token that verifies is one. */
function isNoToken(credentials: Credentials): boolean {
  return credentials.kind === 'header' && !isToken68(credentials.token)
}

function sourceOf(credentials: Credentials): Presented['kind'] | null {
  if (credentials.kind === 'malformed') return 'header'
  if (credentials.kind === 'several') return 'cookie'
  return isPresented(credentials) ? credentials.kind : null
}

/** Needs that may be optional may yield nobody. */
type IfOptional<N, Caller> = 'optional' extends keyof N
  ? N['optional'] extends false | undefined
    ? Caller
    : Caller | null
  : Caller
type UserFor<N> = IfOptional<N, User>

/** The explicit form, `request.authenticate(needs)`; ill-typed needs are a TypeError. */
export function createRequestAuthenticate({ authenticate }: Authenticator) {
  return async function requestAuthenticate<const N extends Needs = Record<never, never>>(
    this: FastifyRequest,
    ...given: [needs?: N]
  ): Promise<UserFor<N>> {
    return (await authenticate(this, readRequirements(given))) as UserFor<N>
  }
}

/** Non-null where the route's `config.auth` says that nobody passes without a user. */
type RouteAuth<ContextConfig> = ContextConfig extends { auth: infer Declared }
  ? Declared extends false
    ? Auth | null
    : IfOptional<Declared, Auth>
  : Auth | null

// `RouteSchema`, for inside `declare module` the name `FastifySchema` means something else wherever `@fastify/swagger` is.
/* eslint-disable @typescript-eslint/no-unused-vars -- a merged declaration must repeat all type parameters */
declare module 'fastify' {
  interface FastifyRequest<
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    SchemaCompiler extends RouteSchema = RouteSchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    ContextConfig = ContextConfigDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger,
    RequestType extends FastifyRequestType = ResolveFastifyRequestType<TypeProvider, SchemaCompiler, RouteGeneric>
  > {
    /**
     * Checks the caller's access token, sets `request.user` and `request.auth`, and resolves to the user.
     * @throws AuthError 400, 401, 403 or 503 of the catalogue
     */
    authenticate: ReturnType<typeof createRequestAuthenticate>
    /** How the caller was authenticated; `null` before that, and where nobody was needed. */
    auth: RouteAuth<ContextConfig>
  }
}
