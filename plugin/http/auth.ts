// `preserve`: TypeScript drops a reference that only types need from the emitted declarations.
/// <reference types="@fastify/jwt" preserve="true" />
import type { User } from '../tokens/user.ts'

/** How the caller was authenticated: `request.auth`. */
export interface Auth {
  /** Where the access token was: in the `Authorization` header or in the access cookie. */
  readonly source: 'header' | 'cookie'
  /** The session's id: the claim `sid`. `null` for tokens without a session, of machines and of trusted issuers. */
  readonly sessionId: string | null
  /** The token's `iss` claim. */
  readonly issuer: string
  /**
   * The claims as they were signed. Do not decide by the `scope` and `roles` of a trusted issuer's token: only what
   * `map` returned counts here, as in `scopes` and `roles` below.
   */
  readonly claims: User
  /** The same object as `request.user`, whose type another plugin may have declared. */
  readonly user: User
  /**
   * When the user last proved who they are, in milliseconds since the epoch: the claim `auth_time`. A refresh does not
   * change it. `null` for a token without the claim, such as a machine's.
   */
  readonly authenticatedAt: number | null
  /** The scopes that `config.auth.scopes` is compared with. Empty if there are none. */
  readonly scopes: readonly string[]
  /** The roles that `config.auth.roles` is compared with: the claim `roles`. Empty if there are none. */
  readonly roles: readonly string[]
}

/** The type of `request.user`, unless the application declares another. */
interface UserSlot {
  /** The verified claims of the caller. `null` before `authenticate()`, and on a route that nobody has to pass. */
  user: User
}

// `@fastify/jwt` declares the type of `request.user`. Filling its slot lets both plugins live in one application.
// By inheritance: an application's own `FastifyJWT.user` overrides it, while a second declaration would be an error.
declare module '@fastify/jwt' {
  interface FastifyJWT extends UserSlot {}
}
