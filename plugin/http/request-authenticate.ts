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
import { AuthError } from '../errors.ts'
import { readRequirements, type Needs } from '../tokens/requirements.ts'
import type { User } from '../tokens/user.ts'
import type { Auth } from './auth.ts'
import type { Authenticate } from './authenticate.ts'

/** `Caller`, or `Caller | null` if the needs are optional. */
type IfOptional<N, Caller> = 'optional' extends keyof N
  ? N['optional'] extends false | undefined
    ? Caller
    : Caller | null
  : Caller
/** The user, or `User | null` if the needs are optional. */
type UserFor<N> = IfOptional<N, User>

/** `request.authenticate()` */
export function createRequestAuthenticate(authenticate: Authenticate) {
  return async function requestAuthenticate<const N extends Needs = Record<never, never>>(
    this: FastifyRequest,
    ...given: [needs?: N]
  ): Promise<UserFor<N>> {
    const outcome = authenticate(this, readRequirements(given))
    if (outcome instanceof AuthError) throw outcome
    return (outcome === null ? this.user : await outcome) as UserFor<N>
  }
}

/** Not `null` if the route's `config.auth` lets nobody pass without a user. */
type RouteAuth<ContextConfig> = ContextConfig extends { auth: infer Declared }
  ? Declared extends false
    ? Auth | null
    : IfOptional<Declared, Auth>
  : Auth | null

// `RouteSchema`: inside `declare module`, `FastifySchema` has another meaning if `@fastify/swagger` is installed.
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
     * Checks the caller's access token, sets `request.user` and `request.auth`, and resolves to the user. The token is
     * read from the `Authorization` header (RFC 6750 §2.1), or else from the access cookie. With `config.auth`, the
     * plugin has called this already.
     * ```ts
     * app.get('/notes', async (request) => {
     *   const { sub } = await request.authenticate({ scopes: ['notes:read'] })
     *   return { sub }
     * })
     * ```
     * @param needs what the caller must have. Default: any valid token of this application
     * @throws AuthError AUTH_NO_CREDENTIALS, AUTH_MALFORMED_CREDENTIALS, AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN,
     * AUTH_REVOKED_TOKEN, AUTH_STALE_AUTHENTICATION, AUTH_INSUFFICIENT_SCOPE, AUTH_INSUFFICIENT_ROLE, AUTH_CROSS_SITE,
     * AUTH_STORE_UNAVAILABLE, AUTH_KEYS_UNAVAILABLE; with `cookies.renew`, also those of `reply.refresh()`
     * @throws TypeError for needs that are unknown, ill-typed or `undefined`
     */
    authenticate: ReturnType<typeof createRequestAuthenticate>
    /** How the caller was authenticated. `null` before `authenticate()`, and without a user. */
    auth: RouteAuth<ContextConfig>
  }
}
