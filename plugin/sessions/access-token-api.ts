import { assertKnown, readRestrictions } from '../arguments.ts'
import { refusal } from '../errors.ts'
import { tokenRevocationId } from '../tokens/access-token.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'
import { readAudience } from '../tokens/audience.ts'
import { isWholeSeconds } from '../tokens/claims.ts'
import type { RequirementCheck } from '../tokens/requirement-check.ts'
import { readTokenRequirements, type TokenNeeds } from '../tokens/requirements.ts'
import type { PurposeClaims, PurposeInput, User } from '../tokens/user.ts'
import type { Revocations } from './revocations.ts'
import { isStorable } from './sign-in-input.ts'
import { maxSkewMs } from './store-clock.ts'

/** Ours have 22 characters. A longer limit could exceed what a store can index. */
const maxJtiLength = 256

export interface AccessTokenApiParts {
  /** All issuers that are this application. */
  readonly issuers: readonly string[]
  /** The audience of this application. */
  readonly acceptedAudience: readonly string[]
  readonly accessToken: { readonly lifetimeSeconds: number; readonly maxLifetimeSeconds: number }
  readonly clock: () => number
  readonly accessTokens: Pick<AccessTokens, 'loadSigner' | 'prepare' | 'verify' | 'verifyForAudience' | 'maxLifetimeOf'>
  readonly revocations: Pick<Revocations, 'assertNotRevoked' | 'revokeEverywhere'>
  readonly requirementCheck: Pick<RequirementCheck, 'assertSatisfies'>
}

