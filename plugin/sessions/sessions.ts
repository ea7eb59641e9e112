import { randomBytes } from 'node:crypto'
import { refusal } from '../errors.ts'
import type { Emit, RevocationReason } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { NewSession, RevokedSession, SessionRow } from '../stores/session-store.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { PreparedToken } from '../tokens/prepared-token.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { KnownSessions } from './known-sessions.ts'
import type { Revocations } from './revocations.ts'
import { summarize, type SessionSummary } from './session-summary.ts'
import { checkSignIn, type SignInInput } from './sign-in-input.ts'
import type { StoreClock } from './store-clock.ts'
import type { TimedStore } from './timed-store.ts'
import type { Trimmer } from './trimmer.ts'

/** Tokens for one session, signed for its row. */
export interface TokenSet {
  readonly sessionId: string
  readonly sub: string
  readonly scope: string | null
  readonly accessToken: string
  readonly refreshToken: string
  /** Seconds until the access token expires. */
  readonly expiresIn: number
  /** Seconds until the session expires. */
  readonly sessionExpiresIn: number
}

/** Asked before anything is written whether the response can carry an access token of this length; throws if not. */
export type AssertFits = (tokenLength: number, claims: Readonly<Record<string, unknown>>) => void

export interface SessionParts {
  readonly settings: Settings
  readonly store: TimedStore
  readonly storeClock: Pick<StoreClock, 'now'>
  /** How long a token that is signed now may be valid by the store's clock, in seconds. */
  readonly accessLifetime: () => number
  /** This node's own clock, by which applications tell when a credential was read. */
  readonly nodeClock: () => number
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
  readonly knownSessions: KnownSessions
  readonly revocations: Revocations
  readonly trimmer: Trimmer
  readonly emit: Emit
}

/** Stores remember when all of a subject's sessions were revoked for at least this long. */
const rememberedMs = 24 * 3600 * 1000

export type Sessions = ReturnType<typeof createSessions>

/** The issuers whose sessions are this application's own; rows from before sessions had an issuer are adopted. */
function ownIssuers({ issuer }: Pick<Settings, 'issuer'>): readonly string[] {
  return [issuer, '']
}

