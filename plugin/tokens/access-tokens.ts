import { AuthError, refusal } from '../errors.ts'
import type { Settings } from '../options/options.ts'
import { externalAccessToken, localAccessToken, type AccessToken } from './access-token.ts'
import type { MatchesSchema } from './claims-schema.ts'
import type { FoundIssuer, IssuerSource } from './issuer-source.ts'
import type { KeySource } from './key-source.ts'
import { accepted, createLocalVerifier, type ParsedToken } from './local-verifier.ts'
import { createPrepare } from './prepared-token.ts'
import { issuerMismatch, keyMismatch } from './mismatch.ts'
import { acceptsTrusted } from './requirements.ts'
import { createLoadUnknownKey } from './unknown-kid.ts'
import { UnverifiedToken } from './unverified-token.ts'
import { createVerifiedTokens } from './verified-tokens.ts'

export interface AccessTokensParts {
  /** Issues the tokens. */
  readonly issuer: string
  /** The issuers that are this application: `issuer` and former ones. */
  readonly issuers: readonly string[]
  /** The `aud` of the tokens that are issued. */
  readonly audience: readonly string[]
  /** The `aud` values that are accepted. */
  readonly acceptedAudience: readonly string[]
  readonly accessToken: Pick<
    Settings['accessToken'],
    'type' | 'clockToleranceSeconds' | 'maxLifetimeSeconds' | 'cacheSize'
  >
  /** Whether claims match the option `accessToken.claims`. */
  readonly matchesSchema: MatchesSchema
  readonly keys: Pick<KeySource, 'current' | 'loadSigner' | 'reloadForUnknownKid' | 'hasFailed' | 'onRetire'>
  readonly trustedIssuers: IssuerSource
  /** Milliseconds since the epoch: by this clock, local tokens are issued and expire. */
  readonly clock: () => number
  /** This node's own clock, for external issuers' tokens. Default: `clock`. */
  readonly nodeClock?: () => number
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
}

interface PurposeOptions {
  readonly audience: readonly string[]
  /** The external issuers that are accepted here; `null` for none. */
  readonly issuers: readonly string[] | null
}

type Issuers = PurposeOptions['issuers']
type PurposeAudience = { readonly audience: readonly string[] | null }
type Purpose = PurposeAudience & { readonly issuers: Issuers }

export type AccessTokens = ReturnType<typeof createAccessTokens>

