import { refusal, type AuthError } from '../errors.ts'
import type { AuthEvent, Emit } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { CompareAndSetResult, SessionRow } from '../stores/session-store.ts'
import type { PreparedToken } from '../tokens/prepared-token.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { KnownSession, KnownSessions, SessionBasis } from './known-sessions.ts'
import { ownIssuers } from './own-issuers.ts'
import { createRefreshedClaims } from './refreshed-claims.ts'
import type { Revocations } from './revocations.ts'
import { decide, recentRetries, streakAt, type Verdict } from './rotation.ts'
import type { Sessions } from './sessions.ts'
import type { TimedStore } from './timed-store.ts'
import type { AssertFits, TokenIssuer, TokenSet } from './token-issuer.ts'

/** A request that loses a race decides again, from the winner's row. More losses than this are not a race. */
const maxRaces = 10

export interface RefreshParts {
  readonly settings: Pick<Settings, 'issuers' | 'refreshToken'>
  readonly store: Pick<TimedStore, 'withDeadline'>
  /** How many seconds a token that is signed now stays valid, by the store's clock. */
  readonly accessLifetime: () => number
  readonly refreshTokens: Pick<RefreshTokens, 'matches'>
  readonly tokenIssuer: TokenIssuer
  readonly knownSessions: KnownSessions
  readonly revocations: Pick<Revocations, 'isSessionRevoked'>
  readonly signOut: Sessions['signOut']
  readonly emit: Emit
}

/** One request: a refresh token, and the row of its session. */
interface Attempt {
  readonly token: RefreshToken
  /** Shares the request's time limit. */
  readonly store: TimedStore
  readonly row: SessionRow
  /** When the row was read, by the store's clock. */
  readonly storeTime: number
}

/** The access token of a request; or what happens without one, if the verdict is to issue one. */
type Preparation =
  | { readonly token: PreparedToken }
  | { readonly token: null; readonly refuse: (attempt: Pick<Attempt, 'row' | 'store'>) => Promise<never> }

interface Outcome {
  /** The atomic store call that carries the verdict out. Left out if nothing is written. */
  readonly write?: (attempt: Attempt) => Promise<CompareAndSetResult>
  /** @param row the row after the write */
  readonly event: (row: SessionRow) => AuthEvent
}

type Refuse = (attempt: Attempt) => Promise<never>

export type Refresh = ReturnType<typeof createRefresh>

