import type { KeyObject, JsonWebKey } from 'node:crypto'
import type { TSchema } from '@sinclair/typebox'
import type { AuthEvent } from './events.ts'

/** Where a key is in its life: `next` verifies and is published, `active` signs, `previous` only verifies. */
export const keyStates = ['next', 'active', 'previous'] as const
export type KeyState = (typeof keyStates)[number]

export const sameSiteValues = ['lax', 'strict', 'none'] as const

/** A key for access tokens: private ones sign and verify, public ones only verify. */
export interface KeyOption {
  /** PEM text (PKCS #8, PKCS #1, SEC 1 or SPKI), a JWK (RFC 7517) or a `KeyObject`. Encrypted PEM and weak keys are refused. */
  readonly key: string | JsonWebKey | KeyObject
  /** Default: the JWK's `kid`, else the RFC 7638 thumbprint. */
  readonly kid?: string | undefined
  /** A JWS algorithm of RFC 7518 §3.1 or RFC 8037. Default: the JWK's `alg`, else the usual one of its kind (RSA: RS256). */
  readonly alg?: string | undefined
  /** Default: the only private key is `active`, public keys are `previous`; several private keys must say. */
  readonly state?: KeyState | undefined
}

/** An external identity provider whose access tokens are taken, on routes whose needs name it in `issuers`. */
export interface TrustedIssuerOption {
  /** `iss` of its tokens, exactly. An https URL, so that `jwksUri` can be discovered (OpenID Connect Discovery 1.0 §4). */
  readonly issuer: string
  /** Accepted `aud` values: the identifier that the provider uses for this API, never a client id. Required. */
  readonly audience: string | readonly string[]
  /** Where its keys are, https. Default: discovered. */
  readonly jwksUri?: string | undefined
  /** Its keys, instead of a URL (RFC 7517 §5). */
  readonly jwks?: { readonly keys: readonly JsonWebKey[] } | undefined
  /** The asymmetric algorithms it signs with: no other is taken. Required. */
  readonly algorithms: readonly string[]
  /** The header's `typ`, one, several, or `false` for any: then ID tokens differ only by their audience. Default `at+jwt`. */
  readonly type?: string | readonly string[] | false | undefined
  /** Tokens whose `exp - iat` is longer are refused. Default 86400. */
  readonly maxLifetimeSeconds?: number | undefined
  /** The scope and roles that its claims grant here. What it throws refuses the token. Default: no scope and no role. */
  readonly map?:
    | ((claims: Readonly<Record<string, unknown>>) => {
        scope?: string | undefined
        roles?: readonly string[] | undefined
      })
    | undefined
}

/** A session as `refreshToken.claims` sees it. */
export interface SessionInfo {
  readonly id: string
  readonly sub: string
  readonly device: string | null
  readonly scope: string | null
  readonly claims: Readonly<Record<string, unknown>>
}

