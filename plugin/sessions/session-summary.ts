import type { SessionRow } from '../stores/session-store.ts'

const hourMs = 3_600_000

/** One row of `app.sessions.list()`. */
export interface SessionSummary {
  readonly id: string
  readonly device: string | null
  readonly createdAt: Date
  /**
   * To the hour, rounded down, but not before `createdAt`: a thief who could see each refresh would know when a stolen
   * token can be presented without an alarm.
   */
  readonly lastUsedAt: Date
  readonly expiresAt: Date
}

export function summarize({ id, device, createdAt, rotatedAt, retries, idleExpiresAt }: SessionRow): SessionSummary {
  const lastUsedAt = Math.max(rotatedAt, ...retries)
  return {
    id,
    device,
    createdAt: new Date(createdAt),
    lastUsedAt: new Date(Math.max(createdAt, lastUsedAt - (lastUsedAt % hourMs))),
    expiresAt: new Date(idleExpiresAt)
  }
}
