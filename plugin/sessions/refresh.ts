import { refusal, type AuthError } from '../errors.ts'
import type { AuthEvent } from '../events.ts'
import type { CompareAndSetResult, SessionRow } from '../stores/session-store.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'
import { scopesOf } from '../tokens/claims.ts'
import type { PreparedToken } from '../tokens/prepared-token.ts'
import type { RefreshToken } from '../tokens/refresh-token.ts'
import type { SessionInfo } from '../options/refresh-token.ts'
import type { KnownSession } from './known-sessions.ts'
import { decide, recentRetries, streakAt, type Verdict } from './rotation.ts'
import type { AssertFits, TokenSet, SessionParts, Sessions } from './sessions.ts'
import type { TimedStore } from './timed-store.ts'

/** A loser of a race reads what the winner wrote and decides again; more often than this is not a race. */
const maxRaces = 10

/** What one presentation of a refresh token has come to know. */
interface Attempt {
  readonly token: RefreshToken
  readonly store: TimedStore
  readonly row: SessionRow
  /** The store's time at which the row was read. */
  readonly now: number
}

/** What came of the first store call, and the new access token if it was prepared before that call. */
type FirstLook = CompareAndSetResult & { readonly prepared: PreparedToken | null }

interface Outcome {
  /** The one atomic store call that carries the verdict out. Absent where nothing is written. */
  readonly write?: (attempt: Attempt) => Promise<CompareAndSetResult>
  readonly event: (attempt: Attempt, row: SessionRow) => AuthEvent
}

type Refused = (attempt: Attempt) => Promise<never>

export type Refresh = ReturnType<typeof createRefresh>

