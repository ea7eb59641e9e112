import { isLive, type SessionRow } from '../stores/session-store.ts'

/** What is to be done with a refresh token whose mac is good. */
export type Verdict =
  /** Exchange it: the generation moves on by one. */
  | 'rotate'
  /** Exchanged or started a moment ago: return the same refresh token. */
  | 'return-current'
  /** The one before the current, a moment after: the loser of a race gets the winner's successor too. */
  | 'return-successor'
  /** The same, later: the response was lost. The successor is returned, and counted. */
  | 'count-retry'
  /** Older, within a moment of a rotation: a slow tab. Nothing ends. */
  | 'superseded'
  /** Older, or retried too often: somebody else holds a copy. The session ends. */
  | 'reuse'
  /** Newer than the row: the store has lost a write. The row catches up. */
  | 'roll-forward'
  /** Revoked or expired. */
  | 'invalid'

export interface RotationPolicy {
  readonly retryMs: number
  readonly lateRetries: number
}

const lateRetryWindowMs = 24 * 3600 * 1000

/**
 * Decides about a refresh token of `generation`, from the row and the store's own time, and from nothing else.
 * With `retryMs: 0, lateRetries: 0` it is RFC 9700 §4.14.2 to the letter.
 */
export function decide(row: SessionRow, generation: number, now: number, policy: RotationPolicy): Verdict {
  const behind = row.generation - generation
  const justRotated = isWithin(row.rotatedAt, now, policy.retryMs)
  if (!isLive(row, now)) return 'invalid'
  if (behind < 0) return 'roll-forward'
  if (behind === 0) return justRotated ? 'return-current' : 'rotate'
  if (behind > 1) return justRotated ? 'superseded' : 'reuse'
  if (justRotated || isWithin(row.retries.at(-1), now, policy.retryMs)) return 'return-successor'
  return recentRetries(row, now).length < policy.lateRetries ? 'count-retry' : 'reuse'
}

/** The late retries that still count against the limit. */
export function recentRetries(row: SessionRow, now: number): readonly number[] {
  return row.retries.filter((time) => isWithin(time, now, lateRetryWindowMs))
}

/**
 * How many generations in a row were presented twice within `retrySeconds`, this one included. Two tabs do that now and
 * then; a thief who waits for the victim's refreshes does it every time.
 */
export function streakAt(row: SessionRow, repeated: number): number {
  return row.repeatedGeneration === repeated - 1 ? row.repeatStreak + 1 : 1
}

/** A clock can be set back between two reads: the distance counts, not the direction. */
function isWithin(time: number | undefined, now: number, ms: number): boolean {
  return time !== undefined && Math.abs(now - time) < ms
}