/** Starts, lists and ends logins. How a login is carried on is `refresh.ts`. */
export function createSessions(parts: SessionParts) {
  const {
    settings,
    storeClock,
    accessLifetime,
    nodeClock,
    accessTokens,
    refreshTokens,
    knownSessions,
    revocations,
    trimmer,
    emit
  } = parts
  const {
    issuer,
    accessToken: { lifetimeSeconds },
    refreshToken: { idleSeconds, absoluteSeconds, maxSessions }
  } = settings
  const issuers = ownIssuers(settings)

  return {
    issueTokens,
    prepareToken,

    /** The store for one request: pass it to all calls that the request makes, so that they share one time limit. */
    begin: (): TimedStore => parts.store.withDeadline(),

    /**
     * Starts a session, and ends others (`revoke`, and all of the subject's with `revokeOthers`) in the same step.
     * @throws AuthError AUTH_REVOKED_TOKEN when the subject's sessions were all ended since `authenticatedAt`
     * @throws TypeError for what is not a subject, claims, scope or device
     */
    async start(
      input: SignInInput,
      {
        revoke,
        assertFits,
        transport,
        store = parts.store
      }: {
        readonly revoke: readonly string[]
        readonly assertFits: AssertFits
        readonly transport: 'bearer' | 'cookie'
        readonly store?: TimedStore | undefined
      }
    ): Promise<TokenSet> {
      const { sub, claims, scope, device, authenticatedAt, revokeOthers } = checkSignIn(input)
      if (authenticatedAt !== undefined && authenticatedAt < nodeClock() - rememberedMs) {
        throw refusal('AUTH_REVOKED_TOKEN', 'the credential was read more than a day ago')
      }
      const session: NewSession = {
        id: randomBytes(16).toString('base64url'),
        issuer,
        sub,
        sessionKey: randomBytes(16).toString('base64url'),
        device,
        scope,
        claims,
        accessLifetimeSeconds: accessLifetime(),
        idleMs: idleSeconds * 1000,
        absoluteMs: absoluteSeconds * 1000
      }
      const token = prepareToken(session, assertFits)
      const inserted = await store.insert(session, {
        issuers,
        revoke,
        revokeOthers,
        maxSessions,
        // By this node's clock alone: the store subtracts it from its own time, so that the two are never compared.
        authenticatedAge: authenticatedAt === undefined ? undefined : () => nodeClock() - authenticatedAt,
        lifetimeSeconds: accessLifetime()
      })
      if (inserted.row === null) {
        throw refusal('AUTH_REVOKED_TOKEN', 'all sessions of the subject were ended since the credential was read')
      }
      const { row, storeTime, revoked, evicted, more } = inserted
      markRevoked(revoked)
      markRevoked(evicted, 'max-sessions')
      revokeMissing(revoke.filter((id) => !revoked.some((session) => session.id === id)))
      if (more) trimmer.add({ issuers, sub })
      knownSessions.remember(row)
      emit({ type: 'session-started', sub: row.sub, sessionId: row.id, transport })
      return issueTokens(row, storeTime, token)
    },

    /**
     * Ends a session: before this resolves, its access tokens are refused in this process. When the store fails, they
     * are refused all the same, the store is told later, and this throws AUTH_STORE_UNAVAILABLE.
     */
    signOut: (sessionId: string, store = parts.store): Promise<void> =>
      revokeOrRefuse(sessionId, async () => {
        if (!(await revoke(sessionId, {}, store))) await revokeUnknown(sessionId, store)
      }),

    /** The same for the session that a refresh token of any generation names; what is not a token of ours ends nothing. */
    async endByRefreshToken(text: string, store = parts.store): Promise<void> {
      const token = refreshTokens.read(text)
      if (token === null || isKnownForgery(token)) return
      await revokeOrRefuse(token.sessionId, async () => {
        const owned = await ownership(token, store)
        if (owned === 'ours') await revoke(token.sessionId, {}, store)
        if (owned === 'lost') await revokeUnknown(token.sessionId, store)
      })
    },

    /** The session that a refresh token of any generation names, `null` if none does. A lost one counts. */
    async findSession(text: string, store = parts.store): Promise<string | null> {
      const token = refreshTokens.read(text)
      return token === null || (await ownership(token, store)) === 'not ours' ? null : token.sessionId
    },

    /** A subject's live sessions, oldest first. */
    async list(sub: string): Promise<SessionSummary[]> {
      const { rows } = await parts.store.list({ issuers, sub }, { limit: maxSessions })
      return rows.map(summarize)
    },

    /** Ends a session; with `sub`, only if it is that subject's. False when there is no such session. */
    revoke: (sessionId: string, options: { sub?: string } = {}): Promise<boolean> =>
      revoke(sessionId, { ...options, issuers }, parts.store),

    /** Ends all sessions of a subject but `except`; resolves to how many. Sign-ins that are under way are refused too. */
    async revokeAll(sub: string, { except }: { except?: string | null } = {}): Promise<number> {
      const store = parts.store.withDeadline()
      const { revoked, more } = await store.revokeAll(
        { issuers, sub },
        { except: except ?? undefined, lifetimeSeconds: accessLifetime() }
      )
      markRevoked(revoked)
      if (!more) return revoked.length
      // None of them can be refreshed any more. Waited for as long as a request waits, and done in any case.
      return revoked.length + (await store.withTimeout(() => trimmer.add({ issuers, sub })).catch(() => 0))
    }
  }

  /**
   * Whether the row proves the second half of the mac. Of a session that the store has lost, the first half, keyed by
   * `secret`, has to suffice: it can end, its access tokens may still be valid.
   */
  async function ownership(token: RefreshToken, store: TimedStore): Promise<'ours' | 'lost' | 'not ours'> {
    const { row } = await store.find(token.sessionId)
    if (row === null) return 'lost'
    return refreshTokens.matches(token, row.sessionKey) ? 'ours' : 'not ours'
  }

  /** Known without asking the store: nothing may end here because it is away. */
  function isKnownForgery(token: RefreshToken): boolean {
    const known = knownSessions.get(token.sessionId)
    return known !== undefined && !refreshTokens.matches(token, known.sessionKey)
  }

  async function revoke(
    sessionId: string,
    options: { sub?: string; issuers?: readonly string[] },
    store: TimedStore
  ): Promise<boolean> {
    const { revoked } = await store.revoke(sessionId, { ...options, lifetimeSeconds: accessLifetime() })
    if (revoked !== null) markRevoked([revoked])
    return revoked !== null
  }

  /** What the store has lost lives on in access tokens: they are revoked for as long as any may be valid. */
  async function revokeUnknown(sessionId: string, store: TimedStore): Promise<void> {
    await revocations.revokeEverywhere({ kind: 'session', id: sessionId, until: revocations.longestUntil() }, store)
  }

  /** Sessions that were to end and that the store did not find: it may have lost them, and their access tokens live on. */
  function revokeMissing(ids: readonly string[]): void {
    for (const id of ids) {
      if (!revocations.isSessionRevoked(id)) {
        revocations.revokeLocally({ kind: 'session', id, until: revocations.longestUntil() })
      }
    }
  }

  /** A session that is to end is refused here from now on, whether or not the store can be told. */
  async function revokeOrRefuse(sessionId: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      revocations.revokeLocally({ kind: 'session', id: sessionId, until: revocations.longestUntil() })
      throw error
    }
  }

  /** From here on, this process refuses the sessions' access tokens. */
  function markRevoked(revoked: readonly RevokedSession[], reason: RevocationReason = null): void {
    for (const { id, until } of revoked) revocations.record({ kind: 'session', id, until }, reason)
  }

  /** Tokens for what the row says, never valid for longer than the row and the session. */
  function issueTokens(row: SessionRow, storeTime: number, token: PreparedToken): TokenSet {
    const now = storeClock.now()
    const iat = Math.floor(now / 1000)
    const aheadSeconds = Math.floor(Math.max(0, now - storeTime) / 1000)
    const longestSeconds = Math.max(1, row.accessLifetimeSeconds - aheadSeconds)
    const exp = Math.min(iat + Math.min(lifetimeSeconds, longestSeconds), Math.floor(row.absoluteExpiresAt / 1000))
    return {
      sessionId: row.id,
      sub: row.sub,
      scope: token.scope,
      accessToken: token.sign({ iat, exp }),
      refreshToken: refreshTokens.issue({ sessionId: row.id, generation: row.generation, sessionKey: row.sessionKey }),
      expiresIn: exp - iat,
      sessionExpiresIn: Math.floor((row.idleExpiresAt - storeTime) / 1000)
    }
  }

  /**
   * Checks a token for a session, and that the response can carry it, before anything is written.
   * @throws TypeError where the claims do not match the schema; AuthError AUTH_TOKEN_TOO_LARGE
   */
  function prepareToken(
    { id, sub, claims, scope }: Pick<SessionRow, 'id' | 'sub' | 'claims' | 'scope'>,
    assertFits: AssertFits
  ): PreparedToken {
    const token = accessTokens.prepare({ sub, sid: id, scope, claims })
    assertFits(token.length, claims)
    return token
  }
}
