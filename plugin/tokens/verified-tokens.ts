import type { AccessToken } from './access-token.ts'
import { hasPassed } from './claims.ts'
import { acceptsTrusted } from './requirements.ts'
import { createTokenCache } from './token-cache.ts'

/** External issuers can withdraw a key silently: their tokens are verified again after this long. */
const maxRecheckMs = 5 * 60_000

interface VerifiedToken {
  readonly token: AccessToken
  /** Seconds since the epoch: the later of `iat` and `nbf`. */
  readonly validFrom: number
  /** Seconds since the epoch: `exp`, or earlier, when the token must be verified again. */
  readonly validUntil: number
}

/** A token that has just been verified. */
export interface VerifiedNow {
  readonly token: AccessToken
  /** Milliseconds after which an external issuer's token must be verified again, if that is sooner than usual. */
  readonly recheckMs: number
}

export interface VerifiedTokensParts {
  /** The maximum number of tokens; 0 disables the cache. */
  readonly cacheSize: number
  readonly clockToleranceSeconds: number
  /** Milliseconds since the epoch, for local tokens. */
  readonly clock: () => number
  /** Milliseconds since the epoch, for external issuers' tokens. */
  readonly nodeClock: () => number
}

/**
 * Remembers tokens that have passed every check but revocation, and would pass them again. Which external issuers are
 * accepted differs from caller to caller, so it is checked on each look-up.
 */
export function createVerifiedTokens({ cacheSize, clockToleranceSeconds, clock, nodeClock }: VerifiedTokensParts) {
  const cache = createTokenCache<VerifiedToken>(cacheSize)

  return {
    /**
     * A token that is valid now; `null` for any other.
     * @param issuers the external issuers that this caller accepts; an earlier caller may have accepted others
     */
    get(text: string, issuers: readonly string[] | null): AccessToken | null {
      const known = cache.get(text)
      if (known === undefined) return null
      // The store's clock does not apply to external issuers' tokens.
      const now = known.token.isOwn ? clock() : nodeClock()
      const hasExpired = hasPassed(known.validUntil, now)
      if (hasExpired) cache.delete(text)
      const hasBegun = hasPassed(known.validFrom, now + clockToleranceSeconds * 1000)
      return hasBegun && !hasExpired && isAccepted(known, issuers) ? known.token : null
    },

    /** Must be called for a token that has just been verified. */
    set(text: string, { token, recheckMs }: VerifiedNow): void {
      const { exp, iat, nbf = iat } = token.claims
      const recheckAt = token.isOwn ? Infinity : (nodeClock() + Math.min(recheckMs, maxRecheckMs)) / 1000
      cache.set(text, { token, validFrom: Math.max(iat, nbf), validUntil: Math.min(exp, recheckAt) })
    },

    clear: cache.clear
  }
}

function isAccepted({ token }: VerifiedToken, issuers: readonly string[] | null): boolean {
  return token.isOwn || acceptsTrusted(issuers, token.claims.iss)
}
