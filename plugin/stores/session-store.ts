import type { Revocation, RevokedSession } from './revocation.ts'
import type { CountRepeatChange, CountRetryChange, RotateChange } from './session-changes.ts'
import type { NewSession, SessionRow } from './session-row.ts'

export * from './revocation.ts'
export * from './session-changes.ts'
export * from './session-row.ts'

/** A person or a machine: `sub` under any of the issuers that this application signs for. */
export interface Subject {
  readonly issuers: readonly string[]
  readonly sub: string
}

/** Every result carries the store's time, read in the same atomic step as the rest. */
export interface Timed {
  /** Whole milliseconds since the epoch, by the store's own clock. */
  readonly storeTime: number
}

export interface SessionSnapshot extends Timed {
  /** `null`: there is no such session. */
  readonly row: SessionRow | null
}

/** `row` is the row after the call, whether the call changed it or not. */
export interface CompareAndSetResult extends SessionSnapshot {
  /** Whether this call changed the row. */
  readonly applied: boolean
}

export interface RevokeResult extends Timed {
  /** `null`: there is no such session. */
  readonly revoked: RevokedSession | null
}

export interface RevokeManyResult extends Timed {
  readonly revoked: readonly RevokedSession[]
  /** Whether some revoked sessions are not in the log yet. If so, call `trim()` until this is false. */
  readonly more: boolean
}

export interface RevokeOptions {
  /** Revokes the session only if it has this `sub`. Default: any. */
  readonly sub?: string | undefined
  /** Revokes the session only if it has one of these issuers. Default: any. */
  readonly issuers?: readonly string[] | undefined
  /** How long this node's access tokens are valid: see {@link revokedUntil}. */
  readonly lifetimeSeconds: number
}

export interface InsertOptions {
  /** The issuers under which the subject's sessions count for `maxSessions`, `authenticatedAge` and `revokeOthers`. */
  readonly issuers: readonly string[]
  /** Ids of sessions to revoke in the same step, whichever subject they belong to. */
  readonly revoke: readonly string[]
  /** Revokes all other sessions of the subject in the same step, as `revokeAll()` does. Default false. */
  readonly revokeOthers?: boolean | undefined
  /** How many live sessions the subject may have after the call, the new one included. */
  readonly maxSessions: number
  /**
   * Returns how many milliseconds ago the credential was read; called once, when the statement is sent. The store
   * refuses to insert if the subject's last `revokeAll()` was at that time or later, or if the age is `NaN`. Default:
   * not checked.
   */
  readonly authenticatedAge?: (() => number) | undefined
  /** How long this node's access tokens are valid: see {@link revokedUntil}. */
  readonly lifetimeSeconds: number
}

