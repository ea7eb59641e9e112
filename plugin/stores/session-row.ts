/**
 * A session: one sign-in on one device. Times are in milliseconds since the epoch, by the store's clock. The row holds
 * no token, but who can read it and knows the secret can make the refresh token.
 */
export interface SessionRow {
  /** 128 random bits as 22 characters of base64url, or what `newId()` of the store made. */
  readonly id: string
  /** The `iss` of the session's access tokens. Empty in rows that were written before this column existed. */
  readonly issuer: string
  /** The `sub` of the session's access tokens. Unique only within an issuer. */
  readonly sub: string
  /** Random for each session, base64url: the key of the second half of the refresh token's mac. */
  readonly sessionKey: string
  /** How often the refresh token was rotated, from 0. The refresh token of this generation is the current one. */
  readonly generation: number
  /** When the session started, in milliseconds since the epoch, as all times here. */
  readonly createdAt: number
  /** When `generation` last changed. Equal to `createdAt` before the first rotation. */
  readonly rotatedAt: number
  /** When each late retry was counted, in milliseconds since the epoch, oldest first. */
  readonly retries: readonly number[]
  /** The last generation whose token was presented again within `retrySeconds` of its rotation. `null`: none yet. */
  readonly repeatedGeneration: number | null
  /** How many generations in a row, up to `repeatedGeneration`, were presented again in that way. */
  readonly repeatStreak: number
  /** When the session expires unless it is refreshed (milliseconds). Never later than `absoluteExpiresAt`. */
  readonly idleExpiresAt: number
  /** The most milliseconds from a refresh to `idleExpiresAt`. `null`: what the caller of the store says. */
  readonly idleLimitMs: number | null
  /** When the session expires in any case (milliseconds). */
  readonly absoluteExpiresAt: number
  /** The longest time, by the store's clock, that an access token of this session may be valid. Never lowered. */
  readonly accessLifetimeSeconds: number
  /** When the session was revoked, alone or by `revokeAll()` (milliseconds). `null`: it was not. */
  readonly revokedAt: number | null
  /** The name of the device, given at sign-in. `null`: none. */
  readonly device: string | null
  /** Space-separated scopes (RFC 6749 §3.3), as they were at sign-in. `null`: none. */
  readonly scope: string | null
  /** The application's own claims, as they were at sign-in. */
  readonly claims: Readonly<Record<string, unknown>>
  /** What else was decided at sign-in, as it was given. Empty in rows that were written before this column existed. */
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * A session before it is stored. The store adds the times, by its own clock. The members that {@link SessionRow} has
 * too are kept as they are given.
 */
export interface NewSession {
  /** As in {@link SessionRow}. */
  readonly id: string
  /** As in {@link SessionRow}. */
  readonly issuer: string
  /** As in {@link SessionRow}. */
  readonly sub: string
  /** As in {@link SessionRow}. */
  readonly sessionKey: string
  /** As in {@link SessionRow}. */
  readonly device: string | null
  /** As in {@link SessionRow}. */
  readonly scope: string | null
  /** Kept and returned as JSON. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Kept and returned as JSON. No store reads what is in it. */
  readonly details: Readonly<Record<string, unknown>>
  /** Seconds, as in {@link SessionRow}. */
  readonly accessLifetimeSeconds: number
  /** Milliseconds from now to `idleExpiresAt`, unless `idleLimitMs` or `absoluteMs` is less. */
  readonly idleMs: number
  /** The most milliseconds that `idleMs` of this and of every later call may be. `null`: no limit of its own. */
  readonly idleLimitMs: number | null
  /** Milliseconds from now to `absoluteExpiresAt`. */
  readonly absoluteMs: number
}

/**
 * Whether the session is neither revoked nor expired at `storeTime`, in milliseconds since the epoch.
 * ```ts
 * import { isLive } from 'fastify-authenticate/stores/session-store'
 *
 * isLive({ revokedAt: null, idleExpiresAt: 2000 }, 1999) // true
 * ```
 */
export function isLive(row: Pick<SessionRow, 'revokedAt' | 'idleExpiresAt'>, storeTime: number): boolean {
  return row.revokedAt === null && storeTime < row.idleExpiresAt
}

/** What `rotate()` compares before it changes a row. */
export interface RotationCondition {
  /** The generation that the row must have. */
  readonly from: number
  /** How many milliseconds must lie between the last rotation and now. */
  readonly minAgeMs: number
  /** The store's own time, in milliseconds since the epoch. */
  readonly storeTime: number
}

/**
 * Whether `rotate()` changes this row. A clock can be set back between two calls: the distance from the last rotation
 * counts, not the direction, or refreshing would stop until the clock has caught up.
 * ```ts
 * import { isRotatable } from 'fastify-authenticate/stores/session-store'
 *
 * const row = { revokedAt: null, idleExpiresAt: 90_000, generation: 3, rotatedAt: 1000 }
 * isRotatable(row, { from: 3, minAgeMs: 10_000, storeTime: 11_000 }) // true
 * ```
 */
export function isRotatable(
  row: Pick<SessionRow, 'revokedAt' | 'idleExpiresAt' | 'generation' | 'rotatedAt'>,
  { from, minAgeMs, storeTime }: RotationCondition
): boolean {
  return isLive(row, storeTime) && row.generation === from && Math.abs(storeTime - row.rotatedAt) >= minAgeMs
}
