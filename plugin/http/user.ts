// `preserve`, for an import that is only there for its types would be lost in the emitted declarations.
/// <reference types="@fastify/jwt" preserve="true" />
import type { StandardClaims } from '../tokens/claims.ts'

/**
 * For an application to augment with what its own tokens carry:
 * ```ts
 * declare module 'fastify-authenticate' {
 *   interface AuthTypes { claims: { roles: string[] } }
 * }
 * ```
 */
export interface AuthTypes {}

/** The application's own claims: what it declared in {@link AuthTypes}, else anything. */
export type AppClaims = AuthTypes extends { claims: infer Claims } ? Claims : { readonly [claim: string]: unknown }

/** What starts a session or signs a token must name all claims that the application declared as required. */
export type ClaimsInput =
  Readonly<Record<never, never>> extends AppClaims
    ? { readonly claims?: Readonly<AppClaims> | undefined }
    : { readonly claims: Readonly<AppClaims> }

/**
 * The verified claims of the caller, deep-frozen. `scope` and `roles` of another issuer's token are what
 * `trustedIssuers[].map` returned, or absent. `sub` is unique only within its `iss`.
 */
export type User = Readonly<StandardClaims> & Readonly<AppClaims>

/** How the caller was authenticated. */
export interface Auth {
  readonly source: 'header' | 'cookie'
  /** `null` for tokens without a session: machines', other issuers'. */
  readonly sessionId: string | null
  readonly issuer: string
  /** The claims as they were signed. Another issuer's `scope` and `roles` count only through `map`. */
  readonly claims: User
  /** The same object as `request.user`, whose type other plugins may have declared. */
  readonly user: User
  /** The scopes that count here: what a route's needs are compared with. */
  readonly scopes: readonly string[]
  /** The roles that count here. */
  readonly roles: readonly string[]
}

// `@fastify/jwt` owns the type of `request.user`; filling its slot lets both live in one application.
declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: User
  }
}
