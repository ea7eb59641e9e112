/** A session: one sign-in on one device. The row holds no token. */
export interface SessionRow {
  /** 128 random bits as 22 characters of base64url. */
  readonly id: string
  /** The `iss` of the session's access tokens. Empty in rows that were written before this column existed. */
  readonly issuer: string
  /** The `sub` of the session's access tokens. Unique only within an issuer. */
  readonly sub: string
  /** Random for each session, base64url: the key of the second half of the refresh token's mac. */
  readonly sessionKey: string
  /** Number of rotations, from 0. The refresh token of this generation is the current one. */
  readonly generation: number
  readonly createdAt: number
  /** When `generation` last changed. Equal to `createdAt` before the first rotation. */
  readonly rotatedAt: number
  /** When each late retry was counted, oldest first. */
  readonly retries: readonly number[]
  /** The last generation whose token was presented again within `retrySeconds` of its rotation. `null`: none yet. */
  readonly repeatedGeneration: number | null
  /** How many generations in a row, up to `repeatedGeneration`, were presented again in that way. */
  readonly repeatStreak: number
  /** When the session expires unless it is refreshed. Never later than `absoluteExpiresAt`. */
  readonly idleExpiresAt: number
  /** The most milliseconds from a refresh to `idleExpiresAt`. `null`: what the caller of the store says. */
  readonly idleLimitMs: number | null
  /** When the session expires in any case. */
  readonly absoluteExpiresAt: number
  /** The longest time, by the store's clock, that an access token of this session may be valid. Never lowered. */
  readonly accessLifetimeSeconds: number
  /** When the session was revoked, alone or by `revokeAll()`. `null`: it was not. */
  readonly revokedAt: number | null
  readonly device: string | null
  /** Space-separated scopes (RFC 6749 §3.3). A refresh can narrow them, never widen them. */
  readonly scope: string | null
  /** The application's own claims, as they were at sign-in. */
  readonly claims: Readonly<Record<string, unknown>>
  /** What else was decided at sign-in, as it was given. Empty in rows that were written before this column existed. */
  readonly details: Readonly<Record<string, unknown>>
}

/** A session before it is stored. The store adds the times, by its own clock. */
export interface NewSession {
  readonly id: string
  readonly issuer: string
  readonly sub: string
  readonly sessionKey: string
  readonly device: string | null
  readonly scope: string | null
  readonly claims: Readonly<Record<string, unknown>>
  /** Kept and returned as JSON. No store reads what is in it. */
  readonly details: Readonly<Record<string, unknown>>
  readonly accessLifetimeSeconds: number
  /** Milliseconds from now to `idleExpiresAt`, unless `idleLimitMs` or `absoluteMs` is less. */
  readonly idleMs: number
  /** Limits the `idleMs` of every later call too. `null`: no limit of its own. */
  readonly idleLimitMs: number | null
  /** Milliseconds from now to `absoluteExpiresAt`. */
  readonly absoluteMs: number
}

/** Whether the session is neither revoked nor expired at `storeTime`. */
export function isLive(row: Pick<SessionRow, 'revokedAt' | 'idleExpiresAt'>, storeTime: number): boolean {
  return row.revokedAt === null && storeTime < row.idleExpiresAt
}

/** What `rotate()` compares before it changes a row. */
export interface RotationCondition {
  /** The generation that the row must have. */
  readonly from: number
  /** How many milliseconds must lie between the last rotation and now. */
  readonly minAgeMs: number
  /** The store's own time. */
  readonly storeTime: number
}

/**
 * Whether `rotate()` changes this row. A clock can be set back between two calls: the distance from the last rotation
 * counts, not the direction, or refreshing would stop until the clock has caught up.
 */
export function isRotatable(
  row: Pick<SessionRow, 'revokedAt' | 'idleExpiresAt' | 'generation' | 'rotatedAt'>,
  { from, minAgeMs, storeTime }: RotationCondition
): boolean {
  return isLive(row, storeTime) && row.generation === from && Math.abs(storeTime - row.rotatedAt) >= minAgeMs
}
