import type { NewSession, SessionRow } from '../session-store.ts'
import type { Expiring } from './expiry-index.ts'
import type { Owner } from './owner.ts'

type Members = Readonly<Record<string, unknown>>

const noRetries: readonly number[] = Object.freeze([])
const noMembers: Members = Object.freeze({})

/**
 * A session as the store keeps it: one object, which changes in place. Its members are those of a row; `issuer` and
 * `sub` are the owner's. `declare`, because a field that is first `undefined` costs more memory and time.
 */
export class Session implements Expiring {
  declare readonly id: string
  declare readonly owner: Owner<Session>
  declare readonly sessionKey: string
  declare generation: number
  declare readonly createdAt: number
  declare rotatedAt: number
  declare retries: readonly number[]
  declare repeatedGeneration: number | null
  declare repeatStreak: number
  declare idleExpiresAt: number
  declare readonly idleLimitMs: number | null
  declare readonly absoluteExpiresAt: number
  declare accessLifetimeSeconds: number
  declare readonly device: string | null
  declare readonly scope: string | null
  declare readonly claims: Members
  declare readonly details: Members
  /** When it was revoked by itself. `null`: it was not. */
  declare revokedAloneAt: number | null
  /** When its access tokens have expired. `null`: it is not logged as revoked. */
  declare until: number | null
  /** The owner's counter when the session started: `revokeAll()` raises the owner's, and a lower one is revoked. */
  declare counter: number
  /** Its neighbours among the owner's open sessions. */
  declare previous: Session | null
  declare next: Session | null
  declare bucket: Expiring['bucket']
  declare position: number

  /** A session that starts now. */
  constructor(given: NewSession, { owner, now }: { readonly owner: Owner<Session>; readonly now: number }) {
    this.id = given.id
    this.owner = owner
    this.sessionKey = given.sessionKey
    this.generation = 0
    this.createdAt = now
    this.rotatedAt = now
    this.retries = noRetries
    this.repeatedGeneration = null
    this.repeatStreak = 0
    this.idleExpiresAt = now + Math.min(given.idleMs, given.idleLimitMs ?? Infinity, given.absoluteMs)
    this.idleLimitMs = given.idleLimitMs
    this.absoluteExpiresAt = now + given.absoluteMs
    this.accessLifetimeSeconds = given.accessLifetimeSeconds
    this.device = given.device
    this.scope = given.scope
    this.claims = copyByJson(given.claims)
    this.details = copyByJson(given.details)
    this.revokedAloneAt = null
    this.until = null
    this.counter = owner.counter
    this.previous = null
    this.next = null
    this.bucket = null
    this.position = 0
  }

  /** Whether `revokeAll()` has revoked it, and it is not logged yet. */
  get isBehind(): boolean {
    return this.revokedAloneAt === null && this.counter < this.owner.counter
  }

  /** As callers see it: `revokeAll()` has revoked the session although it is not logged yet. */
  get revokedAt(): number | null {
    return this.isBehind ? this.owner.revokedAllAt : this.revokedAloneAt
  }

  /** When it can be removed. */
  get expiresAt(): number {
    return this.until ?? this.idleExpiresAt
  }

  /** What a refresh changes in every row: the idle expiry, and the longest lifetime of an access token. */
  slide({ now, idleMs, accessLifetimeSeconds }: { now: number; idleMs: number; accessLifetimeSeconds: number }): void {
    this.idleExpiresAt = Math.min(now + idleMs, now + (this.idleLimitMs ?? Infinity), this.absoluteExpiresAt)
    this.accessLifetimeSeconds = Math.max(this.accessLifetimeSeconds, accessLifetimeSeconds)
  }

  /** A copy, because the session changes later. */
  toRow(): SessionRow {
    const { owner } = this
    return {
      id: this.id,
      issuer: owner.issuer,
      sub: owner.sub,
      sessionKey: this.sessionKey,
      generation: this.generation,
      createdAt: this.createdAt,
      rotatedAt: this.rotatedAt,
      retries: this.retries,
      repeatedGeneration: this.repeatedGeneration,
      repeatStreak: this.repeatStreak,
      idleExpiresAt: this.idleExpiresAt,
      idleLimitMs: this.idleLimitMs,
      absoluteExpiresAt: this.absoluteExpiresAt,
      accessLifetimeSeconds: this.accessLifetimeSeconds,
      revokedAt: this.revokedAt,
      device: this.device,
      scope: this.scope,
      claims: this.claims,
      details: this.details
    }
  }
}

/** So that the members are the same as in a store with a database. */
function copyByJson(members: Members): Members {
  const text = JSON.stringify(members)
  return text === '{}' ? noMembers : deepFreeze(JSON.parse(text) as Members)
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
