import { formatCursor } from '../revocation-cursor.ts'
import type { NewSession, Revocation, RevokedSession, SessionRow, Subject } from '../session-store.ts'

type Columns = Record<string, string | number | bigint | null>

/** A session, and the columns that are not part of it. */
export interface KeptRow {
  readonly row: SessionRow
  /** When its last access token expires; `null` while the session is not in the revocation log. */
  readonly revokedUntil: number | null
  /** The subject's counter when the session started. */
  readonly counter: number
}

/**
 * `Number()` everywhere, because the application may have opened its client with `readBigInts`. The column `salt` is
 * the `sessionKey`; it keeps the name it was published with.
 */
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
      idleLimitMs: numberOrNull(of.idle_limit_ms),
      absoluteExpiresAt: Number(of.absolute_expires_at),
      accessLifetimeSeconds: Number(of.access_lifetime_seconds),
      revokedAt: numberOrNull(of.revoked_at) ?? numberOrNull(of.revoked_all_at),
      device: of.device as string | null,
      scope: of.scope as string | null,
      claims: JSON.parse(String(of.claims)) as Record<string, unknown>,
      details: JSON.parse(String(of.details ?? '{}')) as Record<string, unknown>
    }
  }
}

export function toRevocation(columns: unknown): { revocation: Revocation; cursor: string } {
  const of = columns as Columns
  return {
    revocation: { kind: of.kind as Revocation['kind'], id: String(of.id), until: Number(of.until) },
    cursor: formatCursor({ number: Number(of.number), nonce: String(of.mark) })
  }
}

export function toRevoked({ row, revokedUntil: until }: KeptRow): RevokedSession | null {
  return until === null ? null : { id: row.id, sub: row.sub, until }
}

/** The value of a query that selects one; `null` if there is no row. */
export function toNumber(columns: unknown): number | null {
  const [value] = Object.values((columns ?? {}) as Columns)
  return value == null ? null : Number(value)
}

/**
 * A text that identifies rows. Some clients cut a text at U+0000, which would match the rows of another one.
 * @throws TypeError if it contains U+0000
 */
export function checkedText(given: string): string {
  if (given.includes('\0')) throw new TypeError('sqliteStore() rejects U+0000 in an id, a sub or an issuer')
  return given
}

/** A subject as statements bind it. */
export interface SubjectBindings extends Record<string, string> {
  readonly sub: string
  /** A JSON array. */
  readonly issuers: string
}

export function bindSubject({ sub, issuers }: Subject): SubjectBindings {
  return { sub: checkedText(sub), issuers: JSON.stringify([...new Set(issuers)]) }
}

export function bindSession({ sessionKey, claims, details, ...session }: NewSession) {
  const { id, issuer, sub, device, scope, accessLifetimeSeconds, idleMs, idleLimitMs, absoluteMs } = session
  return {
    id: checkedText(id),
    issuer: checkedText(issuer),
    sub,
    salt: sessionKey,
    device,
    scope,
    claims: JSON.stringify(claims),
    details: JSON.stringify(details),
    accessLifetimeSeconds,
    idleMs,
    idleLimitMs,
    absoluteMs
  }
}
