import type { Revocation, SessionRow } from '../session-store.ts'

type Columns = Record<string, string | number | bigint | null>

/** A row, with what the store keeps beside it. */
export interface KeptRow {
  readonly row: SessionRow
  /** Until when its access tokens matter; `null` while the session is not in the revocation log. */
  readonly revokedUntil: number | null
  /** The subject's counter when the session started. */
  readonly counter: number
}

/** Numbers by `Number()`, because the application may have opened its client with `readBigInts`. */
export function toRow(columns: unknown): KeptRow | null {
  if (columns === undefined) return null
  const of = columns as Columns
  const numberOrNull = (value: Columns[string] | undefined) => (value == null ? null : Number(value))
  return {
    revokedUntil: numberOrNull(of.revoked_until),
    counter: Number(of.counter),
    row: {
      id: String(of.id),
      issuer: String(of.issuer),
      sub: String(of.sub),
      sessionKey: String(of.salt),
      generation: Number(of.generation),
      createdAt: Number(of.created_at),
      rotatedAt: Number(of.rotated_at),
      retries: JSON.parse(String(of.retries)) as number[],
      repeatedGeneration: numberOrNull(of.repeated_generation),
      repeatStreak: Number(of.repeat_streak),
      idleExpiresAt: Number(of.idle_expires_at),
      absoluteExpiresAt: Number(of.absolute_expires_at),
      accessLifetimeSeconds: Number(of.access_lifetime_seconds),
      revokedAt: numberOrNull(of.revoked_at) ?? numberOrNull(of.revoked_all_at),
      device: of.device as string | null,
      scope: of.scope as string | null,
      claims: JSON.parse(String(of.claims)) as Record<string, unknown>
    }
  }
}

export function toEntry(columns: unknown): { entry: Revocation; cursor: string } {
  const of = columns as Columns
  return {
    entry: { kind: of.kind as Revocation['kind'], id: String(of.id), until: Number(of.until) },
    cursor: `${of.number}.${of.mark}`
  }
}

/** The value of a query that selects one. */
export function toNumber(columns: unknown): number | null {
  const [value] = Object.values((columns ?? {}) as Columns)
  return value == null ? null : Number(value)
}

/**
 * A text by which rows are found. Clients differ in whether they cut one at U+0000, which would find another one's rows.
 * @throws TypeError where it contains U+0000
 */
export function text(given: string): string {
  if (given.includes('\0')) {
    throw new TypeError('sqliteStore() takes no text with U+0000 as an id, a subject or an issuer')
  }
  return given
}