/** Exchanges a refresh token: what `rotation.ts` decides is carried out by one atomic store call. */
export function createRefresh(parts: SessionParts, sessions: Sessions) {
  const { settings, store: sharedStore, accessLifetime, refreshTokens, knownSessions, revocations, emit } = parts
  const { retrySeconds, lateRetries, idleSeconds, claims: currentClaims } = settings.refreshToken
  const policy = { retryMs: retrySeconds * 1000, lateRetries }
  const idleMs = idleSeconds * 1000

  /** A verdict without an outcome here does not compile. */
  const outcomes = {
    rotate: {
      write: ({ token, store }) => rotate(token, store),
      event: ({ row }) => ({ type: 'session-refreshed', ...named(row) })
    },
    'return-current': {
      event: ({ row }) => ({ type: 'refresh-coalesced', ...named(row), streak: row.repeatStreak })
    },
    'return-successor': {
      write: countRepeat,
      event: (_attempt, row) => ({ type: 'refresh-coalesced', ...named(row), streak: row.repeatStreak })
    },
    'count-retry': {
      write: ({ row, now, store }) =>
        store.countRetry(row.id, {
          generation: row.generation,
          retries: row.retries,
          keepRetries: recentRetries(row, now),
          idleMs,
          accessLifetimeSeconds: accessLifetime()
        }),
      event: ({ row }) => ({ type: 'refresh-retried', ...named(row) })
    },
    'roll-forward': {
      write: ({ row, token, store }) =>
        store.rotate(row.id, {
          from: row.generation,
          to: token.generation,
          minAgeMs: 0,
          idleMs,
          accessLifetimeSeconds: accessLifetime()
        }),
      event: ({ row }) => ({ type: 'store-rolled-back', ...named(row) })
    },
    superseded: async () => {
      throw refusal('AUTH_REFRESH_SUPERSEDED', 'two or more generations old, a moment after a rotation')
    },
    reuse: async ({ row, store }) => {
      // First: the alarm must not depend on the write that follows.
      emit({ type: 'refresh-token-reused', ...named(row) })
      await sessions.signOut(row.id, store)
      throw refusal('AUTH_REFRESH_REUSED', 'an old refresh token came back')
    },
    invalid: async () => {
      throw invalid('the session has ended or expired')
    }
  } satisfies Record<Verdict, Outcome | Refused>

  /**
   * @param text what the client presented; nothing in it has been verified yet
   * @param options.assertFits asked before anything is written whether the response can carry the new token
   * @throws AuthError AUTH_REFRESH_INVALID, AUTH_REFRESH_REUSED (the session has ended), AUTH_REFRESH_SUPERSEDED,
   * AUTH_STORE_UNAVAILABLE, AUTH_TOKEN_TOO_LARGE
   * @throws TypeError for what `refreshToken.claims` returned
   */
  return async function refresh(text: string, { assertFits }: { assertFits: AssertFits }): Promise<TokenSet> {
    const token = refreshTokens.read(text)
    if (token === null) throw invalid('the shape or the mac is wrong')
    if (revocations.isSessionRevoked(token.sessionId)) throw invalid('the session was ended')
    const store = sharedStore.withDeadline()
    const { prepared, ...first } = await firstLook(token, store, assertFits)
    let { row, storeTime, applied } = first
    for (let race = 0; race < maxRaces; race++) {
      if (row === null) throw invalid('there is no such session')
      assertProved(token, row.sessionKey)
      knownSessions.remember(row)
      const attempt: Attempt = { token, store, row, now: storeTime }
      const outcome: Outcome | Refused =
        outcomes[applied ? 'rotate' : decide(row, { generation: token.generation, storeTime, ...policy })]
      if (typeof outcome === 'function') return await outcome(attempt)
      const next = prepared ?? (await tokenFor(attempt, assertFits))
      const written =
        applied || outcome.write === undefined ? { row, storeTime, applied: true } : await outcome.write(attempt)
      if (written.applied && written.row !== null) {
        emit(outcome.event(attempt, written.row))
        return sessions.issueTokens(written.row, written.storeTime, next)
      }
      ;({ row, storeTime, applied } = written)
    }
    throw refusal('AUTH_STORE_UNAVAILABLE', `lost ${maxRaces} races for one session`)
  }

  /**
   * When the session is known, the token can be proved and its content checked before anything is read, and the common
   * case is one round trip: the store rotates if the row is as `decide()` would want it. Otherwise, and whenever the
   * application is to be asked for claims first, the row is read.
   */
  async function firstLook(token: RefreshToken, store: TimedStore, assertFits: AssertFits): Promise<FirstLook> {
    const known = knownSessions.get(token.sessionId)
    if (known !== undefined) assertProved(token, known.sessionKey)
    const prepared = known === undefined || currentClaims ? null : tryPrepare(known, assertFits)
    const result =
      prepared === null ? { ...(await store.find(token.sessionId)), applied: false } : await rotate(token, store)
    return { ...result, prepared }
  }

  function tryPrepare(known: KnownSession, assertFits: AssertFits): PreparedToken | null {
    try {
      return sessions.prepareToken(known, assertFits)
    } catch {
      return null
    }
  }

  function assertProved(token: RefreshToken, sessionKey: string): void {
    if (!refreshTokens.matches(token, sessionKey)) throw invalid('the second half of the mac is wrong')
  }

  /** The new access token, checked to fit into the response before anything is written. */
  async function tokenFor({ row, store }: Attempt, assertFits: AssertFits): Promise<PreparedToken> {
    if (currentClaims) return await askClaims(row, store, assertFits)
    try {
      return sessions.prepareToken(row, assertFits)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      // Signed in under an earlier schema: no refresh can ever mend that, signing in again does.
      await sessions.signOut(row.id, store)
      throw invalid('the claims of the sign-in do not match "accessToken.claims" any more')
    }
  }

  async function askClaims(row: SessionRow, store: TimedStore, assertFits: AssertFits): Promise<PreparedToken> {
    const current = await store.withTimeout(() => currentClaims!(sessionInfo(row)))
    if (current === null) {
      await sessions.signOut(row.id, store)
      throw invalid('the application ended the session')
    }
    if (typeof current !== 'object') {
      throw new TypeError(
        '"refreshToken.claims" must return { claims?, scope? }, or null to end the session: is a "return" missing?'
      )
    }
    const claims = current.claims === undefined ? row.claims : checkAppClaims(current.claims)
    return sessions.prepareToken({ ...row, claims, scope: narrowed(row.scope, current.scope) }, assertFits)
  }

  /** The first time that a generation is presented again within `retrySeconds` is noted; more of the same is not. */
  async function countRepeat({ row, token, now, store }: Attempt): Promise<CompareAndSetResult> {
    if ((row.repeatedGeneration ?? -1) >= token.generation) return { row, storeTime: now, applied: true }
    const streak = streakAt(row, token.generation)
    return await store.countRepeat(row.id, { generation: row.generation, repeated: token.generation, streak })
  }

  async function rotate({ sessionId, generation }: RefreshToken, store: TimedStore): Promise<CompareAndSetResult> {
    return await store.rotate(sessionId, {
      from: generation,
      to: generation + 1,
      minAgeMs: policy.retryMs,
      idleMs,
      accessLifetimeSeconds: accessLifetime()
    })
  }
}

function named({ id, sub }: SessionRow): { sub: string; sessionId: string } {
  return { sub, sessionId: id }
}

/** Nothing else of the row: its session key, above all, is not the application's business. */
function sessionInfo({ id, sub, device, scope, claims }: SessionRow): SessionInfo {
  return { id, sub, device, scope, claims }
}

/** Scope may shrink at a refresh, never grow beyond what the user signed in for. */
function narrowed(session: string | null, current: string | undefined): string | null {
  if (current === undefined) return session
  const allowed = new Set(scopesOf(session))
  return (
    scopesOf(checkScope(current))
      .filter((scope) => allowed.has(scope))
      .join(' ') || null
  )
}

function invalid(detail: string): AuthError {
  return refusal('AUTH_REFRESH_INVALID', detail)
}
