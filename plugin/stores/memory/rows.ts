import type { NewSession, SessionRow } from '../session-store.ts'

/** The row of a session that starts now. */
export function newRow({ idleMs, absoluteMs, claims, details, ...session }: NewSession, now: number): SessionRow {
  return Object.freeze({
    ...session,
    claims: copyByJson(claims),
    details: copyByJson(details),
    generation: 0,
    createdAt: now,
    rotatedAt: now,
    retries: Object.freeze([]),
    repeatedGeneration: null,
    repeatStreak: 0,
    idleExpiresAt: now + Math.min(idleMs, session.idleLimitMs ?? Infinity, absoluteMs),
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
    idleExpiresAt: Math.min(now + idleMs, now + (row.idleLimitMs ?? Infinity), row.absoluteExpiresAt),
    accessLifetimeSeconds: Math.max(row.accessLifetimeSeconds, accessLifetimeSeconds)
  }
}

/** So that the members are the same as in a store with a database. */
function copyByJson(members: Readonly<Record<string, unknown>>) {
  return deepFreeze(JSON.parse(JSON.stringify(members)) as Record<string, unknown>)
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
