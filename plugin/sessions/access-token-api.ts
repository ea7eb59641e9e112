import { assertKnown } from '../arguments.ts'
import { refusal } from '../errors.ts'
import { tokenRevocationId } from '../tokens/access-token.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'
import { assertSatisfies, readTokenRequirements, type TokenNeeds } from '../tokens/requirements.ts'
import type { ClaimsInput, User } from '../tokens/user.ts'
import type { Revocations } from './revocations.ts'
import { isStorable } from './sign-in-input.ts'

/** Ours have 22 characters. A longer limit could exceed what a store can index. */
const maxJtiLength = 256

export interface AccessTokenApiParts {
  /** All issuers that are this application. */
  readonly issuers: readonly string[]
  readonly accessToken: { readonly lifetimeSeconds: number; readonly maxLifetimeSeconds: number }
  readonly clock: () => number
  readonly accessTokens: Pick<AccessTokens, 'prepare' | 'verify'>
  readonly revocations: Pick<Revocations, 'assertNotRevoked' | 'revokeEverywhere'>
}

/** `app.accessTokens`: access tokens without a session, and access tokens that do not come with a request. */
export function createAccessTokenApi({ issuers, accessToken, clock, accessTokens, revocations }: AccessTokenApiParts) {
  const { maxLifetimeSeconds } = accessToken

  return {
    /**
     * Signs an access token for a machine, without a session. Resolves to the token. Signing out does not revoke it:
     * keep its lifetime short, or store its `jti` for `revoke()`.
     * ```ts
     * const token = await app.accessTokens.sign({ sub: 'backup-job', scope: 'notes:read', lifetimeSeconds: 300 })
     * ```
     * @throws TypeError for an unknown or ill-typed member, and for claims that do not match `accessToken.claims`
     * @throws RangeError for a lifetime that is too short or too long
     * @throws AuthError AUTH_TOKEN_TOO_LARGE
     */
    async sign(
      input: {
        /** The `sub` claim: who the token stands for. Required. */
        readonly sub: string
        /** Space-separated scopes (RFC 6749 §3.3). Default: none. */
        readonly scope?: string | undefined
        /** Seconds, 1 to `accessToken.maxLifetimeSeconds`. Default `accessToken.lifetimeSeconds`. */
        readonly lifetimeSeconds?: number | undefined
      } & ClaimsInput
    ): Promise<string> {
      assertKnown(input, ['sub', 'scope', 'claims', 'lifetimeSeconds'])
      const { sub, scope, claims = {}, lifetimeSeconds = accessToken.lifetimeSeconds } = input
      if (typeof sub !== 'string' || sub === '') throw new TypeError('"sub" must be a non-empty string')
      if (!Number.isSafeInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > maxLifetimeSeconds) {
        throw new RangeError(`"lifetimeSeconds" must be a whole number between 1 and ${maxLifetimeSeconds}`)
      }
      const iat = Math.floor(clock() / 1000)
      const token = accessTokens.prepare({ sub, scope: checkScope(scope), claims: checkAppClaims(claims) })
      return token.sign({ iat, exp: iat + lifetimeSeconds })
    },

    /**
     * Verifies a token that does not come with a request (a socket's first message, a job's payload) as
     * `authenticate()` would. Resolves to what `request.user` would be.
     * ```ts
     * const user = await app.accessTokens.verify(token, { scopes: ['jobs:run'] })
     * ```
     * @param given the needs of `authenticate()` without `optional`. Default: any valid token of this application
     * @throws TypeError for needs that are unknown, ill-typed or `undefined`
     * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_REVOKED_TOKEN, AUTH_INSUFFICIENT_SCOPE,
     * AUTH_INSUFFICIENT_ROLE, AUTH_STORE_UNAVAILABLE, AUTH_KEYS_UNAVAILABLE
     */
    async verify(token: string, ...given: [needs?: TokenNeeds]): Promise<User> {
      const requirements = readTokenRequirements(given)
      if (typeof token !== 'string') throw refusal('AUTH_INVALID_TOKEN', 'the token must be a string')
      const verified = revocations.assertNotRevoked(await accessTokens.verify(token, requirements.issuers))
      assertSatisfies(verified, requirements)
      return verified.user as User
    },

    /**
     * Revokes one access token of this application until it expires.
     * ```ts
     * app.post('/revoke', { config: { auth: true } }, async ({ user }) => {
     *   if (user.jti) await app.accessTokens.revoke(user.jti, user.exp)
     *   return { revoked: true }
     * })
     * ```
     * @param jti the token's `jti` claim, at most 256 characters
     * @param exp the token's `exp` claim, in whole seconds since the epoch
     * @throws TypeError if `jti` is not such a string
     * @throws RangeError if `exp` is not an integer, or is later than any of our tokens can expire
     * @throws AuthError AUTH_STORE_UNAVAILABLE: this process refuses the token nevertheless, and the store is updated
     * later
     */
    async revoke(jti: string, exp: number): Promise<void> {
      if (typeof jti !== 'string' || jti === '' || jti.length > maxJtiLength) {
        throw new TypeError(`"jti" must be a string of 1 to ${maxJtiLength} characters`)
      }
      // A revocation that the store cannot hold would block those that are written with it.
      if (!isStorable(jti)) throw new TypeError('"jti" must be well-formed Unicode without U+0000')
      if (!Number.isSafeInteger(exp) || exp > clock() / 1000 + maxLifetimeSeconds) {
        throw new RangeError(
          '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
        )
      }
      const until = exp * 1000
      await revocations.revokeEverywhere(
        issuers.map((issuer) => ({ kind: 'token', id: tokenRevocationId(issuer, jti), until }))
      )
    }
  }
}
