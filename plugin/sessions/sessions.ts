import type { Settings } from '../options/options.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { KnownSessions } from './known-sessions.ts'
import { ownIssuers } from './own-issuers.ts'
import type { Revocations } from './revocations.ts'
import { summarize, type SessionSummary } from './session-summary.ts'
import type { TimedStore } from './timed-store.ts'
import type { Trimmer } from './trimmer.ts'

export interface SessionsParts {
  readonly settings: Pick<Settings, 'issuers' | 'refreshToken'>
  readonly store: TimedStore
  /** How many seconds a token that is signed now stays valid, by the store's clock. */
  readonly accessLifetime: () => number
  readonly refreshTokens: Pick<RefreshTokens, 'matches'>
  readonly knownSessions: Pick<KnownSessions, 'get'>
  readonly revocations: Pick<Revocations, 'markRevoked' | 'revokeLocally' | 'revokeEverywhere' | 'longestRevocation'>
  readonly trimmer: Pick<Trimmer, 'add'>
}

export type Sessions = ReturnType<typeof createSessions>

/** Lists and revokes sessions. `session-start.ts` starts them, `refresh.ts` continues them. */
export function createSessions({
  settings,
  store: sharedStore,
  accessLifetime,
  refreshTokens,
  knownSessions,
  revocations,
  trimmer
}: SessionsParts) {
  const { maxSessions } = settings.refreshToken
  const issuers = ownIssuers(settings.issuers)

  return {
    /** The store for one request. Pass it to all calls that the request makes, so that they share one time limit. */
    begin: (): TimedStore => sharedStore.withDeadline(),

    /**
     * Signs a session out. Before this settles, this process refuses the session's access tokens, even if the store
     * fails; it writes the revocation later then.
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    signOut,

    /**
     * Signs out the session of a refresh token of any generation, as `signOut()` does. Does nothing for a token that is
     * not its session's own.
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    async endByRefreshToken(token: RefreshToken, store = sharedStore): Promise<void> {
      const { sessionId } = token
      const known = knownSessions.get(sessionId)
      // Decided without the store: a forged token must not end a session while the store is down.
      if (known !== undefined) {
        if (refreshTokens.matches(token, known.sessionKey)) await signOut(sessionId, store)
        return
      }
      await refuseLocallyOnFailure(sessionId, async () => {
        const ownership = await ownershipOf(token, store)
        if (ownership === 'ours') await revokeIn(store, { sessionId })
        if (ownership === 'lost') await revokeLost(sessionId, store)
      })
    },

    /**
     * The session of a refresh token of any generation, even if the store has lost the session. `null` for a token that
     * is not its session's own.
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    async findSession(token: RefreshToken, store = sharedStore): Promise<string | null> {
      return (await ownershipOf(token, store)) === 'not ours' ? null : token.sessionId
    },

    /** A subject's live sessions, oldest first. */
    async list(sub: string): Promise<SessionSummary[]> {
      const { rows } = await sharedStore.list({ issuers, sub }, { limit: maxSessions })
      return rows.map(summarize)
    },

    /** Revokes a session; with `sub`, only a session of that subject. Resolves to whether there was such a session. */
    revoke: (sessionId: string, { sub }: { sub?: string } = {}): Promise<boolean> =>
      revokeIn(sharedStore, { sessionId, sub, issuers }),

    /**
     * Revokes all sessions of a subject but `except`, and refuses sign-ins whose credential was read before. Resolves
     * to the number of sessions.
     */
    async revokeAll(sub: string, { except }: { except?: string | null } = {}): Promise<number> {
      const store = sharedStore.withDeadline()
      const { revoked, more } = await store.revokeAll(
        { issuers, sub },
        { except: except ?? undefined, lifetimeSeconds: accessLifetime() }
      )
      revocations.markRevoked(revoked)
      if (!more) return revoked.length
      // All are revoked already. The rest is logged even if that takes longer than this request waits.
      return revoked.length + (await store.withTimeout(() => trimmer.add({ issuers, sub })).catch(() => 0))
    }
  }

  /**
   * Whether a refresh token is a session's own. `lost`: the store does not know the session, so only the half of the
   * mac that `secret` keys is checked. That suffices to revoke: the session's access tokens may still be valid.
   */
  async function ownershipOf(token: RefreshToken, store: TimedStore): Promise<'ours' | 'lost' | 'not ours'> {
    const { row } = await store.find(token.sessionId)
    if (row === null) return 'lost'
    return refreshTokens.matches(token, row.sessionKey) ? 'ours' : 'not ours'
  }

  async function signOut(sessionId: string, store = sharedStore): Promise<void> {
    await refuseLocallyOnFailure(sessionId, async () => {
      if (!(await revokeIn(store, { sessionId }))) await revokeLost(sessionId, store)
    })
  }

  async function revokeIn(
    store: TimedStore,
    { sessionId, ...only }: { sessionId: string; sub?: string | undefined; issuers?: readonly string[] }
  ): Promise<boolean> {
    const { revoked } = await store.revoke(sessionId, { ...only, lifetimeSeconds: accessLifetime() })
    if (revoked !== null) revocations.markRevoked([revoked])
    return revoked !== null
  }

  async function revokeLost(sessionId: string, store: TimedStore): Promise<void> {
    await revocations.revokeEverywhere([revocations.longestRevocation(sessionId)], store)
  }

  async function refuseLocallyOnFailure(sessionId: string, revoke: () => Promise<unknown>): Promise<void> {
    try {
      await revoke()
    } catch (error) {
      revocations.revokeLocally(revocations.longestRevocation(sessionId))
      throw error
    }
  }
}
