import { randomUUID } from 'node:crypto'
import { AuthError, refusal } from '../errors.ts'
import type { Settings } from '../options/options.ts'
import { describeLargest } from './app-claims.ts'
import { hasPassed, rolesOf, scopesOf } from './claims.ts'
import { deepFreeze } from './deep-freeze.ts'
import { maxTokenLength } from './jws.ts'
import type { KeySource } from './key-source.ts'
import { createLocalVerifier, type ParsedToken, type TokenClaims } from './local-verifier.ts'
import { createTokenCache } from './token-cache.ts'
import type { Rights, TrustedIssuer } from './trusted-issuer.ts'
import { UnverifiedToken } from './unverified-token.ts'

/** A token that has verified completely, but for revocation, which can come later. */
export interface AccessToken {
  /** As they were signed. Deep-frozen: what one request sees, no other request has changed. */
  readonly claims: TokenClaims
  /** The claims that the application sees as the user: another issuer's `scope` and `roles` are what `map` says. */
  readonly user: TokenClaims
  /** `null` for tokens without a session: machines', and other issuers', whatever their `sid` says. */
  readonly sessionId: string | null
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** A note of the list of revocations to itself: when it last had nothing against this token. */
  checkedAtVersion: number
}

/** Says that this text is a valid token of its issuer, and nothing of whether that issuer's tokens are wanted. */
interface Remembered {
  readonly verified: AccessToken
  readonly isOwn: boolean
  /** Seconds: the later of `iat` and `nbf`. */
  readonly validFrom: number
  /** Seconds: `exp`, or earlier, when the issuer's keys are to be asked again. */
  readonly validUntil: number
}

/** What is remembered of a token that verified just now; `recheckAt` in seconds. */
type Found = Pick<Remembered, 'verified' | 'isOwn'> & { readonly recheckAt: number }

/** Another issuer's keys can go without a word: what they signed is checked anew after this long. */
const recheckMs = 5 * 60_000

