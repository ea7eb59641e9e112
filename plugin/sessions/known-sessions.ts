import type { SessionRow } from '../stores/session-store.ts'
import { createTokenCache } from '../tokens/token-cache.ts'

const rememberedSessions = 10_000

/** What never changes in a session's row. */
export type KnownSession = Pick<SessionRow, 'id' | 'sub' | 'sessionKey' | 'scope' | 'claims'>

export type KnownSessions = ReturnType<typeof createKnownSessions>

/** Sessions that this process has seen, by id: with what is known of them, a refresh is one round trip. */
export function createKnownSessions() {
  const cache = createTokenCache<KnownSession>(rememberedSessions)

  return {
    get: cache.get,
    remember: ({ id, sub, sessionKey, scope, claims }: SessionRow): void =>
      cache.set(id, { id, sub, sessionKey, scope, claims })
  }
}
