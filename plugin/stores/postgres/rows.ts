import { formatCursor } from '../revocation-cursor.ts'
import type { Revocation, RevokedSession, SessionRow } from '../session-store.ts'

export type Columns = Record<string, unknown>

/** The column `salt` is the `sessionKey`; it keeps the name it was published with. */
export function toRow({ session }: Columns): SessionRow | null {
  const of = JSON.parse(String(session)) as Columns | null
  // A function returns a row without values, a join returns none.
  if (of === null || of.id === null) return null
  return {
    id: String(of.id),
    issuer: String(of.issuer),
    sub: String(of.sub),
    sessionKey: String(of.salt),
    generation: Number(of.generation),
    createdAt: Number(of.created_at),
    rotatedAt: Number(of.rotated_at),
    retries: String(of.retries).split(',').filter(Boolean).map(Number),
    repeatedGeneration: numberOrNull(of.repeated_generation),
    repeatStreak: Number(of.repeat_streak),
    idleExpiresAt: Number(of.idle_expires_at),
    idleLimitMs: numberOrNull(of.idle_limit_ms),
    absoluteExpiresAt: Number(of.absolute_expires_at),
    accessLifetimeSeconds: Number(of.access_lifetime_seconds),
    revokedAt: numberOrNull(of.revoked_at),
    // As JSON, because a device's name may contain U+0000, which is not allowed in PostgreSQL's texts.
    device: of.device === null ? null : (JSON.parse(String(of.device)) as string),
    scope: of.scope as string | null,
    claims: JSON.parse(String(of.claims)) as Record<string, unknown>,
    details: JSON.parse(String(of.details ?? '{}')) as Record<string, unknown>
  }
}

export function toRevocation(of: Columns): Revocation {
  return { kind: of.kind as Revocation['kind'], id: String(of.id), until: Number(of.until) }
}

/** The cursor at an entry of the log. */
export function toCursor(of: Columns): string {
  return formatCursor({ number: Number(of.number), nonce: String(of.mark) })
}

export function toRevoked(json: unknown): RevokedSession[] {
  return JSON.parse(String(json)) as RevokedSession[]
}

export function toTime({ now }: Columns): number {
  return Number(now)
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value)
}
