import type { TSchema } from '@sinclair/typebox'
import { withDefaults } from './with-defaults.ts'
import { optionError } from './option-error.ts'
import { anything, objectOf, tokenType, whole } from './shape.ts'

/** The access tokens that this application issues and accepts. */
export interface AccessTokenOptions {
  /** Seconds until an issued token expires. At most `maxLifetimeSeconds`. Default 600. */
  readonly lifetimeSeconds?: number | undefined
  /** Seconds that `iat` and `nbf` may lie in the future, 0 to 300. `exp` has no tolerance. Default 5. */
  readonly clockToleranceSeconds?: number | undefined
  /** Seconds. Tokens whose `exp - iat` is longer are rejected, even with a good signature. Default 86400. */
  readonly maxLifetimeSeconds?: number | undefined
  /**
   * The header parameter `typ`: the first value is issued, all are accepted. Give a list while you migrate from another
   * library, or `false` to accept any. Default `at+jwt` (RFC 9068 §2.1).
   */
  readonly type?: string | readonly string[] | false | undefined
  /**
   * A schema of `@sinclair/typebox` that the claims of every token of this application must match, checked after the
   * signature. Tokens of trusted issuers are not compared with it. It must accept the standard claims of a session's
   * token. One that no token can match stops the start. Default: no schema. Must not be `undefined`.
   */
  readonly claims?: TSchema
  /** How many verified tokens are kept in memory; 0 turns the cache off. Default 10000. */
  readonly cacheSize?: number | undefined
}

export const accessTokenDefaults = Object.freeze({
  lifetimeSeconds: 600,
  clockToleranceSeconds: 5,
  maxLifetimeSeconds: 86_400,
  type: 'at+jwt' as string | readonly string[] | false,
  cacheSize: 10_000
})

export const accessTokenShape = objectOf({
  lifetimeSeconds: whole(1),
  clockToleranceSeconds: whole(0, 300),
  maxLifetimeSeconds: whole(1),
  type: tokenType,
  claims: anything,
  cacheSize: whole(0, 10_000_000)
})

export function resolveAccessToken(given: AccessTokenOptions = {}) {
  const accessToken = withDefaults(given, accessTokenDefaults)
  const { type, claims, lifetimeSeconds, maxLifetimeSeconds } = accessToken
  if (lifetimeSeconds > maxLifetimeSeconds) {
    throw optionError(
      'accessToken.lifetimeSeconds',
      `must be <= "accessToken.maxLifetimeSeconds" (${maxLifetimeSeconds}): it is ${lifetimeSeconds}`
    )
  }
  return Object.freeze({
    ...accessToken,
    claims,
    types: type === false ? null : Object.freeze([type].flat())
  })
}
