import type { AppClaims } from './claims.ts'
import { withDefaults } from './with-defaults.ts'
import { optionError } from './option-error.ts'
import { flag, fn, objectOf, whole } from './shape.ts'

const day = 86_400

/** A session as `refreshToken.claims` receives it. */
export interface SessionInfo {
  /** The session id: the claim `sid` of its access tokens. */
  readonly id: string
  /** The subject that signed in. */
  readonly sub: string
  /** The `device` given at sign-in, `null` if there was none. */
  readonly device: string | null
  /** The scope given at sign-in, space-separated (RFC 6749 §3.3); `null` if there was none. */
  readonly scope: string | null
  /** The claims given at sign-in. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** Sessions, and the refresh tokens that continue them. */
export interface RefreshTokenOptions {
  /**
   * A session expires this many seconds after its last refresh. Must be longer than `accessToken.lifetimeSeconds` and
   * `retrySeconds` together, and at most `absoluteSeconds`. `signIn({ idleSeconds })` can shorten it for one session.
   * Default 1209600 (14 days).
   */
  readonly idleSeconds?: number | undefined
  /**
   * A session expires this many seconds after sign-in, however often it is refreshed (NIST SP 800-63B-4 §2.1.3).
   * `signIn({ absoluteSeconds })` can shorten it for one session. Default 2592000 (30 days).
   */
  readonly absoluteSeconds?: number | undefined
  /**
   * How many live sessions a subject may have, 1 to 10000. The next sign-in ends the session that was refreshed least
   * recently. Default 100.
   */
  readonly maxSessions?: number | undefined
  /**
   * Within this many seconds of sign-in or of a rotation, refreshing with the current token or its predecessor returns
   * the current token. 0 to 60, and less than `accessToken.lifetimeSeconds`. Default 10.
   */
  readonly retrySeconds?: number | undefined
  /**
   * How often a day a client that lost a response may fetch it again after `retrySeconds`, 0 to 100. With 0 here and
   * in `retrySeconds`, every repeated token counts as stolen, as in RFC 9700 §4.14.2. Default 4.
   */
  readonly lateRetries?: number | undefined
  /**
   * Called at every refresh, also at one that is refused afterwards: it must not change anything. Returns the claims of
   * the new access token. `null` ends the session. `scope` may narrow the session's scope but not widen it, except with
   * `mayWidenScope`. If it throws, the refresh fails with 503. If it returns anything else (a forgotten `return`, an
   * unknown member or one that is `undefined`, for example), the refresh fails with 500 and changes nothing. A member
   * that is left out is that of the sign-in.
   * Default: the claims and the scope given at sign-in are kept. Must not be `undefined`.
   * ```ts
   * claims: async ({ sub }) => {
   *   const user = await users.find(sub)
   *   return user && { claims: { roles: user.roles } }
   * }
   * ```
   */
  readonly claims?: (session: SessionInfo) => Promise<{ claims?: Readonly<AppClaims>; scope?: string } | null>
  /**
   * Whether the `scope` that `claims` returns may contain more than the sign-in granted. Set it if the scope follows
   * from the user's rights, so that a new right reaches open sessions. Leave it if a user grants a scope to a client:
   * the client must not get more by a refresh (RFC 6749 §6). Needs `claims`. Default false.
   */
  readonly mayWidenScope?: boolean | undefined
}

export const refreshTokenDefaults = Object.freeze({
  idleSeconds: 14 * day,
  absoluteSeconds: 30 * day,
  maxSessions: 100,
  retrySeconds: 10,
  lateRetries: 4,
  mayWidenScope: false
})

export const refreshTokenShape = objectOf({
  idleSeconds: whole(1),
  absoluteSeconds: whole(1),
  maxSessions: whole(1, 10_000),
  retrySeconds: whole(0, 60),
  lateRetries: whole(0, 100),
  claims: fn,
  mayWidenScope: flag
})

/** @param access the access tokens' settings, with which these must agree */
export function resolveRefreshToken(given: RefreshTokenOptions = {}, access: { readonly lifetimeSeconds: number }) {
  const refreshToken = withDefaults(given, refreshTokenDefaults)
  const { idleSeconds, absoluteSeconds, retrySeconds } = refreshToken
  const { lifetimeSeconds } = access
  if (retrySeconds >= lifetimeSeconds) {
    throw optionError(
      'refreshToken.retrySeconds',
      `must be < "accessToken.lifetimeSeconds" (${lifetimeSeconds}): it is ${retrySeconds}`
    )
  }
  const least = lifetimeSeconds + retrySeconds
  if (idleSeconds <= least) {
    throw optionError(
      'refreshToken.idleSeconds',
      `must be > "accessToken.lifetimeSeconds" + "refreshToken.retrySeconds" (${least}): it is ${idleSeconds}`
    )
  }
  if (idleSeconds > absoluteSeconds) {
    throw optionError(
      'refreshToken.idleSeconds',
      `must be <= "refreshToken.absoluteSeconds" (${absoluteSeconds}): it is ${idleSeconds}`
    )
  }
  if (refreshToken.mayWidenScope && refreshToken.claims === undefined) {
    throw optionError('refreshToken.mayWidenScope', 'must be false without "refreshToken.claims": received true')
  }
  return Object.freeze({ ...refreshToken, claims: refreshToken.claims })
}
