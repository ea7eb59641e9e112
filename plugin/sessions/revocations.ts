import { refusal } from '../errors.ts'
import type { Emit, RevocationReason } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { Revocation } from '../stores/session-store.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import { PendingRevocations } from './pending-revocations.ts'
import { RevocationList } from './revocation-list.ts'
import type { TimedStore } from './timed-store.ts'

const pageSize = 1000
const pruneMs = 60_000
/** By so much, stores let a revocation outlive the last token. */
const marginMs = 60_000

export interface RevocationsParts {
  readonly settings: Settings
  readonly store: TimedStore
  /** The clock of tokens and revocations. */
  readonly now: () => number
  /**
   * The store's time, which may lag behind that clock for a while: a revocation that has ended by the one but not by the
   * other still matters. Default: `now`.
   */
  readonly storeNow?: (() => number) | undefined
  /** How long an access token that is signed now may be valid by the store's clock. */
  readonly accessLifetime: () => number
  readonly emit: Emit
  /** Milliseconds that never run back: staleness must not depend on the wall clock. */
  readonly monotonic?: (() => number) | undefined
}

/**
 * What is revoked, in the memory of this process: a list that follows the store's revocation log, ahead of which this
 * process' own revocations take effect.
 */
export class Revocations {
  readonly #parts: RevocationsParts
  readonly #monotonic: () => number
  readonly #storeNow: () => number
  readonly #list = new RevocationList()
  readonly #pending = new PendingRevocations()
  #cursor: string | null = null
  /** What a log that is being read anew has shown; `null` while the one that was followed goes on. */
  #reloaded: Set<string> | null = null
  /** Number of readings begun. */
  #reading = 0
  #polling: Promise<void> | undefined
  #lastReadAt = -Infinity
  #prunedAt: number
  #wasStale = false
  /** Entries that are found before the first request are not news: nothing was accepted that they refuse. */
  #isServing = false

  constructor(parts: RevocationsParts) {
    this.#parts = parts
    this.#monotonic = parts.monotonic ?? (() => performance.now())
    this.#storeNow = parts.storeNow ?? parts.now
    this.#prunedAt = this.#monotonic()
  }

