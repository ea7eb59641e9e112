import { revokeAllRememberedMs, type Subject } from '../session-store.ts'
import { ExpiryIndex } from './expiry-index.ts'

interface OwnerName {
  readonly issuer: string
  readonly sub: string
}

/** A subject under one issuer. */
export interface Owner {
  /** Raised by `revokeAll()`: sessions that started with a lower one are revoked. */
  counter: number
  /** When `revokeAll()` was last called. `-Infinity`: never. */
  revokedAllAt: number
  /** Ids of the sessions that are not logged as revoked, in the order of their start. */
  readonly open: Set<string>
}

/** The subjects that have sessions, or had `revokeAll()` called during the last day. */
export class Owners {
  readonly #owners = new Map<string, Owner>()
  readonly #expiry = new ExpiryIndex()

  /** The owners of a subject that exist. */
  of({ issuers, sub }: Subject): Owner[] {
    return [...new Set(issuers)]
      .map((issuer) => this.#owners.get(keyOf({ issuer, sub })))
      .filter((owner) => owner !== undefined)
  }

  /** Creates the owner if it does not exist. */
  get(subject: OwnerName): Owner {
    const key = keyOf(subject)
    let owner = this.#owners.get(key)
    if (owner === undefined) this.#owners.set(key, (owner = { counter: 0, revokedAllAt: -Infinity, open: new Set() }))
    return owner
  }

  /** Revokes all sessions that the subject has now, under each of the issuers. */
  raise({ issuers, sub }: Subject, now: number): void {
    for (const issuer of new Set(issuers)) {
      const owner = this.get({ issuer, sub })
      owner.counter++
      owner.revokedAllAt = now
      this.#expiry.set(keyOf({ issuer, sub }), now + revokeAllRememberedMs)
    }
  }

  /** Drops an owner unless it has sessions, or had `revokeAll()` called during the last day. */
  drop(owner: OwnerName, now: number): void {
    this.#drop(keyOf(owner), now)
  }

  /** Drops such owners, and yields how many were looked at, so that the caller can pause in between. */
  *sweep(now: number): Generator<number> {
    let looked = 0
    for (const key of this.#expiry.due(now)) {
      this.#drop(key, now)
      // Its sessions need its counter: look again in a day, not at each call.
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

/** With the length in front, two different pairs never have the same key. */
function keyOf({ issuer, sub }: OwnerName): string {
  return `${issuer.length}:${issuer}${sub}`
}
