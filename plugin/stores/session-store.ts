/**
 * What a store remembers and promises. A store decides nothing: it keeps rows, compares and sets atomically, and tells
 * the time. Every decision lives in `sessions/`.
 *
 * All times are milliseconds since the epoch **by the store's own clock**: the clocks of nodes differ, the store has one.
 * `stores/contract.ts` is the test suite that every store passes.
 */

import type { NewSession, SessionRow } from './session-row.ts'

export * from './session-row.ts'

/** A person or machine that signs in: `sub` under any of the issuers that this application speaks for. */
export interface Subject {
  readonly issuers: readonly string[]
  readonly sub: string
}

/** Every result carries the store's time, taken in the same atomic step. */
export interface Timed {
  readonly storeTime: number
}

/** `row` is `null` where there is no such session. */
export interface SessionSnapshot extends Timed {
  readonly row: SessionRow | null
}

/** `row` is the row afterwards, whether or not the change was `applied`. */
export interface CompareAndSetResult extends SessionSnapshot {
  readonly applied: boolean
}

/** A session that a call revoked, and until when its access tokens could still be presented. */
export interface RevokedSession {
  readonly id: string
  readonly sub: string
  /** `max(revokedAt, rotatedAt) + max(the caller's lifetimeSeconds, the row's accessLifetimeSeconds) + 60 s`. */
  readonly until: number
}

export interface RevokeResult extends Timed {
  readonly revoked: RevokedSession | null
}

export interface RevokeManyResult extends Timed {
  readonly revoked: readonly RevokedSession[]
  /** True when rows are left whose revocation is not yet in the log: call `trim()` until it is false. */
  readonly more: boolean
}

export interface InsertOptions {
  /** The issuers that count as the subject's own, for `maxSessions`, `authenticatedAge` and `revokeOthers`. */
  readonly issuers: readonly string[]
  /** Sessions to revoke in the same step, whoever owns them. */
  readonly revoke: readonly string[]
  /** Revokes all other sessions of the subject in the same step, as `revokeAll()` does. Default false. */
  readonly revokeOthers?: boolean | undefined
  /** The most live sessions that the subject may have afterwards, the new one included. */
  readonly maxSessions: number
  /**
   * Milliseconds since the credential was read, asked at the moment the call is sent. The insert is refused if the
   * subject's last `revokeAll()` came at that time or later. Default: not compared.
   */
  readonly authenticatedAge?: (() => number) | undefined
  readonly lifetimeSeconds: number
}

export type InsertResult = Timed &
  (
    | {
        readonly row: SessionRow
        /** Sessions that `revoke` and `revokeOthers` revoked in this call. */
        readonly revoked: readonly RevokedSession[]
        /** Sessions that had to make room for `maxSessions`. */
        readonly evicted: readonly RevokedSession[]
        readonly more: boolean
      }
    /** Refused: nothing was inserted, nothing was revoked. */
    | { readonly row: null }
  )

/** One entry of the revocation log: tokens of `id` are rejected until `until`. */
export interface Revocation {
  /** `session`: a session id. `token`: `<iss> <jti>`. */
  readonly kind: 'session' | 'token'
  readonly id: string
  readonly until: number
}

/** A page of the revocation log. `cursor` is opaque; reading on from it yields what came after, never less. */
export interface RevocationPage extends Timed {
  readonly entries: readonly Revocation[]
  readonly cursor: string
  /** True when there is more to read at once. */
  readonly more: boolean
  /**
   * False when the entry at the cursor is not the one that was read (the store lost writes, or was restored). The page
   * then starts at the beginning: the reader loads the whole log again, and appends live entries that it lacks.
   */
  readonly resumed: boolean
}

/**
 * The promises of a store. Every call is one atomic step and resolves after its commit.
 *
 * A row is *live* while it is neither revoked nor expired. `revokeAll()` raises a counter of the subject, which each
 * row carries: rows behind it are read as revoked (`revokedAt` is set) from that step on, however many they are.
 */
export interface SessionStore {
  /**
   * Connects and creates or migrates what the store needs. Called before the first request, and again until it
   * resolves. Default: nothing to prepare.
   * @throws UnusableStoreError where waiting cannot help: no right, a wrong password, a newer schema
   */
  prepare?(): Promise<Timed>

  /**
   * Starts a session, and revokes others in the same step: first those named, then all others (`revokeOthers`), then
   * the least recently rotated live ones (ties: the oldest) that exceed `maxSessions`. At most {@link maxBatch} rows
   * are revoked in one step; `more` tells that some are left. Rejects, with nothing done, where the id exists.
   * A `revokeAll()` time that lies ahead of the store's clock is set back to now, and the call is refused that once.
   */
  insert(session: NewSession, options: InsertOptions): Promise<InsertResult>

