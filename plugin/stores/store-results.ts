import type { Revocation, RevokedSession } from './revocation.ts'
import type { SessionRow } from './session-row.ts'

/** Every result carries the store's time, read in the same atomic step as the rest. */
export interface Timed {
  /** Whole milliseconds since the epoch, by the store's own clock. */
  readonly storeTime: number
}

/** What `find()` resolves to. */
export interface SessionSnapshot extends Timed {
  /** `null`: there is no such session. */
  readonly row: SessionRow | null
}

/**
 * What `rotate()`, `countRetry()` and `countRepeat()` resolve to. `row` is the row after the call, whether the call
 * changed it or not: the caller decides by it what to do next.
 */
export interface CompareAndSetResult extends SessionSnapshot {
  /** Whether this call changed the row. */
  readonly applied: boolean
}

/** What `revoke()` resolves to. */
export interface RevokeResult extends Timed {
  /** `null`: there is no such session. */
  readonly revoked: RevokedSession | null
}

/** What `revokeAll()` and `trim()` resolve to. */
export interface RevokeManyResult extends Timed {
  /** The sessions that this call appended to the log. */
  readonly revoked: readonly RevokedSession[]
  /** Whether some revoked sessions are not in the log yet. If so, call `trim()` until this is false. */
  readonly more: boolean
}

/** What `insert()` resolves to. */
export type InsertResult = Timed &
  (
    | {
        /** The row that was inserted. */
        readonly row: SessionRow
        /** Sessions that this call revoked because of `revoke` or `revokeOthers`. */
        readonly revoked: readonly RevokedSession[]
        /** Sessions that this call revoked because of `maxSessions`. */
        readonly evicted: readonly RevokedSession[]
        /** As in {@link RevokeManyResult}. */
        readonly more: boolean
      }
    /** Refused because of `authenticatedAge`: nothing was inserted, nothing was revoked. */
    | { readonly row: null }
  )

/** A page of the revocation log. */
export interface RevocationPage extends Timed {
  /** In the order in which they were appended, at most `limit`. */
  readonly entries: readonly Revocation[]
  /** Where to read on. Opaque: only the store that returned it understands it. */
  readonly cursor: string
  /** Whether further entries can be read immediately. */
  readonly more: boolean
  /**
   * Whether the log still holds the place that the cursor names. If false (the store lost writes, or was restored from
   * a backup), this page starts at the beginning: the reader reads the whole log and appends what is missing there.
   */
  readonly resumed: boolean
  /** Of a store with `shards`: those whose log could not be read this time. The others were. Default: none. */
  readonly unread?: readonly string[] | undefined
  /** Of a store with `shards`: those whose log no longer holds its place, if `resumed` is false. Default: all. */
  readonly lost?: readonly string[] | undefined
}