/** `app.accessTokens`: access tokens without a session, and access tokens that do not come with a request. */
export function createAccessTokenApi(parts: AccessTokenApiParts) {
  const { issuers, acceptedAudience, accessToken, clock, accessTokens, revocations, requirementCheck } = parts
  const { maxLifetimeSeconds } = accessToken

  return {
    /**
     * Signs an access token for a machine, without a session. Resolves to the token. Signing out does not revoke it:
     * keep its lifetime short, or store its `jti` for `revoke()`.
     * ```ts
     * const token = await app.accessTokens.sign({ sub: 'backup-job', scope: 'notes:read', lifetimeSeconds: 300 })
     * ```
     * With `audience`, the token is for another purpose. `authenticate()` refuses it, and only
     * `verify(token, { audience })` accepts it:
     * ```ts
     * const link = await app.accessTokens.sign({ sub: 'alice', audience: 'password-reset', lifetimeSeconds: 900 })
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
      } & PurposeInput
    ): Promise<string> {
      assertKnown(input, ['sub', 'scope', 'claims', 'lifetimeSeconds', 'audience'])
      const { sub, scope, claims = {}, lifetimeSeconds = accessToken.lifetimeSeconds } = input
      if (typeof sub !== 'string' || sub === '') throw new TypeError('"sub" must be a non-empty string')
      if (!Number.isSafeInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > maxLifetimeSeconds) {
        throw new RangeError(`"lifetimeSeconds" must be a whole number between 1 and ${maxLifetimeSeconds}`)
      }
      const audience = 'audience' in input ? checkPurpose(input.audience) : undefined
      await accessTokens.loadSigner()
      const iat = Math.floor(clock() / 1000)
      const token = accessTokens.prepare({ sub, scope: checkScope(scope), audience, claims: checkAppClaims(claims) })
      return token.sign({ iat, exp: iat + lifetimeSeconds })
    },

    /**
     * Verifies a token that does not come with a request (a socket's first message, a job's payload) as
     * `authenticate()` would. Resolves to what `request.user` would be; with `audience`, it may lack your own claims.
     * ```ts
     * const user = await app.accessTokens.verify(token, { scopes: ['jobs:run'] })
     * ```
     * @param needs the needs of `authenticate()` without `optional`, and `audience`. Default: any valid token of this
     * application, for its own audience
     * @throws TypeError for needs that are unknown, ill-typed or `undefined`
     * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_REVOKED_TOKEN, AUTH_STALE_AUTHENTICATION,
     * AUTH_INSUFFICIENT_SCOPE, AUTH_INSUFFICIENT_ROLE, AUTH_STORE_UNAVAILABLE, AUTH_KEYS_UNAVAILABLE
     */
    async verify<Given extends TokenNeeds = Readonly<Record<never, never>>>(
      token: string,
      ...given: [needs?: Given]
    ): Promise<'audience' extends keyof Given ? PurposeClaims : User> {
      const requirements = readTokenRequirements(given)
      if (typeof token !== 'string') throw refusal('AUTH_INVALID_TOKEN', 'the token must be a string')
      const { audience, issuers } = requirements
      const verified =
        audience === null
          ? await accessTokens.verify(token, issuers)
          : await accessTokens.verifyForAudience(token, { audience, issuers })
      requirementCheck.assertSatisfies(await revocations.assertNotRevoked(verified), requirements)
      return verified.user as User
    },

    /**
     * Revokes one access token until it expires, on every node: a token of this application, or of the trusted issuer
     * that `issuer` names.
     * ```ts
     * app.post('/revoke', { config: { auth: true } }, async ({ user }) => {
     *   if (user.jti) await app.accessTokens.revoke(user.jti, user.exp)
     *   return { revoked: true }
     * })
     * ```
     * @param jti the token's `jti` claim, at most 256 characters
     * @param exp the token's `exp` claim, in seconds since the epoch; of our tokens, whole seconds
     * @param options `issuer`: the token's `iss` claim, one of `issuer` or of a trusted issuer. Another issuer's token
     * with the same `jti` is not revoked. Default: this application, whichever entry of `issuer` issued the token
     * @throws TypeError if `jti` is not such a string, if `issuer` is present but not such an issuer, or if a member is
     * unknown
     * @throws RangeError if `exp` is not such a time, or is later than any token of the issuer can expire
     * @throws AuthError AUTH_STORE_UNAVAILABLE: this process refuses the token nevertheless, and the store is updated
     * later. AUTH_KEYS_UNAVAILABLE: the function `trustedIssuers` fails, and nothing is revoked
     */
    async revoke(jti: string, exp: number, ...given: [options?: { readonly issuer?: string }]): Promise<void> {
      const options = readRestrictions(given, ['issuer'])
      if (typeof jti !== 'string' || jti === '' || jti.length > maxJtiLength) {
        throw new TypeError(`"jti" must be a string of 1 to ${maxJtiLength} characters`)
      }
      // A revocation that the store cannot hold would block those that are written with it.
      if (!isStorable(jti)) throw new TypeError('"jti" must be well-formed Unicode without U+0000')
      const revokedIssuers = 'issuer' in options ? [options.issuer as string] : issuers
      const isOwn = issuers.includes(revokedIssuers[0]!)
      const until = isOwn ? untilOfOwn(exp) : await untilOfTrusted(exp, revokedIssuers[0])
      await revocations.revokeEverywhere(
        revokedIssuers.map((iss) => ({ kind: 'token', id: tokenRevocationId(iss, jti), until }))
      )
    }
  }

  function checkPurpose(given: unknown): readonly string[] {
    const audience = readAudience(given)
    const ours = audience.find((entry) => acceptedAudience.includes(entry))
    if (ours === undefined) return audience
    throw new TypeError(`"audience" must not contain ${JSON.stringify(ours)}: authenticate() accepts that audience`)
  }

  function untilOfOwn(exp: number): number {
    if (!isWholeSeconds(exp) || exp > clock() / 1000 + maxLifetimeSeconds) {
      throw new RangeError(
        '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
      )
    }
    return exp * 1000
  }

  /** Every node judges such a token by its own clock, which can be behind the store's. */
  async function untilOfTrusted(exp: number, issuer: unknown): Promise<number> {
    const longest = isStorable(issuer) ? await accessTokens.maxLifetimeOf(issuer) : null
    if (longest === null) throw new TypeError('"issuer" must be one of "issuer" or of "trustedIssuers"')
    const latest = (clock() + maxSkewMs) / 1000 + longest
    if (!Number.isFinite(exp) || exp < 0 || exp > latest) {
      throw new RangeError('"exp" must be seconds since the epoch, within "maxLifetimeSeconds" of the issuer from now')
    }
    return Math.ceil(exp * 1000) + maxSkewMs
  }
}
