import { inSlices } from '../slices.ts'
import type { Revocation } from '../stores/session-store.ts'
import { tokenRevocationId, type AccessToken } from '../tokens/access-token.ts'

const pruneMs = 60_000

/** What is revoked, for as long as an access token could still be presented. A check costs one or two map look-ups. */
export class RevocationList {
  readonly #untils = { session: new Map<string, number>(), token: new Map<string, number>() }
  /** A token that was found valid at this version need not be looked up again until the version changes. */
  #version = 0
  readonly #monotonic: () => number
  #prunedAt: number

  /** @param monotonic milliseconds that never run back */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
    this.#prunedAt = monotonic()
  }

  /** `raised`: it was known, with an earlier `until`. `expired`: it is not recorded. */
  record({ kind, id, until }: Revocation, now: number): 'new' | 'raised' | 'known' | 'expired' {
    if (until <= now) return 'expired'
    const known = this.#untils[kind].get(id)
    if (known !== undefined && known >= until) return 'known'
    this.#untils[kind].set(id, until)
    this.#version++
    return known === undefined ? 'new' : 'raised'
  }

  /** Whether the token or its session is revoked. */
  isRevoked(token: AccessToken): boolean {
    if (token.checkedAtVersion === this.#version) return false
    if (this.#isListed(token)) return true
    token.checkedAtVersion = this.#version
    return false
  }

  isSessionRevoked(sessionId: string): boolean {
    return this.#untils.session.has(sessionId)
  }

  *entries(): Generator<Revocation> {
    for (const kind of ['session', 'token'] as const) {
      for (const [id, until] of this.#untils[kind]) yield { kind, id, until }
    }
  }

  /** Calls {@link prune} once a minute. */
  pruneIfDue(now: number): void {
    if (this.#monotonic() - this.#prunedAt >= pruneMs) this.prune(now)
  }

  /** Removes what has expired, in slices: the next poll does not wait for it. */
  prune(now: number): void {
    this.#prunedAt = this.#monotonic()
    void inSlices(this.#expire(now))
  }

  *#expire(now: number): Generator<void, void> {
    for (const untils of Object.values(this.#untils)) {
      for (const [id, until] of untils) {
        if (until <= now) untils.delete(id)
        yield
      }
    }
  }

  #isListed({ sessionId, claims: { iss, jti } }: AccessToken): boolean {
    return (
      (sessionId !== null && this.#untils.session.has(sessionId)) ||
      (jti !== undefined && this.#untils.token.has(tokenRevocationId(iss, jti)))
    )
  }
}
