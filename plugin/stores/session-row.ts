/** One login on one device: one row, no token stored. */
export interface SessionRow {
  /** 22 characters of base64url: 128 random bits. */
  readonly id: string
  /** The `iss` of its access tokens. Empty in rows from before this column existed. */
  readonly issuer: string
  /** The `sub` of its access tokens: unique only within an issuer. */
  readonly sub: string
  /** Key of the second half of the refresh token's mac: base64url, random for each session. */
  readonly sessionKey: string
  /** Number of rotations. The refresh token of this generation is the current one. Starts at 0. */
  readonly generation: number
  readonly createdAt: number
  /** When `generation` last changed; `createdAt` at first. */
  readonly rotatedAt: number
  /** When late retries were counted, oldest first. */
  readonly retries: readonly number[]
  /** The last generation whose token was presented again within `retrySeconds` of its rotation; `null` if none was. */
  readonly repeatedGeneration: number | null
  /** How many generations in a row, up to `repeatedGeneration`, were presented again like that. */
  readonly repeatStreak: number
  /** When the session ends unless it is refreshed; never later than `absoluteExpiresAt`. */
  readonly idleExpiresAt: number
  readonly absoluteExpiresAt: number
  /** How long after its signing, by the store's clock, any access token of this session may be valid. Only rises. */
  readonly accessLifetimeSeconds: number
  /** When the session was revoked, by itself or by a `revokeAll()`; `null` if it was not. */
  readonly revokedAt: number | null
  readonly device: string | null
  /** Space-separated scopes of RFC 6749 §3.3; refreshing can only narrow them. */
  readonly scope: string | null
  /** The application's own claims, as given at sign-in. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What the plugin knows of a session before it exists; the store adds the times, by its own clock. */
export interface NewSession {
  readonly id: string
  readonly issuer: string
  readonly sub: string
  readonly sessionKey: string
  readonly device: string | null
  readonly scope: string | null
  readonly claims: Readonly<Record<string, unknown>>
  readonly accessLifetimeSeconds: number
  readonly idleMs: number
  readonly absoluteMs: number
}

/** Slack for clocks that differ between nodes: a revocation outlives the last token it concerns by this long. */
const revocationMarginMs = 60_000

/**
 * Until when access tokens of a session revoked at `revokedAt` could still be presented. A clock that was set back since
 * the last rotation does not shorten it.
 */
export function revokedUntil(
  revokedAt: number,
  row: Pick<SessionRow, 'accessLifetimeSeconds' | 'rotatedAt'>,
  lifetimeSeconds: number
): number {
  return (
    Math.max(revokedAt, row.rotatedAt) +
    Math.max(lifetimeSeconds, row.accessLifetimeSeconds) * 1000 +
    revocationMarginMs
  )
}

/** As databases keep it: whole milliseconds, never earlier than given. */
export function wholeUntil(until: number): number {
  return Math.min(Math.ceil(until), Number.MAX_SAFE_INTEGER)
}

/** Neither revoked nor expired, by the store's own time. */
export function isLive(row: SessionRow, storeTime: number): boolean {
  return row.revokedAt === null && storeTime < row.idleExpiresAt
}
