import { revokeAllRememberedMs, type Subject } from '../session-store.ts'
import { ExpiryIndex } from './expiry-index.ts'

/** A subject under one issuer. */
export interface Owner {
  /** Raised by `revokeAll()`: sessions that carry less are revoked. */
  counter: number
  revokedAllAt: number
  /** The sessions that are not logged as revoked, in the order of their start. */
  readonly open: Set<string>
}

export class Owners {
  readonly #owners = new Map<string, Owner>()
  readonly #expiry = new ExpiryIndex()

  /** Those that are known. */
  of({ issuers, sub }: Subject): Owner[] {
    return [...new Set(issuers)]
      .map((issuer) => this.#owners.get(keyOf(issuer, sub)))
      .filter((owner) => owner !== undefined)
  }

  get(issuer: string, sub: string): Owner {
    const key = keyOf(issuer, sub)
    let owner = this.#owners.get(key)
    if (owner === undefined) this.#owners.set(key, (owner = { counter: 0, revokedAllAt: -Infinity, open: new Set() }))
    return owner
  }

  /** Revokes all sessions that the subject has now. */
  raise({ issuers, sub }: Subject, now: number): void {
    for (const issuer of new Set(issuers)) {
      const owner = this.get(issuer, sub)
      owner.counter++
      owner.revokedAllAt = now
      this.#expiry.set(keyOf(issuer, sub), now + revokeAllRememberedMs)
    }
  }

  /** Drops an owner that no session and no `revokeAll()` of the last day needs. */
  drop(issuer: string, sub: string, now: number): void {
    this.#drop(keyOf(issuer, sub), now)
  }

  /** Drops what is not needed, one by one, and counts: the caller may pause between two. */
  *sweep(now: number): Generator<number> {
    let looked = 0
    for (const key of this.#expiry.due(now)) {
      this.#drop(key, now)
      // Sessions depend on its counter: it is looked at again later, and not at every call.
      if (this.#owners.has(key)) this.#expiry.set(key, now + revokeAllRememberedMs)
      yield ++looked
    }
  }

  #drop(key: string, now: number): void {
    const owner = this.#owners.get(key)
    if (owner === undefined || owner.open.size > 0 || owner.revokedAllAt > now - revokeAllRememberedMs) return
    this.#owners.delete(key)
    this.#expiry.delete(key)
  }
}

/** No two pairs have one key, whatever the texts contain. */
function keyOf(issuer: string, sub: string): string {
  return `${issuer.length}:${issuer}${sub}`
}