  find(id: string): Promise<SessionSnapshot>

  /**
   * Moves `generation` from `from` to `to` in one compare-and-set, sets `rotatedAt` to now, slides the idle expiry to
   * `min(now + idleMs, absoluteExpiresAt)` and raises `accessLifetimeSeconds` to the one given. Applied only to a live
   * row whose generation is `from` and for which `|now - rotatedAt| >= minAgeMs` (a clock that was set back does not
   * stop refreshing).
   */
  rotate(
    id: string,
    change: {
      readonly from: number
      readonly to: number
      readonly minAgeMs: number
      readonly idleMs: number
      readonly accessLifetimeSeconds: number
    }
  ): Promise<CompareAndSetResult>

  /**
   * Counts a late retry: sets `retries` to `[...keepRetries, now]`, slides the idle expiry and raises
   * `accessLifetimeSeconds`. Applied only to a live row whose generation is `generation` and whose retries are `retries`.
   */
  countRetry(
    id: string,
    change: {
      readonly generation: number
      readonly retries: readonly number[]
      readonly keepRetries: readonly number[]
      readonly idleMs: number
      readonly accessLifetimeSeconds: number
    }
  ): Promise<CompareAndSetResult>

  /**
   * Notes that the token of generation `repeated` was presented again: sets `repeatedGeneration` and `repeatStreak`.
   * Applied only to a live row whose generation is `generation` and whose `repeatedGeneration` is below `repeated`.
   */
  countRepeat(
    id: string,
    change: {
      readonly generation: number
      readonly repeated: number
      readonly streak: number
    }
  ): Promise<CompareAndSetResult>

  /**
   * Revokes one session and logs it in the same step; with `sub`, only a session of that subject and one of `issuers`.
   * `revoked` is `null` where there is no such session. A session that was revoked before is returned again with its
   * first `until`, so that a retry is harmless.
   */
  revoke(
    id: string,
    options: {
      readonly sub?: string | undefined
      readonly issuers?: readonly string[] | undefined
      readonly lifetimeSeconds: number
    }
  ): Promise<RevokeResult>

  /**
   * Revokes all live sessions of a subject but `except` in one step, and remembers the time for `authenticatedAge`
   * for a day. At most {@link maxBatch} of them are logged in this step; `more` tells that some are left.
   */
  revokeAll(
    subject: Subject,
    options: { readonly except?: string | undefined; readonly lifetimeSeconds: number }
  ): Promise<RevokeManyResult>

  /**
   * Goes on where `insert()` and `revokeAll()` left off: logs at most {@link maxBatch} rows that are behind the
   * subject's counter, then revokes live rows beyond `maxSessions`, the least recently rotated first.
   */
  trim(
    subject: Subject,
    options: { readonly maxSessions: number; readonly lifetimeSeconds: number }
  ): Promise<RevokeManyResult>

  /**
   * A subject's live sessions, oldest first: at most `limit`, of more the most recently rotated. Costs no look at those
   * that have ended.
   */
  list(subject: Subject, options: { readonly limit: number }): Promise<Timed & { readonly rows: readonly SessionRow[] }>

  /**
   * Adds entries to the log. Of two entries for one thing the later `until` counts, and one that was raised is read
   * again by every follower; others are left alone. It is kept in whole milliseconds, rounded up. A live session that
   * an entry names is revoked in the same step, and its entry lasts at least as long as `revoke()` would make it.
   */
  appendRevocations(entries: readonly Revocation[], options: { readonly lifetimeSeconds: number }): Promise<Timed>

  /** Reads the log from the start (`null`) or from a cursor; expired entries may be left out. */
  readRevocations(cursor: string | null, limit: number): Promise<RevocationPage>

  /**
   * Calls `wake` when the log may have grown, where the store can push. Only a wake-up: polling goes on. Rejects, with
   * the reason, where there is no push for now; it may come later.
   */
  subscribe?(wake: () => void): Promise<void>

  /**
   * Removes sessions that have expired, and log entries that no longer matter; resolves to how many sessions it
   * removed. Costs what it removes: it works in batches of at most 20 ms of this process or 100 ms of the database.
   */
  sweep(): Promise<number>

  /** Ends what the store opened itself, never the client that it was given. */
  close(): Promise<void>
}

/** How many sessions one step revokes at most: other callers wait that long. */
export const maxBatch = 1000

/** A store that cannot work until somebody changes its configuration. `message` names what to change. */
export class UnusableStoreError extends Error {
  override readonly name = 'UnusableStoreError'
}
