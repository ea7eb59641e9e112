import { refusal } from '../errors.ts'
import type { AuthEvent, Emit, RevocationReason } from '../events.ts'
import type { Settings } from '../options/options.ts'
import { inSlices } from '../slices.ts'
import { revocationMarginMs, type Revocation, type RevokedSession, type StoreShards } from '../stores/session-store.ts'
import { createReadTokenRevocationId, type AccessToken } from '../tokens/access-token.ts'
import { PendingRevocations } from './pending-revocations.ts'
import { ReplacedSessions } from './replaced-sessions.ts'
import { RevocationFollower } from './revocation-follower.ts'
import { RevocationList } from './revocation-list.ts'
import { RevocationReads } from './revocation-reads.ts'
import { isRevocationList } from './store-results.ts'
import type { TimedStore } from './timed-store.ts'

export interface RevocationsParts {
  readonly settings: Pick<Settings, 'accessToken' | 'refreshToken' | 'revocation'>
  readonly store: Pick<TimedStore, 'appendRevocations' | 'readRevocations'>
  /** The shards of the store. Default: none. */
  readonly shards?: StoreShards | undefined
  /** All known issuers, to report which token was revoked. Default: none. */
  readonly issuers?: readonly string[] | undefined
  /** The clock of access tokens. */
  readonly now: () => number
  /**
   * The store's clock, which can be behind `now` for a while. A revocation matters until it has expired by this clock.
   * Default: `now`.
   */
  readonly storeNow?: (() => number) | undefined
  /** This node's own clock. Default: `now`. */
  readonly nodeClock?: (() => number) | undefined
  /** How many seconds a token that is signed now stays valid, by the store's clock. */
  readonly accessLifetime: () => number
  readonly emit: Emit
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
}

/** Members of the event `session-revoked`. */
interface RevokedBy {
  readonly reason: RevocationReason
  readonly here: boolean
}

/**
 * What is revoked, in the memory of this process. The list follows the store's revocation log. This process' own
 * revocations take effect before they are in the log.
 */
export class Revocations {
  readonly #parts: RevocationsParts
  readonly #storeNow: () => number
  readonly #list: RevocationList
  readonly #replaced: ReplacedSessions
  readonly #pending: PendingRevocations
  readonly #follower: RevocationFollower
  /** When the log is read. */
  readonly reads: RevocationReads
  readonly #readTokenId: ReturnType<typeof createReadTokenRevocationId>
  /** Before the first request, entries emit no event: no token that they refuse was accepted here. */
  #isServing = false

