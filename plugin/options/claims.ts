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