export interface TokenInput {
  readonly sub: string
  readonly sid?: string | undefined
  readonly scope?: string | null | undefined
  /** The application's own claims. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** An access token that has been checked and measured. It lacks only its times and its signature. */
export interface PreparedToken {
  /** Characters, and bytes, of the token that {@link sign} returns. */
  readonly length: number
  readonly scope: string | null
  /** Signs it, valid from `iat` to `exp`, in whole seconds. */
  sign(times: { iat: number; exp: number }): string
}

export type AccessTokens = ReturnType<typeof createAccessTokens>

/** Mints and checks access tokens: JWTs after RFC 9068, signed as compact JWS. */
export function createAccessTokens(
  settings: Settings,
  keys: Pick<KeySource, 'current' | 'reloadForUnknownKid' | 'hasFailed' | 'onRetire'>,
  trustedIssuers: readonly TrustedIssuer[] = [],
  nodeClock = settings.clock
) {
  const {
    issuer,
    audience,
    clock,
    accessToken: { clockToleranceSeconds, cacheSize }
  } = settings
  const local = createLocalVerifier(settings, keys)
  const cache = createTokenCache<Remembered>(cacheSize)
  const aud = audience.length === 1 ? audience[0] : audience
  const trusted = new Map<unknown, TrustedIssuer>(trustedIssuers.map((other) => [other.issuer, other]))
  keys.onRetire(() => cache.clear())

  return {
    fromCache,

    /** Wraps a token for the methods below, which split and decode it at most once. Checks nothing yet. */
    parse: (text: string): UnverifiedToken => new UnverifiedToken(text),

    /**
     * Checks and measures a token that is to be signed, so that what cannot be signed or sent is known before anything
     * is written.
     * @throws TypeError when the claims do not match `accessToken.claims`
     * @throws AuthError AUTH_TOKEN_TOO_LARGE when it would be refused for its length; its `detail` names the large claims
     */
    prepare(input: TokenInput): PreparedToken {
      // The real times and `jti` have the same lengths.
      const iat = Math.floor(clock() / 1000)
      const payload = payloadOf(input, { iat, exp: iat + 1, jti: placeholderJti })
      if (!local.matchesSchema(payload)) {
        throw new TypeError('The claims do not match "accessToken.claims": a token with them would be refused')
      }
      // The same key signs, even if another becomes active meanwhile: the length depends on the key.
      const signer = keys.current().active
      const length = signer.encodedLength(payload)
      if (length > maxTokenLength) {
        throw refusal(
          'AUTH_TOKEN_TOO_LARGE',
          `the token would be over ${maxTokenLength} bytes. ${describeLargest(input.claims)}`
        )
      }
      return {
        length,
        scope: input.scope ?? null,
        sign: ({ iat, exp }) => signer.sign({ ...payload, iat, exp, jti: newJti() })
      }
    },

    /**
     * {@link fromCache}, and else {@link verifyUncached}.
     * @throws as `verifyUncached()`
     */
    async verify(text: string, issuers: readonly string[] | null = null): Promise<AccessToken> {
      return fromCache(text, issuers) ?? (await verifyUncached(new UnverifiedToken(text), issuers))
    },

    verifyUncached,

    /**
     * Whether a token says it is of an issuer that is neither this server nor a trusted one: another application's, on
     * the same host. Nothing in it has been verified.
     */
    isForeign(token: UnverifiedToken): boolean {
      const iss = claimedIssuer(token)
      return typeof iss === 'string' && iss !== issuer && !trusted.has(iss)
    },

    /**
     * The session that a token names, for signing out; `null` when it names none, or expired too long ago to matter.
     * @throws AuthError AUTH_INVALID_TOKEN for what cannot be read; AUTH_KEYS_UNAVAILABLE while it is uncertain whether
     * its key is one of ours
     */
    async namedSession(token: UnverifiedToken): Promise<string | null> {
      const parsed = local.parse(token)
      // Before the keys are loaded again: no key of ours makes it ours.
      if (claimedIssuer(token) !== issuer) throw refusal('AUTH_INVALID_TOKEN', 'iss is not the issuer')
      await ensureKey(parsed)
      return local.namedSession(parsed, clock())
    },

    /** A token of ours that is valid in everything but, perhaps, `exp`; `null` for any other. */
    async readOwn(token: UnverifiedToken): Promise<AccessToken | null> {
      if (claimedIssuer(token) !== issuer) return null
      try {
        if (!local.hasKey(local.parse(token))) await keys.reloadForUnknownKid()
        return verifyIgnoringExpiry(token)
      } catch (error) {
        if (error instanceof AuthError) return null
        throw error
      }
    },

    verifyIgnoringExpiry
  }

  /**
   * Asks the key source again for a key that is not known here. While that fails, nobody can say that a token which
   * claims to be ours is not.
   */
  async function ensureKey(parsed: ParsedToken): Promise<void> {
    if (local.hasKey(parsed)) return
    await keys.reloadForUnknownKid()
    const isUncertain = !local.hasKey(parsed) && keys.hasFailed() && claimedIssuer(parsed.token) === issuer
    if (isUncertain) {
      throw refusal('AUTH_KEYS_UNAVAILABLE', 'no key fits alg and kid, and the last load of "keys" failed')
    }
  }

  /** Our own tokens only: one that is valid in everything but `exp`. */
  function verifyIgnoringExpiry(token: UnverifiedToken): AccessToken {
    return ownToken(local.check(local.parse(token), { now: clock(), allowExpired: true }))
  }

  /** What a token says of its issuer, unverified; `undefined` for what is not a token. */
  function claimedIssuer(token: UnverifiedToken): unknown {
    try {
      return token.decode().payload.iss
    } catch (error) {
      if (error instanceof AuthError) return undefined
      throw error
    }
  }

  function payloadOf(
    { sub, sid, scope, claims }: TokenInput,
    { iat, exp, jti }: { iat: number; exp: number; jti: string }
  ) {
    const payload: Record<string, unknown> = { ...claims, iss: issuer, aud, sub, exp, iat, jti }
    if (sid !== undefined) payload.sid = sid
    if (scope) payload.scope = scope
    return payload
  }

  /**
   * Checks a token that {@link fromCache} does not know, in everything but revocation: size, shape, header, signature,
   * claims, the application's schema. The token's issuer chooses the keys, so that no issuer's key can sign for another.
   * @param issuers which other issuers' tokens are accepted; the rest are refused before their keys are fetched
   * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN; AUTH_KEYS_UNAVAILABLE while a key source is down
   */
  async function verifyUncached(
    token: UnverifiedToken,
    issuers: readonly string[] | null = null
  ): Promise<AccessToken> {
    const other = issuerOf(token)
    if (other === null) {
      const parsed = local.parse(token)
      await ensureKey(parsed)
      const verified = ownToken(local.check(parsed, { now: clock(), allowExpired: false }))
      return remember(token.text, { verified, isOwn: true, recheckAt: Infinity })
    }
    if (!issuers?.includes(other.issuer)) {
      throw refusal('AUTH_INVALID_TOKEN', 'tokens of this issuer are not accepted here')
    }
    const claims = await other.check(token, nodeClock)
    const verified = issuersToken(claims, other)
    return remember(token.text, { verified, isOwn: false, recheckAt: (nodeClock() + recheckMs) / 1000 })
  }

  /** The trusted issuer that a token claims to be from. */
  function issuerOf(token: UnverifiedToken): TrustedIssuer | null {
    if (trusted.size === 0) return null
    return trusted.get(token.decode().payload.iss) ?? null
  }

  /**
   * A token that has verified before and would again, except for revocation; `null` for any other: see `verify()`.
   * @param issuers which other issuers' tokens are wanted now: an earlier caller may have wanted others
   */
  function fromCache(token: string, issuers: readonly string[] | null = null): AccessToken | null {
    const known = cache.get(token)
    if (known === undefined) return null
    // The store's clock has nothing to do with other issuers' tokens.
    const now = known.isOwn ? clock() : nodeClock()
    const hasExpired = hasPassed(known.validUntil, now)
    if (hasExpired) cache.delete(token)
    const hasBegun = hasPassed(known.validFrom, now + clockToleranceSeconds * 1000)
    return hasBegun && !hasExpired && isWanted(known, issuers) ? known.verified : null
  }

  function remember(token: string, { verified, isOwn, recheckAt }: Found): AccessToken {
    const { exp, iat, nbf = iat } = verified.claims
    cache.set(token, { verified, isOwn, validFrom: Math.max(iat, nbf), validUntil: Math.min(exp, recheckAt) })
    return verified
  }
}

/** As long as every `jti` is. */
const placeholderJti = '-'.repeat(22)

/** 122 random bits, of which Node has a store: other ways to get them cost as much as the signature. */
function newJti(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')
}

function isWanted({ isOwn, verified }: Remembered, issuers: readonly string[] | null): boolean {
  return isOwn || (issuers !== null && issuers.includes(verified.claims.iss))
}

function ownToken(claims: TokenClaims): AccessToken {
  deepFreeze(claims)
  return accessToken({ claims, user: claims, sessionId: claims.sid ?? null })
}

/** Frozen before `map` is asked: `claims` stay as they were signed. */
function issuersToken(claims: TokenClaims, { map }: TrustedIssuer): AccessToken {
  deepFreeze(claims)
  const { scope: _scope, roles: _roles, ...others } = claims
  const rights: Rights = map(claims)
  return accessToken({ claims, user: Object.freeze({ ...others, ...rights }), sessionId: null })
}

/** Scopes and roles count as the application reads them in the user. */
function accessToken({ claims, user, sessionId }: Pick<AccessToken, 'claims' | 'user' | 'sessionId'>): AccessToken {
  const scopes = Object.freeze(scopesOf(user.scope))
  const roles = Object.freeze(rolesOf(user.roles))
  return { claims, user, sessionId, scopes, roles, checkedAtVersion: -1 }
}

/** Encodings are malleable even under a good signature: a token is revoked by who issued it and its `jti`, never by its text. */
export function tokenRevocationId(iss: string, jti: string): string {
  return `${iss} ${jti}`
}