export interface Options {
  /** `iss` of the tokens issued, required in the tokens presented. An https URL, usually. Required. */
  readonly issuer: string
  /** `aud` of the tokens issued; a token presented must carry one of them. Default: `issuer`. */
  readonly audience?: string | readonly string[] | undefined
  /**
   * Server secrets of at least 32 bytes: the first signs and mints, all verify. Access tokens are HS256 unless `keys`
   * has an active key; the refresh token's mac is always derived from it. Required.
   */
  readonly secret?: string | Buffer | readonly (string | Buffer)[] | undefined
  /**
   * Keys for access tokens, or an async function that is called every `keysReloadSeconds`. With an active key, `secret`
   * neither signs nor verifies access tokens. Default: none.
   */
  readonly keys?: readonly KeyOption[] | (() => Promise<readonly KeyOption[]>) | undefined
  /** Seconds between two calls of a `keys` function. Default 300. */
  readonly keysReloadSeconds?: number | undefined
  /** External identity providers, verify only. Default: none. */
  readonly trustedIssuers?: readonly TrustedIssuerOption[] | undefined
  readonly accessToken?:
    | {
        /** Seconds a token lives. Default 600. */
        readonly lifetimeSeconds?: number | undefined
        /** Seconds that `iat` and `nbf` may lie in the future; `exp` gets none. Default 5. */
        readonly clockToleranceSeconds?: number | undefined
        /** Tokens whose `exp - iat` is longer are refused, whoever signed them. Default 86400. */
        readonly maxLifetimeSeconds?: number | undefined
        /** The header's `typ` (RFC 9068 §2.1): one, several while moving from another library, or `false` for any. Default `at+jwt`. */
        readonly type?: string | readonly string[] | false | undefined
        /** A TypeBox schema that a token's claims must fit, checked after the signature. Default: none. Not `undefined`. */
        readonly claims?: TSchema
        /** How many verified tokens are kept in memory; 0 keeps none. Default 10000. */
        readonly cacheSize?: number | undefined
      }
    | undefined
  readonly refreshToken?:
    | {
        /** A session ends this many seconds after its last refresh. Default 14 days. */
        readonly idleSeconds?: number | undefined
        /** A session ends this many seconds after sign-in, whatever happens. Default 30 days (NIST SP 800-63B-4 §2.1.3). */
        readonly absoluteSeconds?: number | undefined
        /**
         * The most live sessions of one subject. A sign-in beyond it ends the least recently refreshed one. Default 100, at
         * most 10,000.
         */
        readonly maxSessions?: number | undefined
        /**
         * Within this many seconds of a sign-in or a rotation, refreshing with the current token or the one before it returns
         * the current one. Default 10, at most 60, and less than `accessToken.lifetimeSeconds`.
         */
        readonly retrySeconds?: number | undefined
        /** How often a day a client that lost the response may fetch it again later. Default 4. 0 with `retrySeconds: 0` is RFC 9700 §4.14. */
        readonly lateRetries?: number | undefined
        /**
         * Called at every refresh for the claims of the new access token. `null` ends the session, throwing is a 503. Anything
         * else that is not an object, such as a forgotten `return`, is a logged 500 that changes nothing. `scope` may narrow
         * the session's scope, never widen it. Default: the claims given at sign-in are kept. Not `undefined`.
         */
        readonly claims?: (
          session: SessionInfo
        ) => Promise<{ claims?: Record<string, unknown> | undefined; scope?: string | undefined } | null>
      }
    | undefined
  /** `false` for header tokens only. */
  readonly cookies?:
    | false
    | {
        /** Default `__Host-access`; with `domain` `__Secure-access`; without Secure `access`. One name per application. */
        readonly access?: string | undefined
        /** Default `__Host-refresh`; with `domain` `__Secure-refresh`; without Secure `refresh`. One name per application. */
        readonly refresh?: string | undefined
        /** Default `lax`. `none` needs Secure. */
        readonly sameSite?: (typeof sameSiteValues)[number] | undefined
        /** Shares the cookies with subdomains: gives up the `__Host-` protection. Default: none. */
        readonly domain?: string | undefined
        /** `false` is refused in production. Default true. */
        readonly secure?: boolean | undefined
        /**
         * Lets `authenticate()` renew an expired access cookie from the refresh cookie in place. Not after the response's
         * headers have been sent, nor in a hook that was added before the plugin. Default false.
         */
        readonly renew?: boolean | undefined
      }
    | undefined
  /** Other origins, exact (`https://app.example.com`), that may send cookie-authenticated unsafe requests. Default: none. */
  readonly trustedOrigins?: readonly string[] | undefined
  readonly revocation?:
    | {
        /** Seconds between two readings of the store's revocation log. Default 1. */
        readonly pollSeconds?: number | undefined
        /** The list of revocations is stale when the log has not been read for this many seconds. Default 30. */
        readonly maxStalenessSeconds?: number | undefined
        /**
         * What happens to requests with a token while the list is stale, and at a start while the store is away. `accept`: the
         * token counts unless this process knows that it was revoked. `refuse`: 503. Default `accept`. Not `undefined`.
         */
        readonly whenStale?: 'accept' | 'refuse'
      }
    | undefined
  /** The route with the public keys. Default on (`/.well-known/jwks.json`) with asymmetric `keys`. */
  readonly jwks?: false | { readonly path?: string | undefined } | undefined
  /**
   * `declared`: routes with `config.auth` need a user. `all`: every route, except those with `config: { auth: false }`.
   * Default `declared`. Not `undefined`.
   */
  readonly protect?: 'declared' | 'all'
  /** The challenge's realm, printable ASCII. Default: `issuer`. */
  readonly realm?: string | undefined
  /** Receives every {@link AuthEvent}. */
  readonly onEvent?: ((event: AuthEvent) => unknown) | undefined
  /** Milliseconds since the epoch; for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined
}

/** What is said of a member that is present and `undefined` where it restricts. */
export const undefinedProblem = 'is undefined: give it a value, or leave it out'

/** The one way in which a wrong option is reported: it stops the start and is named. */
export function optionError(name: string, problem: string): TypeError {
  return new TypeError(`Cannot register fastify-authenticate: "${name}" ${problem}`)
}

const nested = new Set(['accessToken', 'refreshToken', 'cookies', 'revocation', 'jwks'])
/** Without these, more is accepted: `{ protect: MODES.typo }` would open every route that declares no needs. */
const restricting = new Set(['protect', 'accessToken.claims', 'refreshToken.claims', 'revocation.whenStale'])

/**
 * An option that is `undefined` counts as absent, except those that must not be lost silently.
 * @throws TypeError that names such an option
 */
export function withoutUndefined(value: unknown, parent = ''): unknown {
  if (!isPlain(value)) return value
  const present = Object.entries(value).filter(([key, member]) => {
    if (member === undefined) assertDispensable(`${parent}${key}`)
    return member !== undefined
  })
  const isNested = (key: string) => parent === '' && nested.has(key)
  return Object.fromEntries(
    present.map(([key, member]) => [key, isNested(key) ? withoutUndefined(member, `${key}.`) : member])
  )
}

function assertDispensable(name: string): void {
  // An environment variable, usually.
  if (name === 'secret') throw optionError(name, 'is missing: is the environment variable set?')
  if (restricting.has(name)) throw optionError(name, undefinedProblem)
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
