import type { AccessToken, Recheck } from './access-token.ts'
import { hasPassed } from './claims.ts'
import { ClockMap } from './clock-map.ts'
import { acceptsTrusted } from './requirements.ts'

/**
 * The key is the last 12 characters: 70 bits of the signature. From 13 on, V8 makes a sliced string, which is slower to
 * hash.
 */
const tailLength = 12

/** External issuers can withdraw a key silently: their tokens are verified again after this long. */
const maxRecheckMs = 5 * 60_000

export interface VerifiedTokensParts {
  /** The maximum number of tokens; 0 disables the cache. */
  readonly cacheSize: number
  readonly clockToleranceSeconds: number
  /** Milliseconds since the epoch, for local tokens. */
  readonly clock: () => number
  /** Milliseconds since the epoch, for external issuers' tokens. */
  readonly nodeClock: () => number
  /** Milliseconds that never run back. */
  readonly monotonic: () => number
}

/**
 * Remembers tokens that have passed every check but revocation, and would pass them again. Which external issuers are
 * accepted differs from caller to caller, so it is checked on each look-up.
 */
export function createVerifiedTokens(parts: VerifiedTokensParts) {
  const { cacheSize, clockToleranceSeconds, clock, nodeClock, monotonic } = parts
  const cache = new ClockMap<AccessToken>(cacheSize)

  return {
    /**
     * A token that is valid now; `null` for any other.
     * @param issuers the external issuers that this caller accepts; an earlier caller may have accepted others.
     * Default: none
     */
    get(text: string, issuers: readonly string[] | null = null): AccessToken | null {
      const tail = text.slice(-tailLength)
      const token = cache.get(tail)
      // Another token may end with the same characters.
      if (token === undefined || token.text !== text) return null
      // The store's clock does not apply to external issuers' tokens.
      const now = token.isOwn ? clock() : nodeClock()
      const mustBeRechecked = !token.isOwn && hasPassed(token.recheckAt, monotonic())
      const hasExpired = mustBeRechecked || hasPassed(token.validUntil, now)
      if (hasExpired) cache.delete(tail)
      const hasBegun = hasPassed(token.validFrom, now + clockToleranceSeconds * 1000)
      return hasBegun && !hasExpired && isAccepted(token, issuers) ? token : null
    },

    /** When an external issuer's token that is verified now must be verified again, at the latest in `ms`. */
    recheckIn(ms: number): Recheck {
      const recheckMs = Math.min(ms, maxRecheckMs)
      return {
        wall: (nodeClock() + recheckMs) / 1000,
        monotonic: Math.floor((monotonic() + recheckMs) / 1000)
      }
    },

    /** Must be called for a token that has just been verified. Returns it. */
    add(token: AccessToken): AccessToken {
      cache.set(token.text.slice(-tailLength), token)
      return token
    },

    clear(): void {
      cache.clear()
    }
  }
}

function isAccepted({ isOwn, claims }: AccessToken, issuers: readonly string[] | null): boolean {
  return isOwn || acceptsTrusted(issuers, claims.iss)
}
