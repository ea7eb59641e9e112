import type { Emit } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { SessionStore } from '../stores/session-store.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { RefreshTokens } from '../tokens/refresh-token.ts'
import { createKnownSessions } from './known-sessions.ts'
import { createRefresh } from './refresh.ts'
import { Revocations } from './revocations.ts'
import { createNewSessionId } from './session-id.ts'
import { createSessionStart } from './session-start.ts'
import { createSessions } from './sessions.ts'
import type { StoreClock } from './store-clock.ts'
import { createStoreStart, type StoreStartParts } from './store-start.ts'
import { Sweeper } from './sweeper.ts'
import { TimedStore } from './timed-store.ts'
import { createTokenIssuer } from './token-issuer.ts'
import { Trimmer } from './trimmer.ts'

export interface SessionLayerParts {
  readonly settings: Settings
  readonly store: SessionStore
  readonly storeClock: StoreClock
  readonly nodeClock: () => number
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
  readonly emit: Emit
  readonly log: StoreStartParts['log'] & ConstructorParameters<typeof Sweeper>[0]['log']
}

/** Builds and connects what keeps sessions. It is ready after `start()`, and must be closed. */
export function createSessionLayer(parts: SessionLayerParts) {
  const { settings, storeClock, nodeClock, accessTokens, refreshTokens, emit, log } = parts
  const { lifetimeSeconds } = settings.accessToken
  const accessLifetime = () => lifetimeSeconds + Math.ceil(storeClock.aheadMs / 1000)
  const store = new TimedStore({ store: parts.store, storeClock, clock: nodeClock })
  const { now, storeNow } = storeClock
  const issuers = [...settings.issuers, ...settings.trustedIssuers.map(({ issuer }) => issuer)]
  const revocations = new Revocations({
    settings,
    issuers,
    store,
    shards: parts.store.shards,
    now,
    storeNow,
    nodeClock,
    accessLifetime,
    emit
  })
  const trimmer = new Trimmer({
    store,
    maxSessions: settings.refreshToken.maxSessions,
    accessLifetime,
    onRevoked: (sessions) => revocations.markRevoked(sessions)
  })
  const knownSessions = createKnownSessions()
  const tokenIssuer = createTokenIssuer({ accessTokens, refreshTokens, clock: now, lifetimeSeconds })
  const startSession = createSessionStart({
    settings,
    store,
    newSessionId: createNewSessionId(parts.store),
    accessLifetime,
    clock: now,
    nodeClock,
    tokenIssuer,
    knownSessions,
    revocations,
    trimmer,
    emit
  })
  const sessions = createSessions({
    settings,
    store,
    accessLifetime,
    refreshTokens,
    knownSessions,
    revocations,
    trimmer
  })
  const refresh = createRefresh({
    settings,
    store,
    accessLifetime,
    refreshTokens,
    tokenIssuer,
    knownSessions,
    revocations,
    signOut: sessions.signOut,
    emit
  })
  const storeStart = createStoreStart({
    store: parts.store,
    storeClock,
    revocations,
    clock: nodeClock,
    log,
    ...settings.revocation
  })
  const sweeper = new Sweeper({ store: parts.store, log })

  return {
    startSession,
    sessions,
    refresh,
    revocations,

    start: (): Promise<void> => storeStart.start(),

    async close(): Promise<void> {
      sweeper.close()
      await storeStart.close()
      await trimmer.close()
      await revocations.close()
      await parts.store.close()
    }
  }
}
