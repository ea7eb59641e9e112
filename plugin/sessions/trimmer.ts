import { setTimeout } from 'node:timers/promises'
import type { RevokedSession, Subject } from '../stores/session-store.ts'
import type { TimedStore } from './timed-store.ts'

const retryMs = 1000

export interface TrimmerParts {
  readonly store: TimedStore
  readonly maxSessions: number
  readonly accessLifetime: () => number
  readonly onRevoked: (sessions: readonly RevokedSession[]) => void
}

/**
 * Goes on where one step of the store had to stop: subjects with more sessions than one step revokes. Their sessions
 * cannot be refreshed any more; what is left is to log them, so that their access tokens are refused too.
 */
export class Trimmer {
  readonly #parts: TrimmerParts
  readonly #running = new Map<string, Promise<number>>()
  /** Subjects that were added during a step, which may have looked before there was more to do. */
  readonly #again = new Set<string>()
  readonly #closing = new AbortController()

  constructor(parts: TrimmerParts) {
    this.#parts = parts
  }

  /** Resolves to how many sessions were revoked; never rejects, and goes on while the store is away. Calls for one subject share a run. */
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
    const { store, maxSessions, accessLifetime, onRevoked } = this.#parts
    let total = 0
    // Not before `add()` has noted the run.
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
    // In the same turn as the last look, so that nobody joins a run that has ended.
    this.#running.delete(key)
    return total
  }
}
