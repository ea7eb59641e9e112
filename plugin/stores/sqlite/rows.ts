import type { FeedEntry, SessionRow } from '../store.ts'

type Columns = Record<string, string | number | bigint | null>

/** Numbers by `Number()`, for the application may have opened its client with `readBigInts`. */
export function toRow (columns: unknown): { row: SessionRow, revokedUntil: number | null } | null {
  if (columns === undefined) return null
  const of = columns as Columns
  const orNull = (value: Columns[string] | undefined) => value === null ? null : Number(value)
  return {
    revokedUntil: orNull(of.revoked_until),
    row: {
      id: String(of.id),
      sub: String(of.sub),
      salt: String(of.salt),
      generation: Number(of.generation),
      createdAt: Number(of.created_at),
      rotatedAt: Number(of.rotated_at),
      retries: JSON.parse(String(of.retries)) as number[],
      idleExpiresAt: Number(of.idle_expires_at),
      absoluteExpiresAt: Number(of.absolute_expires_at),
      accessLifetimeSeconds: Number(of.access_lifetime_seconds),
      revokedAt: orNull(of.revoked_at),
      device: of.device as string | null,
      scope: of.scope as string | null,
      claims: JSON.parse(String(of.claims)) as Record<string, unknown>
    }
  }
}

export function toEntry (columns: unknown): { entry: FeedEntry, cursor: string } {
  const of = columns as Columns
  return {
    entry: { kind: of.kind as FeedEntry['kind'], id: String(of.id), until: Number(of.until) },
    cursor: `${of.number}.${of.mark}`
  }
}