export type InsertResult = Timed &
  (
    | {
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
}

/**
 * How many sessions one step may revoke, and how many entries of the log one call reads or writes: other callers wait
 * while it runs.
 */
export const maxBatch = 1000

/** How long a store remembers when `revokeAll()` was called, for `authenticatedAge`. */
export const revokeAllRememberedMs = 24 * 3600 * 1000

/**
 * Where sessions are kept. Implement this interface to use a database of your own.
 *
 * A store decides nothing. It keeps rows, changes them by atomic compare-and-set, and reads its clock. Every time is in
 * milliseconds since the epoch **by the store's own clock**, because the clocks of nodes differ.
 *
 * Each call is one atomic step and resolves after the commit. When a call cannot be carried out, it rejects: the caller
 * gets a 503, and the database's error becomes its `cause`.
 *
 * A row is *live* while it is neither revoked nor expired. A row that was revoked is kept until its access tokens have
 * expired; expired rows may be removed at any time. `revokeAll()` must take effect in one step, however many sessions
 * there are: it raises a counter of the subject, and rows that carry a lower one are read as revoked (`revokedAt` is
 * set) from then on.
 *
 * `plugin/stores/memory.ts` is a complete store without a database: start from it. Then run the contract against your
 * store:
 * ```ts
 * import { test } from 'node:test'
 * import { storeContract } from 'fastify-authenticate/stores/contract'
 *
 * const open = async () => ({ store: myStore(await createDatabase()), async close() {} })
 * for (const { name, run } of storeContract(open)) test(name, run)
 * ```
 */
export interface SessionStore {
  /**
   * Connects, and creates or migrates the schema. Called before the first request, and again until it resolves. Leave
   * it out if there is nothing to prepare.
   * @throws UnusableStoreError if waiting cannot help, such as for a missing right, a wrong password or a newer schema
   */
  prepare?(): Promise<Timed>

  /**
   * Starts a session, and revokes others in the same step: first those in `revoke`, then all others of the subject
   * (`revokeOthers`), then live ones beyond `maxSessions`: the least recently rotated first, and of equals the oldest.
   * Revokes at most {@link maxBatch} rows; `more` is true if some are left. If the subject's last `revokeAll()` lies in
   * the future, because the clock was set back, this call is refused and the time is set to now.
   * @throws if the id exists; nothing is changed then
   */
  insert(session: NewSession, options: InsertOptions): Promise<InsertResult>

  find(id: string): Promise<SessionSnapshot>

  /**
   * Changes the row if {@link isRotatable}: `generation` becomes `to`, `rotatedAt` now, and `idleExpiresAt`
   * `min(now + idleMs, now + idleLimitMs, absoluteExpiresAt)`. `accessLifetimeSeconds` is raised, never lowered.
   */
  rotate(id: string, change: RotateChange): Promise<CompareAndSetResult>

  /**
   * Counts a late retry: `retries` becomes `[...keepRetries, now]`, and `idleExpiresAt` and `accessLifetimeSeconds`
   * change as in `rotate()`. Changes only a live row with the generation and the retries of `change`.
   */
  countRetry(id: string, change: CountRetryChange): Promise<CompareAndSetResult>

  /**
   * Records that the token of generation `repeated` was presented again. Changes only a live row with the generation of
   * `change` whose `repeatedGeneration` is below `repeated`.
   */
  countRepeat(id: string, change: CountRepeatChange): Promise<CompareAndSetResult>

  /**
   * Revokes a session and appends it to the log. A session that was revoked before is returned again with its first
   * `until`, so that a call can be repeated.
   */
  revoke(id: string, options: RevokeOptions): Promise<RevokeResult>

  /**
   * Revokes all live sessions of a subject except `except`, and remembers the time for {@link revokeAllRememberedMs}.
   * Appends at most {@link maxBatch} of them to the log; `more` is true if some are left.
   */
  revokeAll(
    subject: Subject,
    options: { readonly except?: string | undefined; readonly lifetimeSeconds: number }
  ): Promise<RevokeManyResult>

  /**
   * Continues what `insert()` and `revokeAll()` left. Appends at most {@link maxBatch} revoked sessions of the subject
   * to the log, then revokes live ones beyond `maxSessions`, the least recently rotated first.
   */
  trim(
    subject: Subject,
    options: { readonly maxSessions: number; readonly lifetimeSeconds: number }
  ): Promise<RevokeManyResult>

  /**
   * A subject's live sessions, oldest first. If there are more than `limit`, the most recently rotated ones. Must not
   * read sessions that have ended: there may be many.
   */
  list(subject: Subject, options: { readonly limit: number }): Promise<Timed & { readonly rows: readonly SessionRow[] }>

  /**
   * Appends to the log, in whole milliseconds rounded up. If the log has an entry for the same `id`, the later `until`
   * wins: an entry that raises it is read again by every follower, any other entry changes nothing. If an entry names a
   * live session, that session is revoked in the same step, and the entry lasts at least as long as `revoke()` would
   * make it.
   */
  appendRevocations(entries: readonly Revocation[], options: { readonly lifetimeSeconds: number }): Promise<Timed>

  /** Reads the log from its start (`null`) or from a cursor. Expired entries may be left out. */
  readRevocations(cursor: string | null, limit: number): Promise<RevocationPage>

  /**
   * Calls `wake` whenever the log may have grown. Nodes poll as well, so a lost call does no harm. Leave it out
   * if the store cannot push.
   * @throws if there is no push for now; a later `wake` is still allowed
   */
  subscribe?(wake: () => void): Promise<void>

  /**
   * Removes expired sessions and log entries, and resolves to the number of sessions. Works in batches that block this
   * process for at most 20 ms, or the database for at most 100 ms.
   */
  sweep(): Promise<number>

  /** Closes what the store opened itself, never the client that it was given. */
  close(): Promise<void>
}

/** Rejects `prepare()` when the store cannot work until its configuration changes. `message` says what to change. */
export class UnusableStoreError extends Error {
  override readonly name = 'UnusableStoreError'
}
