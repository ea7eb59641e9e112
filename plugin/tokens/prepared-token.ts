import { refusal } from '../errors.ts'
import { describeLargest } from './app-claims.ts'
import type { MatchesSchema } from './claims-schema.ts'
import { maxTokenLength } from './jws.ts'
import type { KeySource } from './key-source.ts'
import { isSameKey } from './key.ts'
import { randomId } from './random-id.ts'
import type { Signer } from './signer.ts'

/** What a local token is issued for. */
export interface TokenInput {
  readonly sub: string
  /** The session. Absent for a machine's token. */
  readonly sid?: string | undefined
  readonly scope?: string | null | undefined
  /** When and how the user of the session authenticated: the claims `auth_time`, `acr` and `amr`. */
  readonly authTime?: number | null | undefined
  readonly acr?: string | null | undefined
  readonly amr?: readonly string[] | null | undefined
  /** The `aud` claim. Default: the audience of this application. */
  readonly audience?: readonly string[] | undefined
  /** The application's own claims. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** An access token that has been checked and measured. It lacks only its times, its id and its signature. */
export interface PreparedToken {
  /** The length of the token that {@link sign} returns: characters, and bytes. */
  readonly length: number
  readonly scope: string | null
  /** Signs it, valid from `iat` to `exp`, in whole seconds. */
  sign(times: { iat: number; exp: number }): string
}

export interface PrepareParts {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly clock: () => number
  readonly keys: Pick<KeySource, 'current'>
  readonly matchesSchema: MatchesSchema
}

/** As long as every `jti`. */
const placeholderJti = '-'.repeat(22)

/** Prepares local tokens (RFC 9068) without signing them, so that no signature is wasted. */
export function createPrepare({ issuer, audience, clock, keys, matchesSchema }: PrepareParts) {
  /**
   * Checks and measures a token, so that a failure is known before anything is written.
   * @throws TypeError when the claims do not match `accessToken.claims`
   * @throws AuthError AUTH_TOKEN_TOO_LARGE when its length would be rejected; its `detail` names the large claims
   */
  return function prepare(input: TokenInput): PreparedToken {
    // The real times and id have the same lengths.
    const iat = Math.floor(clock() / 1000)
    const payload = payloadOf(input, { iat, exp: iat + 1, jti: placeholderJti })
    if (!matchesSchema(payload)) {
      throw new TypeError('The claims do not match "accessToken.claims": a token with them would be rejected')
    }
    // The length depends on the key, so this key signs even if another one becomes active meanwhile.
    const signer = keys.current().active
    const length = signer.encodedLength(payload)
    if (length > maxTokenLength) {
      throw refusal(
        'AUTH_TOKEN_TOO_LARGE',
        `the token would exceed ${maxTokenLength} bytes. ${describeLargest(input.claims)}`
      )
    }
    return {
      length,
      scope: input.scope ?? null,
      sign: ({ iat, exp }) => orActive(signer).sign(Object.assign(payload, { iat, exp, jti: randomId() }))
    }
  }

  /** The signer, or the active one if its key was removed meanwhile: nobody would accept what it signs. */
  function orActive(signer: Signer): Signer {
    const { active, keys: inUse } = keys.current()
    const isInUse = active === signer || inUse.some((key) => isSameKey(key, signer.key))
    return isInUse ? signer : active
  }

  function payloadOf(
    { sub, sid, scope, authTime, acr, amr, audience: aud = audience, claims }: TokenInput,
    { iat, exp, jti }: { iat: number; exp: number; jti: string }
  ): Record<string, unknown> {
    const payload: Record<string, unknown> = { iss: issuer, aud: aud.length === 1 ? aud[0] : aud, sub, exp, iat, jti }
    if (sid !== undefined) payload.sid = sid
    if (scope) payload.scope = scope
    if (authTime != null) payload.auth_time = authTime
    if (acr != null) payload.acr = acr
    if (amr != null) payload.amr = amr
    // Not `{ ...claims, iss … }`: V8 makes a hidden class for each copy of an object that was parsed from JSON.
    for (const [name, value] of Object.entries(claims)) if (!Object.hasOwn(payload, name)) payload[name] = value
    return payload
  }
}
