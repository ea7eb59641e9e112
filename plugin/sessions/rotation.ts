import { isLive, isRotatable, type SessionRow } from '../stores/session-store.ts'

export { isRotatable }

/** What to do with a refresh token whose mac is good. */
export type Verdict =
  /** The current token: exchange it, and the generation rises by one. */
  | 'rotate'
  /** The current token, within `retrySeconds` of sign-in or of the last rotation: return it again. */
  | 'return-current'
  /** The previous token, within `retrySeconds` of the rotation: two tabs raced, and both get the successor. */
  | 'return-successor'
  /** The previous token, later: its response was lost. Return the successor, and count the late retry. */
  | 'count-retry'
  /** An older token, within `retrySeconds` of a rotation: a slow tab. Refuse it, and keep the session. */
  | 'superseded'
  /** An older token, or too many late retries: somebody else holds a copy. Revoke the session. */
  | 'reuse'
  /** A token newer than the row: the store has lost a write. Raise the row to it. */
  | 'roll-forward'
  /** A revoked or expired session. */
  | 'invalid'

export interface RotationPolicy {
  readonly retryMs: number
  readonly lateRetries: number
}

/** A refresh token that was presented, and when, by the store's clock. */
export interface Presentation {
  readonly generation: number
  readonly storeTime: number
}

const lateRetryWindowMs = 24 * 3600 * 1000

/**
 * Decides what to do with a refresh token. Depends on nothing but its arguments. With `retryMs: 0` and `lateRetries:
 * 0`, this is the strict rotation of RFC 9700 §4.14.2.
 *
 * `rotate` is returned exactly when {@link isRotatable}: the store decides that by itself when a refresh is one round
 * trip.
 */
export function decide(
  row: SessionRow,
  { generation, storeTime, retryMs, lateRetries }: Presentation & RotationPolicy
): Verdict {
  const behind = row.generation - generation
  const hasJustRotated = isWithin(retryMs, storeTime - row.rotatedAt)
  if (!isLive(row, storeTime)) return 'invalid'
  if (behind < 0) return 'roll-forward'
  if (isRotatable(row, { from: generation, minAgeMs: retryMs, storeTime })) return 'rotate'
  if (behind === 0) return 'return-current'
  if (behind > 1) return hasJustRotated ? 'superseded' : 'reuse'
  const lastRetryAt = row.retries.at(-1)
  const hasJustRetried = lastRetryAt !== undefined && isWithin(retryMs, storeTime - lastRetryAt)
  if (hasJustRotated || hasJustRetried) return 'return-successor'
  return recentRetries(row, storeTime).length < lateRetries ? 'count-retry' : 'reuse'
}

/** The late retries that still count against `lateRetries`. */
export function recentRetries(row: Pick<SessionRow, 'retries'>, storeTime: number): readonly number[] {
  return row.retries.filter((retriedAt) => isWithin(lateRetryWindowMs, storeTime - retriedAt))
}

/**
 * How many generations in a row, `repeated` included, were presented twice within `retrySeconds`. Two tabs do that now
 * and then. A thief who waits for the victim's refreshes does it every time.
 */
export function streakAt(row: Pick<SessionRow, 'repeatedGeneration' | 'repeatStreak'>, repeated: number): number {
  return row.repeatedGeneration === repeated - 1 ? row.repeatStreak + 1 : 1
}

/** The distance counts, not the direction: a clock can be set back between two reads. */
function isWithin(ms: number, distanceMs: number): boolean {
  return Math.abs(distanceMs) < ms
}
