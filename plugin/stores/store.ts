/**
 * What a store remembers and promises. A store decides nothing: it keeps rows, compares and sets atomically,
 * and tells the time. Everything that is a decision lives in `sessions/`.
 *
 * All times are milliseconds since the epoch **by the store's own clock**: nodes' clocks differ, the store's is one.
 * `stores/contract.ts` is the test suite that every store passes.
 */

/** One login on one device: one row, no token stored. */
export interface SessionRow {
  /** 22 characters of base64url: 128 random bits. */
  readonly id: string
  /** Whose session it is: the `sub` of its access tokens. */
  readonly sub: string
  /** Keys the second half of the refresh token's mac; base64url, random for each session. */
  readonly salt: string
  /** Counts the rotations; the refresh token of this generation is the current one. Starts at 0. */
  readonly generation: number
  readonly createdAt: number
  /** When `generation` last changed; `createdAt` at first. */
  readonly rotatedAt: number
  /** When late retries were counted, oldest first. */
  readonly retries: readonly number[]
  /** When the session ends if it is not refreshed; never later than `absoluteExpiresAt`. */
  readonly idleExpiresAt: number
  readonly absoluteExpiresAt: number
  /** The longest life of an access token of this session, as configured on the node that started it. */
  readonly accessLifetimeSeconds: number
  readonly revokedAt: number | null
  readonly device: string | null
  /** Space-separated scopes of RFC 6749 §3.3; refreshing can only narrow them. */
  readonly scope: string | null
  /** The application's own claims, as given at sign-in. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What a caller knows of a session before it exists; the store adds the times, by its own clock. */
export interface NewSession {
  readonly id: string
  readonly sub: string
  readonly salt: string
  readonly device: string | null
  readonly scope: string | null
  readonly claims: Readonly<Record<string, unknown>>
  readonly accessLifetimeSeconds: number
  readonly idleMs: number
  readonly absoluteMs: number
}

/** A row and the store's own time, taken in the same step. `row` is `null` where there is none. */
export interface Read {
  readonly row: SessionRow | null
  readonly now: number
}

/** What a compare-and-set came to: `row` is the row afterwards, whether or not it was `applied`. */
export interface Write extends Read {
  readonly applied: boolean
}

/** A session that a call ended, and until when its access tokens could still be presented. */
export interface EndedSession {
  readonly id: string
  readonly sub: string
  /** `revokedAt + max(the caller's lifetime, the row's accessLifetimeSeconds) + 60 s`. */
  readonly until: number
}

export interface InsertOptions {
  /** Sessions to end in the same step, whoever's they are. */
  readonly end: readonly string[]
  /** When the credential was read: the insert is refused if the subject's last `revokeAll` is later. */
  readonly authenticatedAt?: number | undefined
  readonly lifetimeSeconds: number
}

type Inserted =
  | { readonly row: SessionRow, readonly now: number, readonly ended: readonly EndedSession[] }
  /** Refused: nothing was inserted, nothing was ended. */
  | { readonly row: null, readonly now: number, readonly ended: readonly [] }

/** One entry of the revocation feed: `id` may not be presented any more until `until`. */
export interface FeedEntry {
  /** `session`: a session id; `token`: `<iss> <jti>`. */
  readonly kind: 'session' | 'token'
  readonly id: string
  readonly until: number
}

/** A page of the feed. `cursor` is opaque; reading on from it yields what came after, never less. */
export interface FeedPage {
  readonly entries: readonly FeedEntry[]
  readonly cursor: string
  readonly now: number
  /** True when there is more to read at once. */
  readonly more: boolean
  /**
   * False when the entry at the cursor is not the one remembered (the store lost writes, or was restored):
   * the reader must load the feed whole again, and write back live entries that it lacks.
   */
  readonly resumed: boolean
}

export interface SessionStore {
  /**
   * Starts a session; ends others, and feeds their revocation, in the same atomic step.
   * Rejects, with nothing done, where the id exists. `ended` names only what this call ended.
   */
  insert (session: NewSession, options: InsertOptions): Promise<Inserted>

  find (id: string): Promise<Read>

  /**
   * Moves `generation` from `from` to `to` in one atomic compare-and-set, sets `rotatedAt` to now and slides the idle
   * expiry to `min(now + idleMs, absoluteExpiresAt)`. Applied only to a live row (neither revoked nor expired) whose
   * generation is `from` and for which `|now - rotatedAt| >= minAgeMs` (a clock that was set back stops nobody).
   */
  rotate (id: string, change: { from: number, to: number, minAgeMs: number, idleMs: number }): Promise<Write>

  /**
   * Counts a late retry: sets `retries` to `[...keep, now]` and slides the idle expiry, applied only to a live row
   * whose generation is `generation` and whose retries are `retries`.
   */
  countRetry (id: string, change: {
    generation: number
    retries: readonly number[]
    keep: readonly number[]
    idleMs: number
  }): Promise<Write>

  /**
   * Ends one session and feeds its revocation in the same step; with `sub`, only if it is that subject's.
   * Returns what was ended; `null` where there is no such session. A session that was ended before is returned
   * again with its first `until`, so that a retry is harmless. The answer comes after the commit.
   */
  revoke (id: string, options: { sub?: string | undefined, lifetimeSeconds: number }): Promise<EndedSession | null>

  /** Ends all live sessions of a subject but `except`, feeds them, and remembers the time for `authenticatedAt`. */
  revokeAll (sub: string, options: { except?: string | undefined, lifetimeSeconds: number }): Promise<readonly EndedSession[]>

  /** A subject's live sessions, oldest first. */
  list (sub: string): Promise<readonly SessionRow[]>

  /** Adds entries to the feed as they are: a revoked token, or what a store lost. Entries it has are left alone. */
  feed (entries: readonly FeedEntry[]): Promise<void>

  /** Reads the feed from the start (`null`) or from a cursor; expired entries may be left out. */
  readFeed (cursor: string | null, limit: number): Promise<FeedPage>

  /** Calls `wake` when the feed may have grown, where the store can push. Only a wake-up: polling goes on. */
  subscribe? (wake: () => void): Promise<void>

  /** Removes sessions that have expired, and feed entries that no longer matter; resolves to how many sessions went. */
  sweep (): Promise<number>

  /** Ends what the store opened itself, never the client it was given. */
  close (): Promise<void>
}

/** Slack for clocks that differ between nodes: a revocation outlives the last token it concerns by this long. */
const revocationMarginMs = 60_000

/** Until when access tokens of a session revoked at `revokedAt` could still be presented. */
export function revokedUntil (revokedAt: number, row: Pick<SessionRow, 'accessLifetimeSeconds'>, lifetimeSeconds: number): number {
  return revokedAt + Math.max(lifetimeSeconds, row.accessLifetimeSeconds) * 1000 + revocationMarginMs
}

/** Neither revoked nor expired, by the store's own time. */
export function isLive (row: SessionRow, now: number): boolean {
  return row.revokedAt === null && now < row.idleExpiresAt
}
