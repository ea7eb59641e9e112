export interface RecentlyEndedParts {
  /** How long a session counts as recently ended. */
  readonly windowMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * The sessions that this process saw end a moment ago. A browser may have sent requests with their cookies before a
 * sign-in gave it the cookies of another session.
 */
export class RecentlyEnded {
  readonly #parts: RecentlyEndedParts
  /** The oldest first. */
  readonly #endedAt = new Map<string, number>()

  constructor(parts: RecentlyEndedParts) {
    this.#parts = parts
  }

  add(sessionId: string): void {
    for (const id of this.#endedAt.keys()) {
      if (this.has(id)) break
      this.#endedAt.delete(id)
    }
    this.#endedAt.delete(sessionId)
    this.#endedAt.set(sessionId, this.#parts.now())
  }

  has(sessionId: string): boolean {
    const { windowMs, now } = this.#parts
    const endedAt = this.#endedAt.get(sessionId)
    return endedAt !== undefined && Math.abs(now() - endedAt) < windowMs
  }
}
