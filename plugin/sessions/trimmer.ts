import { setTimeout } from 'node:timers/promises'
import type { RevokedSession, Subject } from '../stores/session-store.ts'
import type { TimedStore } from './timed-store.ts'

export interface TrimmerParts {
  readonly store: Pick<TimedStore, 'trim'>
  readonly maxSessions: number
  /** How many seconds a token that is signed now stays valid, by the store's clock. */
  readonly accessLifetime: () => number
  /** Receives the sessions of each batch. */
  readonly onRevoked: (sessions: readonly RevokedSession[]) => void
  /** How long to wait after a failure of the store. Default 1000. */
  readonly retryMs?: number | undefined
}

/**
 * Continues where one step of the store stopped, for subjects with more sessions than one step revokes. Those sessions
 * can no longer be refreshed. They are logged here in batches, so that their access tokens are refused too.
 */
export class Trimmer {
  readonly #parts: TrimmerParts
  readonly #running = new Map<string, Promise<number>>()
  /**
   * Subjects that were added while they were being trimmed: the step that is running may have missed their sessions.
   */
  readonly #again = new Set<string>()
  readonly #closing = new AbortController()

  constructor(parts: TrimmerParts) {
    this.#parts = parts
  }

  /**
   * Resolves to the number of sessions that were revoked. Never rejects: while the store is down, it tries again. Calls
   * for one subject share a run.
   */
  add(subject: Subject): Promise<number> {
    const key = JSON.stringify(subject)
    const known = this.#running.get(key)
    if (known !== undefined) this.#again.add(key)
    const running = known ?? this.#run(subject, key)
    this.#running.set(key, running)
    return running
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running.values())
  }

  async #run(subject: Subject, key: string): Promise<number> {
    const { store, maxSessions, accessLifetime, onRevoked, retryMs = 1000 } = this.#parts
    let total = 0
    // `add()` must register the run first.
    await null
    for (let more = true; more && !this.#closing.signal.aborted;) {
      try {
        const trimmed = await store.trim(subject, { maxSessions, lifetimeSeconds: accessLifetime() })
        onRevoked(trimmed.revoked)
        total += trimmed.revoked.length
        more = trimmed.more || this.#again.has(key)
        this.#again.delete(key)
      } catch {
        await setTimeout(retryMs, undefined, { ref: false, signal: this.#closing.signal }).catch(() => {})
      }
    }
    // No await since the last step: a later `add()` starts a new run.
    this.#running.delete(key)
    return total
  }
}
