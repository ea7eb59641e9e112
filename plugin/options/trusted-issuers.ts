import type { JsonWebKey } from './json-web-key.ts'
import { checkShape } from './check-shape.ts'
import { flag, fn, listOf, objectOf, oneOrMoreTexts, text, tokenType, unionOf, valueOf, whole } from './shape.ts'

/**
 * A `fetch` of the application's own, such as that of `undici`. The limits of 512 KiB and 3 s do not depend on it. If
 * it follows a redirect, its response is refused.
 */
export type IssuerFetch = (
  url: string,
  init: {
    readonly redirect: 'manual'
    readonly signal: AbortSignal
    readonly headers: Record<string, string>
  }
) => Promise<{
  readonly status: number
  readonly redirected?: boolean | undefined
  readonly body: AsyncIterable<unknown> | null
}>

/** A JWK Set (RFC 7517 §5). */
export interface JwkSet {
  /** The public keys. Private ones, secrets and keys for encryption are never used. */
  readonly keys: readonly JsonWebKey[]
}

/**
 * An external identity provider whose access tokens are accepted, on routes whose `config.auth` names it in `issuers`.
 */
export interface TrustedIssuerOption {
  /**
   * The exact `iss` claim of its tokens. Must be an https URL unless `jwksUri` or `jwks` is given, because its keys are
   * discovered then (OpenID Connect Discovery 1.0 §4, or else RFC 8414 §3). Required.
   */
  readonly issuer: string
  /**
   * Accepted `aud` values: the identifier that the provider uses for this API, never a client id, unless
   * `audienceClaim` says that client ids are compared. Required.
   */
  readonly audience: string | readonly string[]
  /**
   * The claim that is compared with `audience`, if the provider's access tokens have no `aud`: `client_id` (Amazon
   * Cognito), `azp` (Clerk). An `aud` that is present nevertheless must name one of `audience` too (RFC 7519 §4.1.3).
   * Default `aud`.
   */
  readonly audienceClaim?: string | undefined
  /** The https URL of its keys (RFC 7517 §5). Must not be combined with `jwks`. Default: discovered. */
  readonly jwksUri?: string | undefined
  /**
   * Its public keys themselves (RFC 7517 §5), or an async function that returns them, for key sets in other forms. The
   * function is called instead of a fetch, by the same rules: a set is used for 5 minutes, an unknown `kid` reloads it,
   * and it has 3 s. Default: none.
   * ```ts
   * import { X509Certificate } from 'node:crypto'
   *
   * const certificates = 'https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com'
   * async function jwks() {
   *   const pems = (await (await fetch(certificates)).json()) as Record<string, string>
   *   const key = (pem: string) => new X509Certificate(pem).publicKey.export({ format: 'jwk' })
   *   return { keys: Object.entries(pems).map(([kid, pem]) => ({ ...key(pem), kid })) }
   * }
   * ```
   */
  readonly jwks?: JwkSet | (() => Promise<JwkSet>) | undefined
  /**
   * Fetches its discovery document and its keys: through a proxy, with a private CA, with a client certificate (mTLS).
   * Must not be combined with `jwks`. Default: the global `fetch`.
   */
  readonly fetch?: IssuerFetch | undefined
  /**
   * Allows plain http for `issuer`, `jwksUri` and what discovery returns: a service name inside a cluster. Anyone on
   * the network between can then replace the keys, so the start logs a warning. Default `false`: https, or http on
   * loopback.
   */
  readonly allowInsecureRequests?: boolean | undefined
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
   * Returns the scope and the roles that verified claims of this issuer grant here, and nothing else. If it throws, the
   * token is refused.
   * Default: no scope and no roles.
   */
  readonly map?:
    | ((claims: Readonly<Record<string, unknown>>) => {
        scope?: string | undefined
        roles?: readonly string[] | undefined
      })
    | undefined
}

/**
 * Finds the identity provider of a tenant by the `iss` of a token, in which nothing has been verified yet. Returns
 * `null` if that issuer is not trusted. The `issuer` of the option that it returns must be exactly that `iss`.
 */
export type FindTrustedIssuer = (issuer: string) => Promise<TrustedIssuerOption | null>

