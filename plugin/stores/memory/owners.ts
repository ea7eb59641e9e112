import { revokeAllRememberedMs, type Subject } from '../session-store.ts'
import { ExpiryIndex } from './expiry-index.ts'
import { Owner } from './owner.ts'
import { Parts } from './parts.ts'
import type { Session } from './session.ts'

interface OwnerName {
  readonly issuer: string
  readonly sub: string
}

type SessionOwner = Owner<Session>

/** The subjects that have sessions, or had `revokeAll()` called during the last day. */
export class Owners {
  /** By issuer, then by subject. */
  readonly #owners = new Map<string, Parts<Map<string, SessionOwner>>>()
  readonly #expiry = new ExpiryIndex<SessionOwner>(({ revokedAllAt }) => revokedAllAt! + revokeAllRememberedMs)

  /** The owners of a subject that exist. */
  of({ issuers, sub }: Subject): SessionOwner[] {
    return [...new Set(issuers)]
      .map((issuer) => this.#owners.get(issuer)?.of(sub).get(sub))
      .filter((owner) => owner !== undefined)
  }

  /** Creates the owner if it does not exist. */
  get({ issuer, sub }: OwnerName): SessionOwner {
    let parts = this.#owners.get(issuer)
    if (parts === undefined) this.#owners.set(issuer, (parts = new Parts(() => new Map())))
    const subs = parts.of(sub)
    let owner = subs.get(sub)
    if (owner === undefined) subs.set(sub, (owner = new Owner({ issuer, sub })))
    return owner
  }

  /** Revokes all sessions that the subject has now, under each of the issuers. */
  raise({ issuers, sub }: Subject, now: number): void {
    for (const issuer of new Set(issuers)) {
      const owner = this.get({ issuer, sub })
      owner.counter++
      owner.revokedAllAt = now
      this.#expiry.set(owner)
    }
  }

  /** Drops an owner unless it has sessions, or had `revokeAll()` called during the last day. */
  drop(owner: SessionOwner, now: number): void {
    if (owner.openCount > 0 || (owner.revokedAllAt ?? -Infinity) > now - revokeAllRememberedMs) return
    const subs = this.#owners.get(owner.issuer)?.of(owner.sub)
    // A session that was revoked can outlive its owner, and the subject have another owner by now.
    if (subs?.get(owner.sub) === owner) subs.delete(owner.sub)
    this.#expiry.delete(owner)
  }

  /** Drops such owners a day after `revokeAll()`: one that has sessions then goes with the last of them. */
  *sweep(now: number): Generator<void> {
    yield* this.#expiry.sweep(now, (owner) => this.drop(owner, now))
  }
}
