import { refusal, type AuthError } from '../errors.ts'
import type { AuthEvent } from '../events.ts'
import type { Read, SessionRow, Write } from '../stores/store.ts'
import { checkOwnClaims, checkScope } from '../tokens/access-token.ts'
import { scopesOf } from '../tokens/claims.ts'
import type { RefreshToken } from '../tokens/refresh-token.ts'
import { bounded } from './available-store.ts'
import { decide, recentRetries, type Verdict } from './rotation.ts'
import type { Deliverable, Grant, SessionParts, Sessions } from './sessions.ts'

/** A loser of a race reads what the winner wrote and decides again; more often than this is no race. */
const maxRaces = 10

const events = {
  rotate: 'session-refreshed',
  coalesce: 'session-coalesced',
  succeed: 'session-coalesced',
  'count-retry': 'session-retried',
  'roll-forward': 'store-rolled-back'
} as const satisfies Partial<Record<Verdict, AuthEvent['type']>>

/** Exchanges a refresh token: what `rotation.ts` decides is carried out by one atomic store call. */
export function createRefresh ({ settings, store, refreshTokens, salts, revocations, emit }: SessionParts, sessions: Sessions) {
  const { retrySeconds, lateRetries, idleSeconds, claims: currentClaims } = settings.refreshToken
  const policy = { retryMs: retrySeconds * 1000, lateRetries }
  const idleMs = idleSeconds * 1000
  const askClaims = currentClaims && bounded(async (row: SessionRow) => currentClaims(row))

  /**
   * @param text what the client presented; nothing in it has been verified yet
   * @throws AuthError AUTH_REFRESH_INVALID, AUTH_REFRESH_REUSED (the session has ended), AUTH_REFRESH_SUPERSEDED,
   * AUTH_STORE_UNAVAILABLE
   */
  return async function refresh (text: string, { deliverable }: { deliverable: Deliverable }): Promise<Grant> {
    const token = refreshTokens.read(text)
    if (token === null) throw invalid('the shape or the mac is wrong')
    if (revocations.hasEnded(token.sessionId)) throw invalid('the session was ended')
    let { row, now, applied } = await firstLook(token)
    for (let race = 0; race < maxRaces; race++) {
      if (row === null) throw invalid('there is no such session')
      assertProved(token, row.salt)
      salts.set(row.id, row.salt)
      const verdict = applied ? 'rotate' : decide(row, token.generation, now, policy)
      const subject = await outcome(verdict, row, deliverable)
      const written = applied ? { row, now, applied } : await write(verdict, { row, now }, token)
      if (written.applied && written.row !== null) {
        emit({ type: events[verdict as keyof typeof events], sub: row.sub, sessionId: row.id })
        return sessions.grant(written.row, written.now, subject)
      }
      ({ row, now, applied } = written)
    }
    throw refusal('AUTH_STORE_UNAVAILABLE', `lost ${maxRaces} races for one session`)
  }

  /**
   * When the salt is known, the token can be proved before anything is read, and the common case is one round trip:
   * the store rotates if the row is as `decide()` would want it. Otherwise, and whenever the application is to be
   * asked for claims first, the row is read.
   */
  async function firstLook (token: RefreshToken): Promise<Write> {
    const salt = salts.get(token.sessionId)
    if (salt !== undefined) assertProved(token, salt)
    if (salt === undefined || askClaims) return { ...await store.find(token.sessionId), applied: false }
    return await rotate(token)
  }

  function assertProved (token: RefreshToken, salt: string): void {
    if (!refreshTokens.proves(token, salt)) throw invalid('the second half of the mac is wrong')
  }

  /** Refuses, or says which claims the new access token carries. */
  async function outcome (verdict: Verdict, row: SessionRow, deliverable: Deliverable): Promise<Pick<SessionRow, 'claims' | 'scope'>> {
    if (verdict === 'invalid') throw invalid('the session has ended or expired')
    if (verdict === 'superseded') throw refusal('AUTH_REFRESH_SUPERSEDED', 'two or more generations old, a moment after a rotation')
    if (verdict === 'reuse') {
      await sessions.end(row.id)
      emit({ type: 'session-reused', sub: row.sub, sessionId: row.id })
      throw refusal('AUTH_REFRESH_REUSED', 'an old refresh token came back')
    }
    if (!askClaims) return row
    const current = await askClaims(row)
    if (current === null) {
      await sessions.end(row.id)
      throw invalid('the application ended the session')
    }
    const subject = { claims: current.claims === undefined ? row.claims : checkOwnClaims(current.claims), scope: narrowed(row.scope, current.scope) }
    sessions.tryOut({ ...row, ...subject }, deliverable)
    return subject
  }

  async function write (verdict: Verdict, { row, now }: Read & { row: SessionRow }, token: RefreshToken): Promise<Write> {
    switch (verdict) {
      case 'rotate': return await rotate(token)
      case 'roll-forward': return await store.rotate(row.id, { from: row.generation, to: token.generation, minAgeMs: 0, idleMs })
      case 'count-retry': return await store.countRetry(row.id, { generation: row.generation, retries: row.retries, keep: recentRetries(row, now), idleMs })
      default: return { row, now, applied: true }
    }
  }

  async function rotate ({ sessionId, generation }: RefreshToken): Promise<Write> {
    return await store.rotate(sessionId, { from: generation, to: generation + 1, minAgeMs: policy.retryMs, idleMs })
  }
}

/** Scope may shrink at a refresh, never grow beyond what the user signed in for. */
function narrowed (session: string | null, current: string | undefined): string | null {
  if (current === undefined) return session
  const allowed = new Set(scopesOf(session))
  return scopesOf(checkScope(current)).filter((scope) => allowed.has(scope)).join(' ') || null
}

function invalid (detail: string): AuthError {
  return refusal('AUTH_REFRESH_INVALID', detail)
}
