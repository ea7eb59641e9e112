import { Type } from '@sinclair/typebox'
import type { JsonWebKey } from './json-web-key.ts'
import { fn, object, oneOrMoreTexts, text, tokenType, whole } from './shape.ts'

/**
 * An external identity provider whose access tokens are accepted, on routes whose `config.auth` names it in `issuers`.
 */
export interface TrustedIssuerOption {
  /**
   * The exact `iss` claim of its tokens. Must be an https URL unless `jwksUri` or `jwks` is given, because its keys are
   * discovered then (OpenID Connect Discovery 1.0 §4). Required.
   */
  readonly issuer: string
  /** Accepted `aud` values: the identifier that the provider uses for this API, never a client id. Required. */
  readonly audience: string | readonly string[]
  /** The https URL of its keys (RFC 7517 §5). Must not be combined with `jwks`. Default: discovered. */
  readonly jwksUri?: string | undefined
  /** Its public keys themselves (RFC 7517 §5), instead of a URL. Default: none. */
  readonly jwks?: { readonly keys: readonly JsonWebKey[] } | undefined
  /**
   * The asymmetric JWS algorithms that it signs with, such as `['RS256']`; no other is accepted. `Ed25519` (RFC 9864)
   * and `EdDSA` are one algorithm. Required.
   */
  readonly algorithms: readonly string[]
  /**
   * Accepted values of the header parameter `typ`: one, several, or `false` for any. With `false`, only the audience
   * distinguishes access tokens from ID tokens. Default `at+jwt` (RFC 9068 §2.1).
   */
  readonly type?: string | readonly string[] | false | undefined
  /** Seconds. Tokens whose `exp - iat` is longer are rejected. Default 86400. */
  readonly maxLifetimeSeconds?: number | undefined
  /**
   * Returns the scope and the roles that verified claims of this issuer grant here. If it throws, the token is refused.
   * Default: no scope and no roles.
   */
  readonly map?:
    | ((claims: Readonly<Record<string, unknown>>) => {
        scope?: string | undefined
        roles?: readonly string[] | undefined
      })
    | undefined
}

export interface TrustedIssuersOptions {
  /** External identity providers whose access tokens are accepted. Default: none. */
  readonly trustedIssuers?: readonly TrustedIssuerOption[] | undefined
}

export const trustedIssuerDefaults = Object.freeze({
  type: 'at+jwt' as string | readonly string[] | false,
  maxLifetimeSeconds: 86_400
})

const trustedIssuer = Type.Object(
  {
    issuer: text,
    audience: oneOrMoreTexts,
    jwksUri: Type.Optional(text),
    jwks: Type.Optional(Type.Object({ keys: Type.Array(Type.Any()) }, { must: 'be a JWK Set' })),
    algorithms: Type.Array(text, { minItems: 1, must: 'be a non-empty list' }),
    type: Type.Optional(tokenType),
    maxLifetimeSeconds: Type.Optional(whole(1)),
    map: Type.Optional(fn)
  },
  object
)

export const trustedIssuersShape = { trustedIssuers: Type.Optional(Type.Array(trustedIssuer, { must: 'be a list' })) }

export type TrustedIssuerSettings = ReturnType<typeof resolveTrustedIssuer>

/** Each issuer's members are checked against each other, and its keys are read, by `tokens/trusted-issuer.ts`. */
export function resolveTrustedIssuers({ trustedIssuers = [] }: TrustedIssuersOptions) {
  return { trustedIssuers: Object.freeze(trustedIssuers.map(resolveTrustedIssuer)) }
}

function resolveTrustedIssuer(given: TrustedIssuerOption) {
  // Each member is read, not copied with the others: it may be on the prototype.
  const { issuer, audience, algorithms, jwks, jwksUri, map = noRights } = given
  const { type = trustedIssuerDefaults.type, maxLifetimeSeconds = trustedIssuerDefaults.maxLifetimeSeconds } = given
  return Object.freeze({ issuer, audience, algorithms, jwks, jwksUri, type, maxLifetimeSeconds, map })
}

const noRights: NonNullable<TrustedIssuerOption['map']> = () => ({})
