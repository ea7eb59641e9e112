import type { Revocation } from '../stores/session-store.ts'
import { tokenRevocationId, type AccessToken } from '../tokens/access-token.ts'

/** What is revoked and could still be presented: asking costs a map look-up at most. */
export class RevocationList {
  readonly #untils = { session: new Map<string, number>(), token: new Map<string, number>() }
  /** A token that was found valid at this version need not be looked up again until it changes. */
  #version = 0

  record({ kind, id, until }: Revocation, now: number): 'new' | 'raised' | 'known' | 'over' {
    if (until <= now) return 'over'
    const known = this.#untils[kind].get(id)
    if (known !== undefined && known >= until) return 'known'
    this.#untils[kind].set(id, until)
    this.#version++
    return known === undefined ? 'new' : 'raised'
  }

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

  prune(now: number): void {
    for (const untils of Object.values(this.#untils)) {
      for (const [id, until] of untils) if (until <= now) untils.delete(id)
    }
  }

  /** By its session, or by itself. */
  #isListed({ sessionId, claims: { iss, jti } }: AccessToken): boolean {
    return (
      (sessionId !== null && this.#untils.session.has(sessionId)) ||
      (jti !== undefined && this.#untils.token.has(tokenRevocationId(iss, jti)))
    )
  }
}
