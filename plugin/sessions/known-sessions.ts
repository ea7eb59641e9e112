import type { SessionRow } from '../stores/session-store.ts'
import { ClockMap } from '../tokens/clock-map.ts'
import { deepFreeze } from '../tokens/deep-freeze.ts'

const maxKnownSessions = 10_000

/** What a refresh needs of a session: members of its row that never change. */
export type SessionBasis = Pick<SessionRow, 'id' | 'sub' | 'sessionKey' | 'device' | 'scope' | 'claims' | 'details'>

export interface KnownSession extends SessionBasis {
  /** The last one that this process has seen. Other processes may have raised it. */
  generation: number
}

export type KnownSessions = ReturnType<typeof createKnownSessions>

/** Sessions that this process has seen, by id. The refresh of a known session takes one round trip instead of two. */
export function createKnownSessions() {
  const cache = new ClockMap<KnownSession & { wasUsed: boolean }>(maxKnownSessions)

  return {
    get: (id: string): KnownSession | undefined => cache.get(id),

    remember({ id, sub, sessionKey, device, scope, claims, details, generation }: SessionRow): void {
      const known = cache.get(id)
      if (known !== undefined) {
        known.generation = generation
        return
      }
      // `refreshToken.claims` receives them, and later refreshes use them again.
      deepFreeze(claims)
      cache.set(id, { id, sub, sessionKey, device, scope, claims, details, generation, wasUsed: false })
    }
  }
}
