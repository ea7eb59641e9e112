import { isLive, maxBatch, revokedUntil, type NewSession, type RevokedSession } from '../session-store.ts'
import type { SessionRow, Subject } from '../session-store.ts'
import { ExpiryIndex } from './expiry-index.ts'
import { Owners, type Owner } from './owners.ts'
import type { RevocationLog } from './revocation-log.ts'
import { newRow } from './rows.ts'

interface Kept {
  readonly row: SessionRow
  readonly owner: Owner
  /** The owner's counter when the session started: `revokeAll()` raises the owner's, and a lower one is revoked. */
  readonly counter: number
  /** When the access tokens of a session that is logged as revoked have expired. `null`: it is not logged. */
  readonly until: number | null
}

/** When sessions are revoked, and how long this node's access tokens are valid. */
export interface RevokeTerms {
  readonly now: number
  readonly lifetimeSeconds: number
}

/** The sessions of the memory store, and the log of those that are revoked. */
export class SessionTable {
  readonly owners = new Owners()
  readonly #log: RevocationLog
  readonly #kept = new Map<string, Kept>()
  readonly #expiry = new ExpiryIndex()

  constructor(log: RevocationLog) {
    this.#log = log
  }

  has(id: string): boolean {
    return this.#kept.has(id)
  }

  /** The row as callers see it: `revokeAll()` has revoked it although it is not logged yet. */
  row(id: string): SessionRow | null {
    const kept = this.#kept.get(id)
    if (kept === undefined) return null
    const { row, owner } = kept
    const isBehind = row.revokedAt === null && kept.counter < owner.counter
    return isBehind ? { ...row, revokedAt: owner.revokedAllAt } : row
  }

  /** What `revoke()` returned for a session before, `null` if it is not logged as revoked. */
  revoked(id: string): RevokedSession | null {
    const { row, until } = this.#kept.get(id)!
    return until === null ? null : { id, sub: row.sub, until }
  }

  /** Whether a session exists that is not logged as revoked. */
  isOpen(id: string): boolean {
    return this.#kept.get(id)?.until === null
  }

  add(session: NewSession, now: number): SessionRow {
    const owner = this.owners.get(session)
    owner.open.add(session.id)
    return this.#put({ row: newRow(session, now), owner, counter: owner.counter, until: null })
  }

  change(id: string, change: Partial<SessionRow>): SessionRow {
    const kept = this.#kept.get(id)!
    return this.#put({ ...kept, row: Object.freeze({ ...kept.row, ...change }) })
  }

  /** Revokes and logs a session, until `atLeast` or later. */
  revoke(
    id: string,
    { now, lifetimeSeconds, atLeast = 0 }: RevokeTerms & { readonly atLeast?: number }
  ): RevokedSession {
    const kept = this.#kept.get(id)!
    const until = Math.max(revokedUntil(kept.row, { revokedAt: now, lifetimeSeconds }), atLeast)
    kept.owner.open.delete(id)
    const revokedAt = this.row(id)!.revokedAt ?? now
    this.#put({ ...kept, row: Object.freeze({ ...kept.row, revokedAt }), until })
    this.#log.append({ kind: 'session', id, until })
    return { id, sub: kept.row.sub, until }
  }

  /** Call it after `owners.raise()`: keeps a session live that was live before. */
  spare(id: string, subject: Subject): void {
    const kept = this.#kept.get(id)
    const isOfSubject = kept !== undefined && this.owners.of(subject).includes(kept.owner)
    if (isOfSubject && kept.counter === kept.owner.counter - 1) {
      this.#kept.set(id, { ...kept, counter: kept.counter + 1 })
    }
  }

  /** A subject's live rows, oldest first. */
  live(subject: Subject, now: number): SessionRow[] {
    return this.owners
      .of(subject)
      .flatMap(({ open }) => [...open])
      .map((id) => this.row(id)!)
      .filter((row) => isLive(row, now))
      .sort((a, b) => a.createdAt - b.createdAt)
  }

  /** Logs a batch of the sessions that `revokeAll()` has revoked. */
  logBehind(subject: Subject, terms: RevokeTerms) {
    const behind: string[] = []
    for (const { open, counter } of this.owners.of(subject)) {
      for (const id of open) {
        const kept = this.#kept.get(id)!
        if (kept.row.idleExpiresAt <= terms.now) open.delete(id)
        else if (kept.counter < counter && behind.push(id) > maxBatch) break
      }
    }
    const revoked = behind.slice(0, maxBatch).map((id) => this.revoke(id, terms))
    return { revoked, more: behind.length > revoked.length }
  }

  /** Revokes live sessions beyond `maxSessions`, the least recently rotated first. */
  evict(
    subject: Subject,
    { maxSessions, atMost, ...terms }: RevokeTerms & { readonly maxSessions: number; readonly atMost: number }
  ) {
    const open = this.owners.of(subject).reduce((total, owner) => total + owner.open.size, 0)
    const live = open > maxSessions ? this.live(subject, terms.now) : []
    const excess = Math.max(0, live.length - maxSessions)
    const revoked = live
      .sort((a, b) => a.rotatedAt - b.rotatedAt)
      .slice(0, Math.min(excess, atMost))
      .map(({ id }) => this.revoke(id, terms))
    return { revoked, more: excess > revoked.length }
  }

  /** Removes expired sessions, and yields their number after each, so that the caller can pause in between. */
  *sweep(now: number): Generator<number> {
    let removed = 0
    for (const id of this.#expiry.due(now)) {
      this.#remove(id, now)
      yield ++removed
    }
  }

  #put(kept: Kept): SessionRow {
    this.#kept.set(kept.row.id, kept)
    this.#expiry.set(kept.row.id, kept.until ?? kept.row.idleExpiresAt)
    return kept.row
  }

  #remove(id: string, now: number): void {
    const { row, owner } = this.#kept.get(id)!
    this.#kept.delete(id)
    this.#expiry.delete(id)
    owner.open.delete(id)
    this.owners.drop(row, now)
  }
}
