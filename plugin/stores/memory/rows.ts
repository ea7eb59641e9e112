import type { NewSession, SessionRow } from '../session-store.ts'

export function newRow({ idleMs, absoluteMs, claims, ...session }: NewSession, now: number): SessionRow {
  return Object.freeze({
    ...session,
    // Through JSON, as in every other store: what does not survive there must not survive here.
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
