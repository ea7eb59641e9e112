import type { AccessToken } from './access-token.ts'

/** What a route requires of the user's authentication (RFC 9470). `null` for nothing. */
export interface FreshnessRequirements {
  readonly maxAgeSeconds: number | null
  readonly acr: readonly string[] | null
}

export interface FreshnessParts {
  /** Milliseconds since the epoch, for tokens of this application. */
  readonly clock: () => number
  /** Milliseconds since the epoch, for tokens of trusted issuers. */
  readonly nodeClock: () => number
  /** How far `auth_time` may lie in the future. */
  readonly clockToleranceSeconds: number
}

/**
 * Says why the user's authentication does not satisfy the requirements, for logs; `null` if it does. Must be called on
 * each request: a token in the cache becomes stale with time.
 */
export type Staleness = (token: AccessToken, requirements: FreshnessRequirements) => string | null

export function createStaleness({ clock, nodeClock, clockToleranceSeconds }: FreshnessParts): Staleness {
  return function staleness(token, { maxAgeSeconds, acr }) {
    const age = maxAgeSeconds === null ? null : tooOld(token, maxAgeSeconds)
    if (age !== null) return age
    return acr === null || hasAcr(token, acr) ? null : `acr must be one of ${acr.join(' ')}`
  }

  function tooOld({ authenticatedAt, isOwn }: AccessToken, maxAgeSeconds: number): string | null {
    if (authenticatedAt === null) return 'auth_time, which says when the user authenticated, is missing or malformed'
    const ageMs = (isOwn ? clock() : nodeClock()) - authenticatedAt
    if (ageMs > maxAgeSeconds * 1000) return `auth_time is more than ${maxAgeSeconds} seconds ago`
    return ageMs < -clockToleranceSeconds * 1000 ? 'auth_time is in the future' : null
  }
}

function hasAcr({ claims: { acr } }: AccessToken, accepted: readonly string[]): boolean {
  return typeof acr === 'string' && accepted.includes(acr)
}
