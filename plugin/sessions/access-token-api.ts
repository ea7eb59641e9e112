import { refusal } from '../errors.ts'
import type { Settings } from '../options/options.ts'
import type { Revocations } from './revocations.ts'
import { isStorable } from './sign-in-input.ts'
import { tokenRevocationId } from '../tokens/access-token.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'
import { assertKnown } from '../arguments.ts'
import { assertSatisfies, readTokenRequirements, type TokenNeeds } from '../tokens/requirements.ts'
import type { ClaimsInput, User } from '../tokens/user.ts'

/** Ours have 22; a store's index has its limits. */
const maxJtiLength = 256

/** `app.accessTokens`: tokens for machines that have no session, and tokens that come by another way than a request. */
export function createAccessTokenApi({
  settings,
  accessTokens,
  revocations
}: {
  settings: Settings
  accessTokens: AccessTokens
  revocations: Revocations
}) {
  const { clock, issuer, accessToken } = settings

  return {
    /**
     * Signs an access token without a session, which no sign-out ends: keep it short, or note its `jti`.
     * @param input.lifetimeSeconds default `accessToken.lifetimeSeconds`, at most `accessToken.maxLifetimeSeconds`
     * @throws TypeError, RangeError; AuthError AUTH_TOKEN_TOO_LARGE
     */
    async sign(
      input: {
        readonly sub: string
        readonly scope?: string | undefined
        readonly lifetimeSeconds?: number | undefined
      } & ClaimsInput
    ): Promise<string> {
      assertKnown(input, ['sub', 'scope', 'claims', 'lifetimeSeconds'])
      const { sub, scope, claims = {}, lifetimeSeconds = accessToken.lifetimeSeconds } = input
      if (typeof sub !== 'string' || sub === '') throw new TypeError('"sub" must be a non-empty string')
      if (
        !Number.isSafeInteger(lifetimeSeconds) ||
        lifetimeSeconds < 1 ||
        lifetimeSeconds > accessToken.maxLifetimeSeconds
      ) {
        throw new RangeError(`"lifetimeSeconds" must be a whole number between 1 and ${accessToken.maxLifetimeSeconds}`)
      }
      const iat = Math.floor(clock() / 1000)
      const token = accessTokens.prepare({ sub, scope: checkScope(scope), claims: checkAppClaims(claims) })
      return token.sign({ iat, exp: iat + lifetimeSeconds })
    },

    /**
     * Checks a token that came by another way (a socket's first message, a job's payload) as `authenticate()` would.
     * Resolves to what `request.user` would be.
     * ```ts
     * const user = await app.accessTokens.verify(token, { scopes: ['jobs:run'] })
     * ```
     * @param given the needs of `authenticate()` but `optional`. Default: a token of our own issuer
     * @throws TypeError for unknown, ill-typed or `undefined` needs
     * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_REVOKED_TOKEN, AUTH_INSUFFICIENT_SCOPE,
     * AUTH_INSUFFICIENT_ROLE, AUTH_STORE_UNAVAILABLE, AUTH_KEYS_UNAVAILABLE
     */
    async verify(token: string, ...given: [needs?: TokenNeeds]): Promise<User> {
      const needs = readTokenRequirements(given)
      if (typeof token !== 'string') throw refusal('AUTH_INVALID_TOKEN', 'the token is no string')
      const verified = revocations.assertNotRevoked(await accessTokens.verify(token, needs.issuers))
      assertSatisfies(verified, needs, issuer)
      return verified.user as User
    },

    /**
     * Revokes one token by its `jti`, until its `exp` (seconds since the epoch).
     * @throws RangeError when `exp` is no integer, or further away than any token of ours may live
     */
    async revoke(jti: string, exp: number): Promise<void> {
      if (typeof jti !== 'string' || jti === '' || jti.length > maxJtiLength) {
        throw new TypeError(`"jti" must be a string of 1 to ${maxJtiLength} characters`)
      }
      // An entry that no store can take would keep those from being written that wait with it.
      if (!isStorable(jti)) throw new TypeError('"jti" must be well-formed Unicode without U+0000')
      const latest = clock() / 1000 + accessToken.maxLifetimeSeconds
      if (!Number.isSafeInteger(exp) || exp > latest) {
        throw new RangeError(
          '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
        )
      }
      await revocations.revokeEverywhere({ kind: 'token', id: tokenRevocationId(issuer, jti), until: exp * 1000 })
    }
  }
}
