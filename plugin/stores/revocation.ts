import type { SessionRow } from './session-row.ts'

/** An entry of the revocation log: the access tokens of a session, or one access token, are refused until `until`. */
export interface Revocation {
  /** `session`: all access tokens of a session are refused. `token`: one is. */
  readonly kind: 'session' | 'token'
  /** The id of the session; of a token, its `iss` and its `jti` with a space between them. */
  readonly id: string
  /** Milliseconds since the epoch, by the store's clock. */
  readonly until: number
}

/** A session that a call revoked. */
export interface RevokedSession {
  /** The id of the session. */
  readonly id: string
  /** Its subject. */
  readonly sub: string
  /** When its last access token has expired, in milliseconds since the epoch: see {@link revokedUntil}. */
  readonly until: number
}

/** How many milliseconds longer than the last access token a revocation lasts: the clocks of nodes differ. */
export const revocationMarginMs = 60_000

/**
 * When the last access token of a session that is revoked at `revokedAt` has expired, in milliseconds since the epoch
 * by the store's clock. If that clock was set back since the last rotation, it counts from the rotation.
 * ```ts
 * import { revokedUntil } from 'fastify-authenticate/stores/session-store'
 *
 * revokedUntil({ accessLifetimeSeconds: 600, rotatedAt: 0 }, { revokedAt: 5000, lifetimeSeconds: 300 }) // 665000
 * ```
 */
export function revokedUntil(
  row: Pick<SessionRow, 'accessLifetimeSeconds' | 'rotatedAt'>,
  { revokedAt, lifetimeSeconds }: { readonly revokedAt: number; readonly lifetimeSeconds: number }
): number {
  return (
    Math.max(revokedAt, row.rotatedAt) +
    Math.max(lifetimeSeconds, row.accessLifetimeSeconds) * 1000 +
    revocationMarginMs
  )
}

/**
 * Rounds a time up to whole milliseconds, because most databases keep no fractions and a revocation must not end
 * earlier.
 * ```ts
 * import { wholeMilliseconds } from 'fastify-authenticate/stores/session-store'
 *
 * wholeMilliseconds(1000.2) // 1001
 * ```
 */
export function wholeMilliseconds(until: number): number {
  return Math.min(Math.ceil(until), Number.MAX_SAFE_INTEGER)
}