/** Exchanges refresh tokens. `rotation.ts` decides; one atomic store call carries the verdict out. */
export function createRefresh({
  settings: { issuers, refreshToken },
  store: sharedStore,
  accessLifetime,
  refreshTokens,
  tokenIssuer,
  knownSessions,
  revocations,
  signOut,
  emit
}: RefreshParts) {
  const policy = { retryMs: refreshToken.retrySeconds * 1000, lateRetries: refreshToken.lateRetries }
  const idleMs = refreshToken.idleSeconds * 1000
  const own = ownIssuers(issuers)
  const { claims, mayWidenScope } = refreshToken
  const refreshedClaims = claims ? createRefreshedClaims({ claims, mayWidenScope }) : null

  /** `satisfies`: a new verdict does not compile until it has an outcome here. */
  const outcomes = {
    rotate: {
      write: ({ token, store }) => rotate(token, store),
      event: (row) => ({ type: 'session-refreshed', ...sessionOf(row) })
    },
    'return-current': {
      event: (row) => ({ type: 'refresh-coalesced', ...sessionOf(row), streak: row.repeatStreak })
    },
    'return-successor': {
      write: countRepeat,
      event: (row) => ({ type: 'refresh-coalesced', ...sessionOf(row), streak: row.repeatStreak })
    },
    'count-retry': {
      write: ({ row, storeTime, store }) =>
        store.countRetry(row.id, {
          generation: row.generation,
          retries: row.retries,
          keepRetries: recentRetries(row, storeTime),
          idleMs,
          accessLifetimeSeconds: accessLifetime()
        }),
      event: (row) => ({ type: 'refresh-retried', ...sessionOf(row) })
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
      event: (row) => ({ type: 'store-rolled-back', ...sessionOf(row) })
    },
    superseded: async () => {
      throw refusal('AUTH_REFRESH_SUPERSEDED', 'two or more generations old, within retrySeconds of a rotation')
    },
    reuse: async ({ row, store }) => {
      // Before the write: it may fail, and the alarm must not depend on it.
      emit({ type: 'refresh-token-reused', ...sessionOf(row) })
      await signOut(row.id, store)
      throw refusal('AUTH_REFRESH_REUSED', 'an old refresh token was presented again')
    },
    invalid: async () => {
      throw invalid('the session is revoked or expired')
    }
  } satisfies Record<Verdict, Outcome | Refuse>

  /**
   * @param token what the client presented. Whether it is its session's own has not been checked yet
   * @throws AuthError AUTH_REFRESH_INVALID; AUTH_REFRESH_REUSED (the session is revoked then); AUTH_REFRESH_SUPERSEDED;
   * AUTH_STORE_UNAVAILABLE; AUTH_TOKEN_TOO_LARGE
   * @throws TypeError if `refreshToken.claims` returns something invalid
   */
  return async function refresh(
    token: RefreshToken,
    { assertFits }: { readonly assertFits: AssertFits }
  ): Promise<TokenSet> {
    if (revocations.isSessionRevoked(token.sessionId)) throw invalid('the session is revoked')
    await tokenIssuer.loadSigner()
    let store = sharedStore.withDeadline()
    const known = knownSessions.get(token.sessionId)
    if (known !== undefined) assertMatches(token, known.sessionKey)
    // A known session takes one round trip: the store itself decides whether the verdict is `rotate`.
    let preparation = known && mayRotate(known, token) ? await prepare(known, { store, assertFits }) : null
    // `refreshToken.claims` may have used up the time, and a stolen token must be noticed nevertheless.
    if (preparation?.token === null) store = sharedStore.withDeadline()
    let result = preparation?.token ? await rotate(token, store) : await read(token, store)
    for (let race = 0; race < maxRaces; race++) {
      const { row, storeTime, applied } = result
      if (row === null) throw invalid('there is no such session')
      if (row.sessionKey !== known?.sessionKey) assertMatches(token, row.sessionKey)
      // `revokeAll()` would not find it, so that a changed password would not end it.
      if (!own.includes(row.issuer)) throw invalid('"issuer" no longer has the issuer of the session')
      knownSessions.remember(row)
      const attempt: Attempt = { token, store, row, storeTime }
      const { generation } = token
      const outcome: Outcome | Refuse = outcomes[applied ? 'rotate' : decide(row, { generation, storeTime, ...policy })]
      if (typeof outcome === 'function') return await outcome(attempt)
      preparation ??= await prepare(row, { store, assertFits })
      if (preparation.token === null) return await preparation.refuse(attempt)
      const isWritten = applied || outcome.write === undefined
      result = isWritten ? { row, storeTime, applied: true } : await outcome.write(attempt)
      if (result.applied && result.row !== null) {
        emit(outcome.event(result.row))
        return tokenIssuer.issue(preparation.token, { row: result.row, storeTime: result.storeTime })
      }
    }
    throw refusal('AUTH_STORE_UNAVAILABLE', `the session was changed ${maxRaces} times during this refresh`)
  }

  function assertMatches(token: RefreshToken, sessionKey: string): void {
    if (!refreshTokens.matches(token, sessionKey)) throw invalid('the second half of the mac is wrong')
  }

  /**
   * Before anything is written: a token that cannot be signed or sent must not cost the client its session. Never
   * rejects, because a token that will be refused must be refused for its own reason.
   */
  async function prepare(
    session: SessionBasis,
    { store, assertFits }: { readonly store: TimedStore; readonly assertFits: AssertFits }
  ): Promise<Preparation> {
    try {
      const content = refreshedClaims ? await refreshedClaims(session, store) : session
      if (content === null) return endSession('"refreshToken.claims" returned null')
      const { id, sub, details } = session
      const { claims, scope } = content
      return { token: tokenIssuer.prepare({ id, sub, details, claims, scope }, assertFits) }
    } catch (error) {
      if (!refreshedClaims && error instanceof TypeError) {
        // The schema has changed since the sign-in. Only a new sign-in can fix that.
        return endSession('the claims given at sign-in no longer match "accessToken.claims"')
      }
      return { token: null, refuse: () => Promise.reject(error) }
    }
  }

  function endSession(detail: string): Preparation {
    return {
      token: null,
      async refuse({ row, store }) {
        await signOut(row.id, store)
        throw invalid(detail)
      }
    }
  }

  async function read({ sessionId }: RefreshToken, store: TimedStore): Promise<CompareAndSetResult> {
    const { row, storeTime } = await store.find(sessionId)
    return { row, storeTime, applied: false }
  }

  /** Writes once for each generation: clients may repeat a token any number of times. */
  async function countRepeat({ row, token, storeTime, store }: Attempt): Promise<CompareAndSetResult> {
    const isCounted = row.repeatedGeneration !== null && row.repeatedGeneration >= token.generation
    if (isCounted) return { row, storeTime, applied: true }
    const streak = streakAt(row, token.generation)
    return await store.countRepeat(row.id, { generation: row.generation, repeated: token.generation, streak })
  }

  function rotate({ sessionId, generation }: RefreshToken, store: TimedStore): Promise<CompareAndSetResult> {
    return store.rotate(sessionId, {
      from: generation,
      to: generation + 1,
      minAgeMs: policy.retryMs,
      idleMs,
      accessLifetimeSeconds: accessLifetime()
    })
  }
}

/** No token is prepared, and the application is not asked for its claims, if the refresh token is probably too old. */
function mayRotate(known: KnownSession, { generation }: RefreshToken): boolean {
  return generation >= known.generation
}

function sessionOf({ id, sub }: SessionRow): { sub: string; sessionId: string } {
  return { sub, sessionId: id }
}

function invalid(detail: string): AuthError {
  return refusal('AUTH_REFRESH_INVALID', detail)
}
