import type { StandardClaims } from './claims.ts'

/**
 * An application augments this interface with the claims that its own tokens carry:
 * ```ts
 * import 'fastify-authenticate'
 *
 * declare module 'fastify-authenticate' {
 *   interface AuthTypes { claims: { roles: string[] } }
 * }
 * ```
 */
export interface AuthTypes {}

/** The application's own claims: what it declared in {@link AuthTypes}, else any. */
export type AppClaims = AuthTypes extends { claims: infer Claims } ? Claims : { readonly [claim: string]: unknown }

/**
 * The member `claims` of what starts a session or signs a token: required if the application declared required claims.
 */
export type ClaimsInput =
  Readonly<Record<never, never>> extends AppClaims
    ? {
        /**
         * The application's own claims, put into every access token. JSON, at most 8 KiB with the rest of the token.
         * Default: none.
         */
        readonly claims?: Readonly<AppClaims> | undefined
      }
    : {
        /**
         * The application's own claims, put into every access token. JSON, at most 8 KiB with the rest of the token.
         * Required.
         */
        readonly claims: Readonly<AppClaims>
      }

/**
 * The verified claims of the caller, deep-frozen. In a token of a trusted issuer, `scope` and `roles` are what
 * `trustedIssuers[].map` returned, or absent. `sub` is unique only within its `iss`.
 */
export type User = Readonly<StandardClaims> & Readonly<AppClaims>
