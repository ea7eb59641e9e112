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
export type OwnClaims = AuthTypes extends { claims: infer Claims } ? Claims : { readonly [claim: string]: unknown }

/** The verified claims of the caller, deep-frozen. */
export type User = Readonly<StandardClaims> & Readonly<OwnClaims>

/** How the caller was authenticated. */
export interface Auth {
  readonly source: 'header' | 'cookie'
  /** `null` for tokens without a session: machines', other issuers'. */
  readonly sessionId: string | null
  readonly issuer: string
  readonly claims: User
}

// `@fastify/jwt` owns the type of `request.user`; filling its slot lets both live in one application.
declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: User
  }
}
