import { isLive, maxBatch, revokedUntil, type NewSession, type RevokedSession } from '../session-store.ts'
import type { Subject } from '../session-store.ts'
import { ExpiryIndex } from './expiry-index.ts'
import { IdTable } from './id-table.ts'
import { Owners } from './owners.ts'
import { Parts } from './parts.ts'
import type { RevocationLog } from './revocation-log.ts'
import { Session } from './session.ts'

/** When sessions are revoked, and how long this node's access tokens are valid. */
export interface RevokeTerms {
  readonly now: number
  readonly lifetimeSeconds: number
}

/** The sessions of the memory store, and the log of those that are revoked. */
export class SessionTable {
  readonly owners = new Owners()
  readonly #log: RevocationLog
  readonly #sessions = new Parts(() => new IdTable<Session>())
  readonly #expiry = new ExpiryIndex<Session>(({ expiresAt }) => expiresAt)

  constructor(log: RevocationLog) {
    this.#log = log
  }

  get(id: string): Session | undefined {
    return this.#sessions.of(id).get(id)
  }

  add(given: NewSession, now: number): Session {
    const owner = this.owners.get(given)
    const session = new Session(given, { owner, now })
    owner.add(session)
    this.#sessions.of(session.id).add(session)
    this.#expiry.set(session)
    return session
  }

  /** Changes what a refresh changes in every row. */
  slide(session: Session, given: Parameters<Session['slide']>[0]): void {
    session.slide(given)
    this.#expiry.set(session)
  }

  /** Revokes and logs a session, until `atLeast` or later. One that was logged before is not changed. */
  revoke(
    session: Session,
    { now, lifetimeSeconds, atLeast = 0 }: RevokeTerms & { readonly atLeast?: number }
  ): RevokedSession {
    if (session.until === null) {
      const until = Math.max(revokedUntil(session, { revokedAt: now, lifetimeSeconds }), atLeast)
      session.revokedAloneAt = session.revokedAt ?? now
      session.until = until
      session.owner.remove(session)
      this.#expiry.set(session)
      this.#log.append({ kind: 'session', id: session.id, until })
    }
    return { id: session.id, sub: session.owner.sub, until: session.until! }
  }

  /** Call it after `owners.raise()`: keeps a session live that was live before. */
  spare(id: string, subject: Subject): void {
    const session = this.get(id)
    if (session === undefined || !this.owners.of(subject).includes(session.owner)) return
    if (session.counter === session.owner.counter - 1) session.counter++
  }

  /** A subject's live sessions, oldest first. */
  live(subject: Subject, now: number): Session[] {
    return this.owners
      .of(subject)
      .flatMap((owner) => [...owner.open()].filter((session) => isLive(session, now)))
      .sort((a, b) => a.createdAt - b.createdAt)
  }

  /** A subject's live sessions, oldest first; if there are more than `limit`, the most recently rotated ones. */
  recent(subject: Subject, { now, limit }: { readonly now: number; readonly limit: number }): Session[] {
    const live = this.live(subject, now)
    if (live.length <= limit) return live
    const recent = new Set(smallest(live, { count: limit, of: ({ rotatedAt }) => -rotatedAt }))
    return live.filter((session) => recent.has(session))
  }

  /** Logs a batch of the sessions that `revokeAll()` has revoked. */
  logBehind(subject: Subject, terms: RevokeTerms) {
    const behind: Session[] = []
    for (const owner of this.owners.of(subject)) {
      for (const session of owner.open()) {
        if (session.idleExpiresAt <= terms.now) owner.remove(session)
        else if (session.isBehind && behind.push(session) > maxBatch) break
      }
    }
    const revoked = behind.slice(0, maxBatch).map((session) => this.revoke(session, terms))
    return { revoked, more: behind.length > revoked.length }
  }

  /** Revokes live sessions beyond `maxSessions`, the least recently rotated first. */
  evict(
    subject: Subject,
    { maxSessions, atMost, ...terms }: RevokeTerms & { readonly maxSessions: number; readonly atMost: number }
  ) {
    const open = this.owners.of(subject).reduce((total, { openCount }) => total + openCount, 0)
    const live = open > maxSessions ? this.live(subject, terms.now) : []
    const excess = Math.max(0, live.length - maxSessions)
    const revoked = smallest(live, { count: Math.min(excess, atMost), of: ({ rotatedAt }) => rotatedAt }).map(
      (session) => this.revoke(session, terms)
    )
    return { revoked, more: excess > revoked.length }
  }

  /** Removes expired sessions, and returns their number. Yields after each. */
  *sweep(now: number): Generator<void, number> {
    let removed = 0
    yield* this.#expiry.sweep(now, (session) => {
      removed++
      this.#sessions.of(session.id).delete(session.id)
      session.owner.remove(session)
      this.owners.drop(session.owner, now)
    })
    return removed
  }
}

/** The sessions with the smallest values, in order; of equals the first. The others, maybe many, are not sorted. */
function smallest(
  sessions: readonly Session[],
  { count, of }: { readonly count: number; readonly of: (session: Session) => number }
): Session[] {
  const limit = Float64Array.from(sessions, of).sort()[count - 1] ?? -Infinity
  return sessions
    .filter((session) => of(session) <= limit)
    .sort((a, b) => of(a) - of(b))
    .slice(0, count)
}