  constructor(parts: RevocationsParts) {
    const { settings, store, now, nodeClock = now, accessLifetime, emit, monotonic = () => performance.now() } = parts
    const { shards } = parts
    this.#parts = parts
    this.#readTokenId = createReadTokenRevocationId(parts.issuers ?? [])
    this.#storeNow = parts.storeNow ?? now
    this.#list = new RevocationList(monotonic)
    this.#replaced = new ReplacedSessions({ windowMs: settings.refreshToken.retrySeconds * 1000, now })
    this.#follower = new RevocationFollower({
      store,
      shards,
      onEntries: (entries) => this.#take(entries),
      onReread: (isLogged) => inSlices(this.#queueMissing(isLogged))
    })
    this.#pending = new PendingRevocations({
      write: (entries) => store.appendRevocations(entries, { lifetimeSeconds: accessLifetime() }),
      reading: () => this.#follower.reading,
      shards
    })
    this.reads = new RevocationReads({
      revocation: settings.revocation,
      shards,
      read: () => this.#follow(),
      afterRead: () => {
        // Not awaited: a long write must not delay the next poll.
        void this.#pending.flushQueue()
      },
      monotonic,
      nodeClock,
      emit
    })
  }

  /**
   * Resolves to a verified token if it is not revoked.
   * @throws AuthError AUTH_REVOKED_TOKEN; AUTH_STORE_UNAVAILABLE if the list is stale and `whenStale` is `refuse`, or
   * is `ask` and the log cannot be read
   */
  async assertNotRevoked(verified: AccessToken): Promise<AccessToken> {
    this.#assertNotListed(verified)
    await this.reads.becomeUsable([verified.sessionId])
    this.#assertNotListed(verified)
    return verified
  }

  /** Whether {@link assertNotRevoked} would resolve without waiting. */
  isValid(verified: AccessToken): boolean {
    return !this.#list.isRevoked(verified) && this.reads.isUsable(verified.sessionId)
  }

  /** Whether this process knows that a session is revoked, even if the store does not know it, or no longer. */
  isSessionRevoked(sessionId: string): boolean {
    return this.#list.isSessionRevoked(sessionId)
  }

  /**
   * Whether a sign-in by cookie replaced the session less than `refreshToken.retrySeconds` ago, in this process. The
   * browser may have the cookies of the new session by now, and must not clear them for a late response.
   */
  wasJustReplaced(sessionId: string): boolean {
    return this.#replaced.has(sessionId)
  }

  /** Records sessions that a sign-in by cookie has replaced. */
  markReplaced(sessionIds: readonly string[]): void {
    for (const id of sessionIds) this.#replaced.add(id)
  }

  /** Records sessions that a call of the store has revoked. */
  markRevoked(sessions: readonly RevokedSession[], reason: RevocationReason = null): void {
    for (const { id, until } of sessions) this.record({ kind: 'session', id, until }, reason)
  }

  /**
   * Records an entry that a call of the store has logged. If the store's clock was set back, its `until` is too
   * early: the entry is then written again, to outlast this process' tokens.
   */
  record(entry: Revocation, reason: RevocationReason = null): void {
    if (this.#record(entry, { reason, here: true })) this.#pending.expect(entry)
    const { now, accessLifetime } = this.#parts
    if (now() - this.#storeNow() > revocationMarginMs) {
      const until = Math.max(entry.until, now() + accessLifetime() * 1000 + revocationMarginMs)
      this.revokeLocally({ ...entry, until })
    }
  }

  /**
   * Records entries that the store has pushed. The next read of the log must show them, else they are written again.
   * What is not an entry makes this process read the log.
   */
  recordPushed(entries: readonly Revocation[]): void {
    if (!isRevocationList(entries, this.#storeNow())) {
      void this.reads.wake()
      return
    }
    for (const entry of entries) {
      if (this.#record(entry, { reason: null, here: false })) this.#pending.expect(entry)
    }
  }

  /** Takes effect in this process immediately, and is written to the store as soon as the store responds. */
  revokeLocally(entry: Revocation): void {
    if (this.#record(entry, { reason: null, here: true })) this.#pending.queue(entry)
  }

  /**
   * Takes effect in this process immediately, and in the others soon after this resolves.
   * @throws AuthError AUTH_STORE_UNAVAILABLE: the entries are written later
   */
  async revokeEverywhere(
    entries: readonly Revocation[],
    store: Pick<TimedStore, 'appendRevocations'> = this.#parts.store
  ): Promise<void> {
    for (const entry of entries) this.revokeLocally(entry)
    await store.appendRevocations(entries, { lifetimeSeconds: this.#parts.accessLifetime() })
    for (const entry of entries) this.#pending.confirm(entry)
  }

  /** For a session whose row is unknown: lasts as long as any access token of this application may be valid. */
  longestRevocation(sessionId: string): Revocation {
    const { now, settings } = this.#parts
    const until = now() + settings.accessToken.maxLifetimeSeconds * 1000 + revocationMarginMs
    return { kind: 'session', id: sessionId, until }
  }

  /** From now on, an entry of the log emits `session-revoked` or `token-revoked`. */
  startServing(): void {
    this.#isServing = true
  }

  /** Waits for the read and the write that are running, and tries once more to write what is queued. */
  async close(): Promise<void> {
    await this.reads.end()
    // A write that is running may fail although the store responds by now: it is not the last try.
    await this.#pending.flushing
    await this.#pending.flushQueue()
  }

  async #follow(): Promise<readonly string[]> {
    const unread = await this.#follower.read()
    await inSlices(this.#pending.endReading(this.#storeNow()))
    // Only after a response of the store, which corrects this node's clock: a wrong clock would prune too much.
    this.#list.pruneIfDue(this.#storeNow())
    return unread
  }

  #take(entries: readonly Revocation[]): void {
    for (const entry of entries) {
      this.#record(entry, { reason: null, here: false })
      this.#pending.remove(entry)
    }
  }

  /** Queues what is missing from a log that lost its place. What has expired is dropped when the reading ends. */
  *#queueMissing(isLogged: (entry: Revocation) => boolean): Generator<void, void> {
    this.#list.prune(this.#storeNow())
    for (const entry of this.#list.entries()) {
      if (!isLogged(entry)) this.#pending.queue(entry)
      yield
    }
  }

  /** False if the entry was known or has expired: a known one is pending already, or was read from the log. */
  #record(entry: Revocation, by: RevokedBy): boolean {
    const outcome = this.#list.record(entry, this.#storeNow())
    if (outcome === 'new' && this.#isServing) this.#parts.emit(this.#eventOf(entry, by))
    return outcome === 'new' || outcome === 'raised'
  }

  #eventOf({ kind, id }: Revocation, by: RevokedBy): AuthEvent {
    if (kind === 'token') return { type: 'token-revoked', ...this.#readTokenId(id) }
    return { type: 'session-revoked', sessionId: id, ...by }
  }

  #assertNotListed(verified: AccessToken): void {
    if (this.#list.isRevoked(verified)) throw refusal('AUTH_REVOKED_TOKEN', 'the token or its session was revoked')
  }
}
