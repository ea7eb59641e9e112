import type { EndedSession, FeedEntry, SessionRow } from '../store.ts'

export type Columns = Record<string, unknown>

/** Numbers by `Number()`: `pg` gives a bigint as text, unless the application has told it otherwise. */
export function toRow (of: Columns): SessionRow | null {
  if (of.id === null) return null
  return {
    id: String(of.id),
    sub: String(of.sub),
    salt: String(of.salt),
    generation: Number(of.generation),
    createdAt: Number(of.created_at),
    rotatedAt: Number(of.rotated_at),
    retries: String(of.retries).split(',').filter(Boolean).map(Number),
    idleExpiresAt: Number(of.idle_expires_at),
    absoluteExpiresAt: Number(of.absolute_expires_at),
    accessLifetimeSeconds: Number(of.access_lifetime_seconds),
    revokedAt: of.revoked_at === null ? null : Number(of.revoked_at),
    // As JSON, for a device's name comes from outside and may have what PostgreSQL has not in texts: U+0000.
    device: of.device === null ? null : JSON.parse(String(of.device)) as string,
    scope: of.scope as string | null,
    claims: JSON.parse(String(of.claims)) as Record<string, unknown>
  }
}

export function toEntry (of: Columns): FeedEntry {
  return { kind: of.kind as FeedEntry['kind'], id: String(of.id), until: Number(of.until) }
}

export function toEnded (text: unknown): EndedSession[] {
  return JSON.parse(String(text)) as EndedSession[]
}
