import type { NewSession, SessionRow } from '../session-store.ts'

/** The row of a session that starts now. */
export function newRow({ idleMs, absoluteMs, claims, ...session }: NewSession, now: number): SessionRow {
  return Object.freeze({
    ...session,
    // Through JSON, so that claims are the same as in a store with a database.
    claims: deepFreeze(JSON.parse(JSON.stringify(claims)) as Record<string, unknown>),
    generation: 0,
    createdAt: now,
    rotatedAt: now,
    retries: Object.freeze([]),
    repeatedGeneration: null,
    repeatStreak: 0,
    idleExpiresAt: now + Math.min(idleMs, absoluteMs),
    absoluteExpiresAt: now + absoluteMs,
    revokedAt: null
  })
}

/** What a refresh changes in every row: the idle expiry, and the longest lifetime of an access token. */
export function slid(
  row: SessionRow,
  { now, idleMs, accessLifetimeSeconds }: { now: number; idleMs: number; accessLifetimeSeconds: number }
): Partial<SessionRow> {
  return {
    idleExpiresAt: Math.min(now + idleMs, row.absoluteExpiresAt),
    accessLifetimeSeconds: Math.max(row.accessLifetimeSeconds, accessLifetimeSeconds)
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