  /**
   * Passes a verified token on, unless it was revoked: what verification from memory cannot know by itself.
   * @throws AuthError AUTH_REVOKED_TOKEN; AUTH_STORE_UNAVAILABLE when the list is stale and `whenStale` is `refuse`
   */
  assertNotRevoked(verified: AccessToken): AccessToken {
    if (this.#list.isRevoked(verified)) throw refusal('AUTH_REVOKED_TOKEN', 'the token or its session was revoked')
    if (this.#mustRefuseAll()) throw refusal('AUTH_STORE_UNAVAILABLE', 'the revocation list is stale')
    return verified
  }

  /** Whether {@link assertNotRevoked} would pass the token on. */
  isValid(verified: AccessToken): boolean {
    return !this.#list.isRevoked(verified) && !this.#mustRefuseAll()
  }

  /** Whether this process knows that a session has ended, even if the store does not yet, or no longer. */
  isSessionRevoked(sessionId: string): boolean {
    return this.#list.isSessionRevoked(sessionId)
  }

  /**
   * A call of the store has revoked this, and logged it: refused here from now on. A store whose clock was set back
   * reckons from too early a time: then the entry is written again with the end that this process' tokens need.
   */
  record(entry: Revocation, reason: RevocationReason = null): void {
    if (this.#record(entry, reason)) this.#pending.expect(entry, this.#reading)
    const { now, accessLifetime } = this.#parts
    const isStoreBehind = now() - this.#storeNow() > marginMs
    if (isStoreBehind) {
      this.revokeLocally({ ...entry, until: Math.max(entry.until, now() + accessLifetime() * 1000 + marginMs) })
    }
  }

  /** The store could not be told: refused here at once, and written as soon as the store responds. */
  revokeLocally(entry: Revocation): void {
    if (this.#record(entry, null)) this.#pending.queue(entry)
  }

  /** Refused here at once, even if the store cannot be told, and everywhere soon after this resolves. */
  async revokeEverywhere(entry: Revocation, store = this.#parts.store): Promise<void> {
    this.revokeLocally(entry)
    await store.appendRevocations([entry], { lifetimeSeconds: this.#parts.accessLifetime() })
    this.#pending.written(entry, this.#reading)
  }

  /** Until when a token may be valid of which nothing is known: as long as any of ours. */
  longestUntil(): number {
    return this.#parts.now() + this.#parts.settings.accessToken.maxLifetimeSeconds * 1000 + marginMs
  }

  /** Reads on in the log. Calls share one reading, and never reject: a log that cannot be read makes the list stale. */
  poll(): Promise<void> {
    this.#polling ??= this.#follow().finally(() => {
      this.#polling = undefined
    })
    return this.#polling
  }

  /** The log may have grown: a reading that is under way may have passed that place, so another one follows it. */
  async wake(): Promise<void> {
    await this.#polling
    await this.poll()
  }

  /** From here on, what the log brings is news. */
  startServing(): void {
    this.#isServing = true
  }

  /** Waits for what is under way, and tries once more to write what the store could not be told. */
  async close(): Promise<void> {
    await this.#polling
    // Not the last try: it may be about to fail, and the store may respond by now.
    await this.#pending.flushing
    await this.#flush()
  }

  async #follow(): Promise<void> {
    try {
      await this.#readOn()
      this.#lastReadAt = this.#monotonic()
      this.#pending.readingEnded(this.#reading, this.#storeNow())
      // Not while the store is away: only a response shows whether this node's own clock was set.
      if (this.#monotonic() - this.#prunedAt >= pruneMs) this.#prune()
    } catch {
      // Whatever it was, it shows as staleness.
    }
    this.#isStale()
    // Not awaited: reading goes on beside it, however much there is to write.
    this.#flush()
  }

  #flush(): Promise<void> {
    const { store, accessLifetime } = this.#parts
    const write = (entries: readonly Revocation[]) =>
      store.appendRevocations(entries, { lifetimeSeconds: accessLifetime() })
    return this.#pending.flush(write, () => this.#reading)
  }

  async #readOn(): Promise<void> {
    this.#reading++
    for (let more = true; more;) {
      const page = await this.#parts.store.readRevocations(this.#cursor, pageSize)
      // The log is not the one that was followed: it is read whole, however many readings that takes.
      if (!page.resumed) this.#reloaded = new Set()
      this.#take(page.entries)
      for (const entry of page.entries) this.#reloaded?.add(textOf(entry))
      this.#cursor = page.cursor
      more = page.more
    }
    if (this.#reloaded !== null) this.#giveBack(this.#reloaded)
    this.#reloaded = null
  }

  /** What the log has lost is written again. */
  #giveBack(found: ReadonlySet<string>): void {
    this.#prune()
    for (const entry of this.#list.entries()) {
      if (!found.has(textOf(entry))) this.#pending.queue(entry)
    }
  }

  #take(entries: readonly Revocation[]): void {
    for (const entry of entries) {
      this.#record(entry, null)
      this.#pending.seen(entry)
    }
  }

  /** False for what the log has shown already, or what is over: what is known is either pending or was seen there. */
  #record(entry: Revocation, reason: RevocationReason): boolean {
    const outcome = this.#list.record(entry, this.#storeNow())
    if (outcome === 'new' && this.#isServing && entry.kind === 'session') {
      this.#parts.emit({ type: 'session-revoked', sessionId: entry.id, reason })
    }
    return outcome === 'new' || outcome === 'raised'
  }

  #mustRefuseAll(): boolean {
    return this.#parts.settings.revocation.whenStale === 'refuse' && this.#isStale()
  }

  #isStale(): boolean {
    const silentMs = this.#monotonic() - this.#lastReadAt
    const isStale = silentMs > this.#parts.settings.revocation.maxStalenessSeconds * 1000
    if (isStale !== this.#wasStale)
      this.#parts.emit({ type: isStale ? 'revocation-log-stale' : 'revocation-log-recovered', silentMs })
    this.#wasStale = isStale
    return isStale
  }

  #prune(): void {
    this.#prunedAt = this.#monotonic()
    this.#list.prune(this.#storeNow())
  }
}

function textOf({ kind, id, until }: Revocation): string {
  return `${kind}${id} ${until}`
}
