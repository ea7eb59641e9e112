import type { SessionRow } from '../stores/session-store.ts'
import { ClockMap } from '../tokens/clock-map.ts'

const maxKnownSessions = 10_000

/** The members of a session's row that never change. */
export type KnownSession = Pick<SessionRow, 'id' | 'sub' | 'sessionKey' | 'scope' | 'claims' | 'details'>

export type KnownSessions = ReturnType<typeof createKnownSessions>

/** Sessions that this process has seen, by id. The refresh of a known session takes one round trip instead of two. */
export function createKnownSessions() {
  const cache = new ClockMap<KnownSession & { wasUsed: boolean }>(maxKnownSessions)

  return {
    get: (id: string): KnownSession | undefined => cache.get(id),
    remember: ({ id, sub, sessionKey, scope, claims, details }: SessionRow): void =>
      cache.set(id, { id, sub, sessionKey, scope, claims, details, wasUsed: false })
  }
}
