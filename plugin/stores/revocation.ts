import type { SessionRow } from './session-row.ts'

/** An entry of the revocation log: tokens for `id` are rejected until `until`. */
export interface Revocation {
  /** `session`: `id` is a session's. `token`: `id` is `<iss> <jti>` of one access token. */
  readonly kind: 'session' | 'token'
  readonly id: string
  /** Milliseconds since the epoch, by the store's clock. */
  readonly until: number
}

/** A session that a call revoked. */
export interface RevokedSession {
  readonly id: string
  readonly sub: string
  /** When the last access token of the session has expired: see {@link revokedUntil}. */
  readonly until: number
}

/** How much longer than the last access token a revocation lasts, because the clocks of nodes differ. */
export const revocationMarginMs = 60_000

/**
 * When the last access token of a session that is revoked at `revokedAt` has expired. A store whose clock was set back
 * since the last rotation counts from the rotation.
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

/** Rounds up to whole milliseconds, which is what databases keep: a revocation must not end earlier. */
export function wholeMilliseconds(until: number): number {
  return Math.min(Math.ceil(until), Number.MAX_SAFE_INTEGER)
}
