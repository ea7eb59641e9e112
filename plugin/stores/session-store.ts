import type { PushListener } from './push-listener.ts'
import type { Revocation } from './revocation.ts'
import type { CountRepeatChange, CountRetryChange, RotateChange } from './session-changes.ts'
import type { NewSession, SessionRow } from './session-row.ts'
import type {
  CompareAndSetResult,
  InsertResult,
  RevocationPage,
  RevokeManyResult,
  RevokeResult,
  SessionSnapshot,
  Timed
} from './store-results.ts'

export * from './push-listener.ts'
export * from './revocation.ts'
export * from './session-changes.ts'
export * from './session-row.ts'
export * from './store-results.ts'

/** A person or a machine: `sub` under any of the issuers that this application signs for. */
export interface Subject {
  /** The option `issuer` as a list. A row belongs to the subject if its `issuer` is one of them. */
  readonly issuers: readonly string[]
  /** The `sub` that such a row has. */
  readonly sub: string
}

/** The parts of a store that can be down each by itself, such as the databases of `shardedStore()`. */
export interface StoreShards {
  /** The name of each. */
  readonly names: readonly string[]
  /** The name of the shard that holds the session with this id, or would hold it. It need not be one of `names`. */
  of(sessionId: string): string
}

/** Which session `revoke()` may revoke, and for how long it is remembered. */
export interface RevokeOptions {
  /** Revokes the session only if it has this `sub`. Default: any. */
  readonly sub?: string | undefined
  /** Revokes the session only if it has one of these issuers. Default: any. */
  readonly issuers?: readonly string[] | undefined
  /** How many seconds this node's access tokens are valid: see {@link revokedUntil}. */
  readonly lifetimeSeconds: number
}

/** What `insert()` does besides inserting. */
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
  /** How many seconds this node's access tokens are valid: see {@link revokedUntil}. */
  readonly lifetimeSeconds: number
}

/**
 * How many sessions one step may revoke, and how many entries of the log one call reads or writes: other callers wait
 * while it runs.
 */
export const maxBatch = 1000

/** How many milliseconds a store remembers when `revokeAll()` was called, for `authenticatedAge`: a day. */
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
 * `docs/custom-store.md` in the package is a complete example: start from it. Then run the contract against your store:
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
   * Makes the id of a new session of a subject. Leave it out, and the plugin makes ids of 22 random characters. It is
   * for stores that read in an id where its session is kept: 22 to 64 characters of `A`–`Z`, `a`–`z`, `0`–`9`, `-`,
   * `_` and `~`, 128 random bits among them.
   */
  newId?(sub: string): string

  /**
   * The parts of the store. While one is down, only calls for its own sessions may reject. What the other methods
   * promise for one step holds within one shard. Leave it out if the store is up or down as a whole.
   */
  readonly shards?: StoreShards | undefined

  /**
   * Starts a session, and revokes others in the same step: first those in `revoke`, then all others of the subject
   * (`revokeOthers`), then live ones beyond `maxSessions`: the least recently rotated first, and of equals the oldest.
   * Revokes at most {@link maxBatch} rows; `more` is true if some are left. If the subject's last `revokeAll()` lies in
   * the future, because the clock was set back, this call is refused and the time is set to now.
   * @throws if the id exists; nothing is changed then
   */
  insert(session: NewSession, options: InsertOptions): Promise<InsertResult>

  /** Reads a session, also one that was revoked or has expired but was not removed yet. Changes nothing. */
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
   * Calls the methods of the listener whenever the log has grown. Nodes read the log as well, so a lost call does no
   * harm. Leave it out if the store cannot push.
   * @throws if the store cannot push now. It may call the listener later
   */
  subscribe?(listener: PushListener): Promise<void>

  /**
   * Removes expired sessions and log entries, and resolves to the number of sessions. Works in batches that block this
   * process for at most 20 ms, or the database for at most 100 ms.
   */
  sweep(): Promise<number>

  /** Closes what the store opened itself, never the client that it was given. */
  close(): Promise<void>
}

/**
 * The error with which `prepare()` says that waiting cannot help: the configuration must change. `message` says what to
 * change, and stops the start. Any other error means that the store may work later: the plugin tries again.
 * ```ts
 * import { UnusableStoreError } from 'fastify-authenticate/stores/session-store'
 *
 * throw new UnusableStoreError('The role "app" needs the right to create tables')
 * ```
 */
export class UnusableStoreError extends Error {
  /** `UnusableStoreError`, to recognize the error by. */
  override readonly name = 'UnusableStoreError'
}
