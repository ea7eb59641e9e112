import { refusal, type AuthError } from '../errors.ts'
import type { AuthEvent, Emit } from '../events.ts'
import type { Settings } from '../options/options.ts'
import type { CompareAndSetResult, SessionRow } from '../stores/session-store.ts'
import type { PreparedToken } from '../tokens/prepared-token.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { KnownSession, KnownSessions } from './known-sessions.ts'
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
  readonly refreshTokens: Pick<RefreshTokens, 'read' | 'matches'>
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
  readonly assertFits: AssertFits
}

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
   * @param text what the client presented; nothing in it has been verified yet
   * @throws AuthError AUTH_REFRESH_INVALID; AUTH_REFRESH_REUSED (the session is revoked then); AUTH_REFRESH_SUPERSEDED;
   * AUTH_STORE_UNAVAILABLE; AUTH_TOKEN_TOO_LARGE
   * @throws TypeError if `refreshToken.claims` returns something invalid
   */
  return async function refresh(text: string, { assertFits }: { readonly assertFits: AssertFits }): Promise<TokenSet> {
    const token = refreshTokens.read(text)
    if (token === null) throw invalid('the refresh token is malformed, or its mac is wrong')
    if (revocations.isSessionRevoked(token.sessionId)) throw invalid('the session is revoked')
    await tokenIssuer.loadSigner()
    const store = sharedStore.withDeadline()
    const known = knownSessions.get(token.sessionId)
    if (known !== undefined) assertMatches(token, known.sessionKey)
    // A known session takes one round trip: the store itself decides whether the verdict is `rotate`.
    const early = known === undefined || refreshedClaims ? null : prepareEarly(known, assertFits)
    let result = early ? await rotate(token, store) : { ...(await store.find(token.sessionId)), applied: false }
    for (let race = 0; race < maxRaces; race++) {
      const { row, storeTime, applied } = result
      if (row === null) throw invalid('there is no such session')
      assertMatches(token, row.sessionKey)
      // `revokeAll()` would not find it, so that a changed password would not end it.
      if (!own.includes(row.issuer)) throw invalid('"issuer" no longer has the issuer of the session')
      knownSessions.remember(row)
      const attempt: Attempt = { token, store, row, storeTime, assertFits }
      const { generation } = token
      const outcome: Outcome | Refuse = outcomes[applied ? 'rotate' : decide(row, { generation, storeTime, ...policy })]
      if (typeof outcome === 'function') return await outcome(attempt)
      const accessToken = early ?? (await prepare(attempt))
      const isWritten = applied || outcome.write === undefined
      result = isWritten ? { row, storeTime, applied: true } : await outcome.write(attempt)
      if (result.applied && result.row !== null) {
        emit(outcome.event(result.row))
        return tokenIssuer.issue(accessToken, { row: result.row, storeTime: result.storeTime })
      }
    }
    throw refusal('AUTH_STORE_UNAVAILABLE', `the session was changed ${maxRaces} times during this refresh`)
  }

  /** `null` if the session must be read first: its claims no longer match the schema, or make the token too long. */
  function prepareEarly(known: KnownSession, assertFits: AssertFits): PreparedToken | null {
    try {
      return tokenIssuer.prepare(known, assertFits)
    } catch {
      return null
    }
  }

  function assertMatches(token: RefreshToken, sessionKey: string): void {
    if (!refreshTokens.matches(token, sessionKey)) throw invalid('the second half of the mac is wrong')
  }

  /** Before anything is written: a token that cannot be signed or sent must not cost the client its session. */
  async function prepare({ row, store, assertFits }: Attempt): Promise<PreparedToken> {
    const content = refreshedClaims ? await refreshedClaims(row, store) : row
    if (content === null) {
      await signOut(row.id, store)
      throw invalid('"refreshToken.claims" returned null')
    }
    try {
      return tokenIssuer.prepare({ id: row.id, sub: row.sub, details: row.details, ...content }, assertFits)
    } catch (error) {
      if (refreshedClaims || !(error instanceof TypeError)) throw error
      // The schema has changed since the sign-in. Only a new sign-in can fix that.
      await signOut(row.id, store)
      throw invalid('the claims given at sign-in no longer match "accessToken.claims"')
    }
  }

  /** Writes once for each generation: clients may repeat a token any number of times. */
  async function countRepeat({ row, token, storeTime, store }: Attempt): Promise<CompareAndSetResult> {
    if ((row.repeatedGeneration ?? -1) >= token.generation) return { row, storeTime, applied: true }
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

function sessionOf({ id, sub }: SessionRow): { sub: string; sessionId: string } {
  return { sub, sessionId: id }
}

function invalid(detail: string): AuthError {
  return refusal('AUTH_REFRESH_INVALID', detail)
}