export interface TrustedIssuersOptions {
  /**
   * External identity providers whose access tokens are accepted: a list, or an async function that finds one, for
   * tenants. Default: none.
   *
   * The function is called only for a route that accepts trusted issuers, and only for a well-formed https issuer of at
   * most 512 characters. What it returned is used for 300 s, and at most 10,000 issuers are remembered. A `null` is
   * remembered for 60 s, the latest 1,000 of them. Unknown issuers cause at most 600 calls a minute. Tokens of further
   * ones are refused with 503 `AUTH_KEYS_UNAVAILABLE`. If the function throws, or takes longer than 3 s, tokens of an
   * unknown issuer are refused with 503, and those of a known one are accepted for up to a day. If it returns something
   * wrong, such as `undefined`, all tokens of the issuer are refused with 503.
   * ```ts
   * const tenants = new Set(['https://idp.one.example', 'https://idp.two.example'])
   * async function trustedIssuers(issuer: string) {
   *   return tenants.has(issuer) ? { issuer, audience: 'https://api.example.com', algorithms: ['RS256'] } : null
   * }
   * ```
   */
  readonly trustedIssuers?: readonly TrustedIssuerOption[] | FindTrustedIssuer | undefined
}

export const trustedIssuerDefaults = Object.freeze({
  audienceClaim: 'aud',
  allowInsecureRequests: false,
  type: 'at+jwt' as string | readonly string[] | false,
  maxLifetimeSeconds: 86_400
})

function isJwksOrFunction(value: unknown): boolean {
  return typeof value === 'function' || Array.isArray((value as { keys?: unknown } | null)?.keys)
}

const trustedIssuer = objectOf(
  {
    issuer: text,
    audience: oneOrMoreTexts,
    audienceClaim: text,
    jwksUri: text,
    jwks: valueOf({ must: 'be a JWK Set or a function that returns one', matches: isJwksOrFunction }),
    fetch: fn,
    allowInsecureRequests: flag,
    algorithms: listOf(text, { minItems: 1, must: 'be a non-empty list' }),
    type: tokenType,
    maxLifetimeSeconds: whole(1),
    map: fn
  },
  { required: ['issuer', 'audience', 'algorithms'] }
)

/** What the function returned, under the name that messages give it. */
const foundIssuer = objectOf({ 'trustedIssuers()': trustedIssuer }, { required: ['trustedIssuers()'] })

const listOrFunction = 'be a list or a function'

export const trustedIssuersShape = {
  trustedIssuers: unionOf([fn, listOf(trustedIssuer, { must: listOrFunction })], { must: listOrFunction })
}

export type TrustedIssuerSettings = ReturnType<typeof resolveTrustedIssuer>

/** Each issuer's members are checked against each other, and its keys are read, by `tokens/trusted-issuer.ts`. */
export function resolveTrustedIssuers({ trustedIssuers = [] }: TrustedIssuersOptions) {
  const isFunction = typeof trustedIssuers === 'function'
  return {
    trustedIssuers: Object.freeze(isFunction ? [] : trustedIssuers.map(resolveTrustedIssuer)),
    /** `null` if the issuers are listed. */
    findTrustedIssuer: isFunction ? trustedIssuers : null
  }
}

/**
 * Checks what the function returned.
 * @throws TypeError that names the wrong member
 */
export function readTrustedIssuer(given: unknown): TrustedIssuerSettings {
  checkShape(foundIssuer, { 'trustedIssuers()': given })
  return resolveTrustedIssuer(given as TrustedIssuerOption)
}

function resolveTrustedIssuer(given: TrustedIssuerOption) {
  // Each member is read, not copied with the others: it may be on the prototype.
  const { issuer, audience, algorithms, jwks, jwksUri, fetch, map = noRights } = given
  const { audienceClaim, allowInsecureRequests, type, maxLifetimeSeconds } = trustedIssuerDefaults
  return Object.freeze({
    issuer,
    audience,
    audienceClaim: given.audienceClaim ?? audienceClaim,
    algorithms,
    jwks,
    jwksUri,
    fetch,
    allowInsecureRequests: given.allowInsecureRequests ?? allowInsecureRequests,
    type: given.type ?? type,
    maxLifetimeSeconds: given.maxLifetimeSeconds ?? maxLifetimeSeconds,
    map
  })
}

const noRights: NonNullable<TrustedIssuerOption['map']> = () => ({})
