import { AuthError, refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { StoreShards } from '../stores/session-store.ts'
import { withTimeout } from '../timeout.ts'
import { PollPace } from './poll-pace.ts'
import { ShardStaleness } from './shard-staleness.ts'
import { Staleness, type ListStaleness } from './staleness.ts'
import { storeTimeoutMs } from './timed-store.ts'

export interface RevocationReadsParts {
  readonly revocation: Settings['revocation']
  /** The shards of the store, each of which can be down. Default: the store is up or down as a whole. */
  readonly shards?: StoreShards | undefined
  /**
   * Reads the log to its end, and resolves to the shards that could not be read. It is never called twice at the same
   * time.
   */
  readonly read: () => Promise<readonly string[]>
  /** Called after each read, also after one that failed, and when none is due. */
  readonly afterRead: () => void
  /** Milliseconds that never run back. */
  readonly monotonic: () => number
  /** This node's own clock. */
  readonly nodeClock: () => number
  readonly emit: Emit
  /** How long a request waits for a read. Default: {@link storeTimeoutMs}. */
  readonly timeoutMs?: number | undefined
}

/** Reads the revocation log, one read at a time, and knows whether the last one is recent enough to decide by. */
export class RevocationReads {
  readonly #parts: RevocationReadsParts
  readonly #staleness: ListStaleness
  readonly #pace: PollPace
  #reading: Promise<readonly string[]> | undefined
  /** Whether the list of revocations may decide now, without waiting, about a session or a token without one. */
  readonly isUsable: (sessionId: string | null) => boolean

  constructor(parts: RevocationReadsParts) {
    const { revocation, shards, monotonic, nodeClock, emit } = parts
    const { maxStalenessSeconds, whenStale } = revocation
    const stalenessParts = {
      limitMs: maxStalenessSeconds * 1000,
      monotonic,
      // Only 'ask' can afford a clock that somebody sets forward: that costs it one read.
      wallClock: whenStale === 'ask' ? nodeClock : null,
      emit
    }
    const staleness = shards ? new ShardStaleness({ ...stalenessParts, shards }) : new Staleness(stalenessParts)
    const usable = {
      accept: () => true,
      refuse: (sessionId) => {
        staleness.report()
        return !staleness.isStale(sessionId)
      },
      // Not reported: after a pause, the read that follows shows whether anything is wrong.
      ask: (sessionId) => !staleness.isStale(sessionId)
    } satisfies Record<typeof whenStale, RevocationReads['isUsable']>
    this.#parts = parts
    this.#staleness = staleness
    this.#pace = new PollPace({ ...revocation, monotonic, nodeClock })
    this.isUsable = usable[whenStale]
  }

  /**
   * Resolves when the list may decide about these sessions (`null`: a token without one). If `whenStale` is `ask`, a
   * stale list is read again; requests that find it stale share one read.
   * @throws AuthError AUTH_STORE_UNAVAILABLE
   */
  async becomeUsable(sessionIds: readonly (string | null)[]): Promise<void> {
    if (sessionIds.every(this.isUsable)) return
    if (this.#parts.revocation.whenStale !== 'ask') {
      throw refusal('AUTH_STORE_UNAVAILABLE', 'the revocation list is stale')
    }
    const ms = this.#parts.timeoutMs ?? storeTimeoutMs
    try {
      await withTimeout(() => this.#readIfStale(sessionIds), {
        ms,
        timeoutError: () => new Error(`no response within ${ms} ms`)
      })
    } catch (error) {
      // The requests share the read, but not its error, which the application may change.
      throw refusal('AUTH_STORE_UNAVAILABLE', `the revocation log could not be read: ${reasonOf(error)}`, {
        cause: error
      })
    }
  }

  /**
   * Reads the new entries of the log. Concurrent calls share one read. Never rejects: a log that cannot be read becomes
   * stale, which is reported.
   */
  async poll(): Promise<void> {
    await this.#read().catch(() => {})
  }

  /** As {@link poll}, unless push works and the last read is recent enough. */
  async pollIfDue(): Promise<void> {
    if (this.#pace.isDue()) await this.poll()
    else this.#parts.afterRead()
  }

  /** Push works: most polls are not due. It does not count as a read of the log. */
  heartbeat(): void {
    this.#pace.heartbeat()
  }

  /** Call it when the log may have grown. A read that is running may have missed that, so another one follows. */
  async wake(): Promise<void> {
    await this.end()
    await this.poll()
  }

  /** Waits for the read that is running. Never rejects. */
  async end(): Promise<void> {
    await this.#reading?.catch(() => {})
  }

  /**
   * A read that is running may have been sent, and even its response received, before this process was stopped: only
   * its age counts. A read that begins now returns everything that was revoked before the request.
   */
  async #readIfStale(sessionIds: readonly (string | null)[]): Promise<void> {
    await this.end()
    if (sessionIds.every(this.isUsable)) return
    const unread = await this.#read()
    const isShown = sessionIds.every((sessionId) => this.#staleness.isShownBy(unread, sessionId))
    if (!isShown) throw new Error(`no response of ${unread.map((shard) => `shard "${shard}"`).join(', ')}`)
  }

  #read(): Promise<readonly string[]> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /**
   * Resolves to the shards that could not be read.
   * @throws AuthError AUTH_STORE_UNAVAILABLE
   */
  async #readOnce(): Promise<readonly string[]> {
    const sentAt = this.#staleness.now()
    try {
      const unread = await this.#parts.read()
      this.#staleness.reset(sentAt, unread)
      if (unread.length === 0) this.#pace.read(sentAt.monotonic)
      return unread
    } finally {
      this.#staleness.report()
      this.#parts.afterRead()
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AuthError) return error.detail
  return error instanceof Error ? error.message : String(error)
}