/** Issues and verifies access tokens: JWTs as defined in RFC 9068, in the compact serialization of JWS. */
export function createAccessTokens(parts: AccessTokensParts) {
  const { issuer, audience, accessToken, matchesSchema, keys, trustedIssuers, clock, nodeClock = clock } = parts
  const { monotonic = () => performance.now() } = parts
  const { type, clockToleranceSeconds, maxLifetimeSeconds, cacheSize } = accessToken
  const own: ReadonlySet<unknown> = new Set(parts.issuers)
  const policy = {
    issuers: parts.issuers,
    audience: parts.acceptedAudience,
    clockToleranceSeconds,
    maxLifetimeSeconds,
    fractions: false
  }
  const local = createLocalVerifier({ policy, type, matchesSchema, keys })
  const verified = createVerifiedTokens({ cacheSize, clockToleranceSeconds, clock, nodeClock, monotonic })
  const loadUnknownKey = createLoadUnknownKey<ParsedToken>({
    keys,
    hasKey: local.hasKey,
    claimsToBeOurs: ({ token }) => own.has(token.claimedIssuer())
  })
  keys.onRetire(() => verified.clear())

  return {
    /**
     * To be awaited before a token is prepared: see `KeySource.loadSigner()`.
     * @throws Error if what signs cannot be loaded
     */
    loadSigner: () => keys.loadSigner(),

    prepare: createPrepare({ issuer, audience, clock, keys, matchesSchema }),

    /** Wraps a token for the methods below, which split and decode it at most once. Checks nothing yet. */
    parse: (text: string): UnverifiedToken => new UnverifiedToken(text),

    /** A token that has been verified before and is valid now, except perhaps for revocation; `null` for any other. */
    fromCache: verified.get,
    verifyNow,
    verifyUncached,

    /**
     * `fromCache()`, or else {@link verifyUncached}: for a caller that has not looked the token up.
     * @throws as `verifyUncached()`
     */
    async verify(text: string, issuers: readonly string[] | null = null): Promise<AccessToken> {
      return verified.get(text, issuers) ?? verifyUncached(new UnverifiedToken(text), issuers)
    },

    /**
     * Verifies a token of a single purpose: its `aud` must be `audience`, and the audience of this application does not
     * count. The cache is neither read nor written: its tokens were verified for another audience.
     * @throws as `verifyUncached()`
     */
    async verifyForAudience(text: string, { audience, issuers }: PurposeOptions): Promise<AccessToken> {
      return check(new UnverifiedToken(text), { issuers, audience })
    },

    /**
     * The longest lifetime that is accepted of an issuer's tokens; `null` for an issuer that is not accepted at all.
     * Invented issuers in requests do not prevent the look-up: the application has named this one.
     * @throws AuthError AUTH_KEYS_UNAVAILABLE while the function `trustedIssuers` fails
     */
    async maxLifetimeOf(issuer: string): Promise<number | null> {
      if (own.has(issuer)) return maxLifetimeSeconds
      return (await trustedIssuers.find(issuer, { isLimited: false }))?.issuer.maxLifetimeSeconds ?? null
    },

    verifyIgnoringExpiry,

    /**
     * A local token that is valid, whether or not it has expired; `null` for any other token. Unlike
     * {@link verifyIgnoringExpiry}, it reloads the keys when the `kid` is unknown.
     */
    async readLocal(token: UnverifiedToken): Promise<AccessToken | null> {
      if (!own.has(token.claimedIssuer())) return null
      try {
        if (!local.hasKey(local.parse(token))) await keys.reloadForUnknownKid()
        return verifyIgnoringExpiry(token)
      } catch (error) {
        if (error instanceof AuthError) return null
        throw error
      }
    },

    /**
     * Whether a token claims an issuer that is neither this server nor known to be trusted: it belongs to another
     * application on the same host. Nothing in it has been verified.
     */
    isForeign(token: UnverifiedToken): boolean {
      const iss = token.claimedIssuer()
      return typeof iss === 'string' && !own.has(iss) && !trustedIssuers.isKnown(iss)
    },

    /**
     * Looks up the issuers of tokens by the function `trustedIssuers`, so that {@link isForeign} knows them: only those
     * that the caller accepts, and none if one of the tokens claims to be ours, because then the others do not count.
     * @throws AuthError AUTH_KEYS_UNAVAILABLE while that function fails
     */
    async findIssuers(texts: readonly string[], issuers: readonly string[] | null): Promise<void> {
      if (!trustedIssuers.asks || issuers === null) return
      const claimed = new Set(texts.map((text) => new UnverifiedToken(text).claimedIssuer()))
      if ([...claimed].some((iss) => own.has(iss))) return
      const accepted = [...claimed].filter((iss) => typeof iss === 'string' && acceptsTrusted(issuers, iss))
      await Promise.all(accepted.map((iss) => trustedIssuers.find(iss)))
    },

    /**
     * The session of a local token, for signing out; `null` if it has no session, or expired so long ago that the
     * session has no valid access token.
     * @throws AuthError AUTH_INVALID_TOKEN when the token is malformed, another issuer's or has a wrong signature;
     * AUTH_KEYS_UNAVAILABLE while it is unknown whether its key is one of ours
     */
    async sessionIdOf(token: UnverifiedToken): Promise<string | null> {
      const parsed = local.parse(token)
      // Before the keys are reloaded: no key of ours makes another issuer's token ours.
      const iss = token.claimedIssuer()
      if (!own.has(iss)) throw refusal('AUTH_INVALID_TOKEN', issuerMismatch(iss, parts.issuers))
      if (!local.hasKey(parsed)) await loadUnknownKey(parsed)
      return local.sessionIdOf(parsed, clock())
    }
  }

  /**
   * Verifies a token that `fromCache()` does not know: size, shape, header, signature, claims and the application's
   * schema. Does not check revocation. The token's issuer selects the keys, so that no issuer can sign for another.
   * @param issuers the external issuers that are accepted here; others are refused before their keys are fetched
   * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN; AUTH_KEYS_UNAVAILABLE while a key source fails
   */
  function verifyUncached(token: UnverifiedToken, issuers: readonly string[] | null = null): Promise<AccessToken> {
    return check(token, { issuers, audience: null })
  }

  /**
   * {@link verifyUncached} without a promise, for most tokens: local ones whose key is known here. Returns the refusal
   * of a wrong signature and of claims. `null` for any other token, because its issuer or its key has to be looked up.
   * @throws AuthError AUTH_INVALID_TOKEN when the token is malformed, or its header is not accepted
   */
  function verifyNow(token: UnverifiedToken): AccessToken | AuthError | null {
    if (!trustedIssuers.isEmpty && !own.has(token.decode().payload.iss)) return null
    const parsed = local.parse(token)
    return local.hasKey(parsed) ? checkLocal(parsed, null) : null
  }

  async function check(token: UnverifiedToken, { issuers, audience }: Purpose): Promise<AccessToken> {
    const found = trustedIssuers.isEmpty ? null : await trustedIssuerOf(token, issuers)
    return found ? checkExternal(token, { ...found, audience }) : findKeyAndCheck(token, audience)
  }

  async function findKeyAndCheck(token: UnverifiedToken, audience: readonly string[] | null): Promise<AccessToken> {
    const parsed = local.parse(token)
    if (!local.hasKey(parsed)) await loadUnknownKey(parsed)
    if (!local.hasKey(parsed)) refuseForeign(parsed)
    return accepted(checkLocal(parsed, audience))
  }

  function checkLocal(parsed: ParsedToken, audience: readonly string[] | null): AccessToken | AuthError {
    const claims = local.check(parsed, { now: clock(), allowExpired: false, audience })
    return claims instanceof AuthError ? claims : remembered(localAccessToken(parsed.token.text, claims), audience)
  }

  async function checkExternal(token: UnverifiedToken, found: FoundIssuer & PurposeAudience): Promise<AccessToken> {
    const claims = await found.issuer.check(token, { clock: nodeClock, audience: found.audience })
    const recheck = verified.recheckIn(found.recheckMs())
    return remembered(externalAccessToken(token.text, { claims, issuer: found.issuer, recheck }), found.audience)
  }

  /** Adds it to the cache in the turn of its check: a removed key clears the cache, and its tokens must stay out. */
  function remembered(token: AccessToken, audience: readonly string[] | null): AccessToken {
    return audience === null ? verified.add(token) : token
  }

  /**
   * Verifies a local token in everything but `exp` and revocation.
   * @throws AuthError AUTH_INVALID_TOKEN
   */
  function verifyIgnoringExpiry(token: UnverifiedToken): AccessToken {
    return localAccessToken(token.text, accepted(local.check(local.parse(token), { now: clock(), allowExpired: true })))
  }

  /** If no key fits and the issuer is unknown, the issuer says more about the mistake. */
  function refuseForeign({ token, read }: ParsedToken): void {
    const iss = token.claimedIssuer()
    if (own.has(iss)) return
    const expected = [...parts.issuers, ...trustedIssuers.names]
    const detail = `${keyMismatch(read.hint, keys.current().keys)}; ${issuerMismatch(iss, expected)}`
    throw refusal('AUTH_INVALID_TOKEN', detail)
  }

  /**
   * The trusted issuer that a token claims; `null` for a token of any other. It is not looked up for a caller that
   * would not accept its tokens.
   */
  async function trustedIssuerOf(token: UnverifiedToken, issuers: Issuers): Promise<FoundIssuer | null> {
    const { iss } = token.decode().payload
    if (own.has(iss)) return null
    if (acceptsTrusted(issuers, iss as string)) return trustedIssuers.find(iss)
    if (trustedIssuers.isKnown(iss)) throw refusal('AUTH_INVALID_TOKEN', 'tokens of this issuer are not accepted here')
    return null
  }
}
