import type { PushListener, Revocation } from '../session-store.ts'
import { Heartbeats, type HeartbeatsParts } from './heartbeats.ts'
import { heartbeatMessage, readPushedEntries } from './message.ts'

export interface PushFeedParts extends Pick<HeartbeatsParts, 'random' | 'monotonic'> {
  /**
   * Publishes a message to all nodes. `null`: messages prove nothing about later ones, because they may take different
   * ways, as in a Redis Cluster. Then no heartbeat is sent or reported.
   */
  readonly publish: ((message: string) => Promise<unknown>) | null
}

/** What the connection that a store subscribes with delivers, passed on to the listeners. */
export class PushFeed {
  readonly #listeners = new Set<PushListener>()
  readonly #heartbeats: Heartbeats | null
  /** What running calls of this store have published, by the name of the call. */
  readonly #held = new Map<unknown, Revocation[]>()
  #isClosed = false

  constructor({ publish, ...rest }: PushFeedParts) {
    this.#heartbeats = publish && new Heartbeats({ send: () => publish(heartbeatMessage), ...rest })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  add(listener: PushListener): void {
    if (this.#isClosed) throw new Error('Cannot subscribe: the store is closed')
    this.#listeners.add(listener)
    this.#heartbeats?.start()
  }

  /** Messages may have been lost. */
  wake(): void {
    this.#tell((listener) => listener.wake())
  }

  /** A message has arrived. `caller`: who has sent it, if the database says that. */
  receive(message: string, caller?: unknown): void {
    if (this.#heartbeats !== null) {
      this.#heartbeats.heard()
      this.#tell((listener) => listener.heartbeat())
    }
    if (message === heartbeatMessage) return
    const pushed = readPushedEntries(message)
    if (pushed === null) return this.wake()
    const held = this.#held.get(caller ?? pushed.call)
    if (held === undefined) this.#revoked(pushed.entries)
    else held.push(...pushed.entries)
  }

  /**
   * Runs a call that may publish. What it publishes is held back until its caller has recorded the outcome: the caller
   * knows why sessions were revoked, and the message may be faster than the response.
   * @param caller the name of the call, or who makes it: what `receive()` sees of the sender
   */
  async run<T>(caller: unknown, call: () => Promise<T>): Promise<T> {
    if (caller === undefined) return await call()
    const entries: Revocation[] = []
    this.#held.set(caller, entries)
    try {
      return await call()
    } finally {
      if (this.#held.get(caller) === entries) this.#held.delete(caller)
      if (entries.length > 0) setImmediate(() => this.#revoked(entries))
    }
  }

  close(): void {
    this.#isClosed = true
    this.#heartbeats?.stop()
  }

  #revoked(entries: readonly Revocation[]): void {
    this.#tell((listener) => listener.revoked(entries))
  }

  #tell(tell: (listener: PushListener) => void): void {
    if (!this.#isClosed) for (const listener of this.#listeners) tell(listener)
  }
}
