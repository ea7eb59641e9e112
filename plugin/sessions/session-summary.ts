import type { SessionRow } from '../stores/session-store.ts'

const hourMs = 3_600_000

/** A session in the list of `app.sessions.list()`. */
export interface SessionSummary {
  /** The session id, for `app.sessions.revoke()`. */
  readonly id: string
  /** The `device` given at sign-in, `null` if there was none. */
  readonly device: string | null
  /** When the user signed in. */
  readonly createdAt: Date
  /**
   * The last refresh, rounded down to the hour, but not before `createdAt`. From an exact time, a thief could learn
   * when a stolen refresh token can be used without being detected.
   */
  readonly lastUsedAt: Date
  /** When the session expires unless it is refreshed. */
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
