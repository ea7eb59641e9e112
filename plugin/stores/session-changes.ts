/** What `rotate()` compares and changes. */
export interface RotateChange {
  /** Applied only to a row of this generation. */
  readonly from: number
  /** The new generation. It may skip some. */
  readonly to: number
  /** Applied only when the last rotation is at least this many milliseconds away, in either direction. */
  readonly minAgeMs: number
  /** Milliseconds from now to the new `idleExpiresAt`, unless the row's `idleLimitMs` is less. */
  readonly idleMs: number
  /** The row's `accessLifetimeSeconds` becomes this if it is less. */
  readonly accessLifetimeSeconds: number
}

/** What `countRetry()` compares and changes. */
export interface CountRetryChange {
  /** Applied only to a row of this generation. */
  readonly generation: number
  /** Applied only to a row with exactly these retries: times in milliseconds since the epoch. */
  readonly retries: readonly number[]
  /** The retries that stay, in milliseconds since the epoch. The store's time is added to them. */
  readonly keepRetries: readonly number[]
  /** Milliseconds from now to the new `idleExpiresAt`, unless the row's `idleLimitMs` is less. */
  readonly idleMs: number
  /** The row's `accessLifetimeSeconds` becomes this if it is less. */
  readonly accessLifetimeSeconds: number
}

/** What `countRepeat()` compares and changes. */
export interface CountRepeatChange {
  /** Applied only to a row of this generation. */
  readonly generation: number
  /** The new `repeatedGeneration`: a generation. Applied only to a row whose own is `null` or lower. */
  readonly repeated: number
  /** The new `repeatStreak`: how many generations in a row were presented again. */
  readonly streak: number
}
