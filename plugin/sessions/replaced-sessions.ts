export interface ReplacedSessionsParts {
  /** How long a session counts as just replaced. */
  readonly windowMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * The sessions that a sign-in by cookie has replaced a moment ago. The browser may have sent requests with their
 * cookies before it received those of the new session.
 */
export class ReplacedSessions {
  readonly #parts: ReplacedSessionsParts
  /** The oldest first. */
  readonly #times = new Map<string, number>()

  constructor(parts: ReplacedSessionsParts) {
    this.#parts = parts
  }

  add(sessionId: string): void {
    for (const id of this.#times.keys()) {
      if (this.has(id)) break
      this.#times.delete(id)
    }
    this.#times.delete(sessionId)
    this.#times.set(sessionId, this.#parts.now())
  }

  has(sessionId: string): boolean {
    const { windowMs, now } = this.#parts
    const replacedAt = this.#times.get(sessionId)
    return replacedAt !== undefined && Math.abs(now() - replacedAt) < windowMs
  }
}
