import type { Expiring } from './expiry-index.ts'

/** A session as its owner sees it: with its neighbours among the open ones. */
interface OpenSession<Session> {
  previous: Session | null
  next: Session | null
}

/** A subject under one issuer, and its sessions that are not logged as revoked, in the order of their start. */
export class Owner<Session extends OpenSession<Session>> implements Expiring {
  declare readonly issuer: string
  declare readonly sub: string
  /** Raised by `revokeAll()`: sessions that started with a lower one are revoked. */
  declare counter: number
  /** When `revokeAll()` was last called. `null`: never. */
  declare revokedAllAt: number | null
  /** How many sessions are open. */
  declare openCount: number
  /** A linked list, because most owners have one session. */
  declare first: Session | null
  declare last: Session | null
  declare bucket: Expiring['bucket']
  declare position: number

  constructor({ issuer, sub }: { readonly issuer: string; readonly sub: string }) {
    this.issuer = issuer
    this.sub = sub
    this.counter = 0
    this.revokedAllAt = null
    this.openCount = 0
    this.first = null
    this.last = null
    this.bucket = null
    this.position = 0
  }

  /** The caller may remove the session that it has received. */
  *open(): Generator<Session> {
    for (let session = this.first; session !== null;) {
      const { next } = session
      yield session
      session = next
    }
  }

  add(session: Session): void {
    session.previous = this.last
    if (this.last === null) this.first = session
    else this.last.next = session
    this.last = session
    this.openCount++
  }

  /** Does nothing if the session was removed before. */
  remove(session: Session): void {
    const { previous, next } = session
    if (previous === null && this.first !== session) return
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    session.previous = null
    session.next = null
    this.openCount--
  }
}
