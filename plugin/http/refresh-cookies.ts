import type { FastifyRequest } from 'fastify'
import { AuthError, refusal } from '../errors.ts'
import type { Refresh } from '../sessions/refresh.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { TokenSet } from '../sessions/token-issuer.ts'
import type { RefreshToken } from '../tokens/refresh-token.ts'
import type { PresentedRefresh, SessionCookies } from './session-cookies.ts'

export interface ExchangeParts {
  readonly refresh: Refresh
  readonly revocations: Pick<Revocations, 'reads' | 'wasJustReplaced' | 'isSessionRevoked'>
  readonly sessionCookies: SessionCookies
}

/** After these refusals, the cookies can never succeed again. */
const finalCodes = new Set(['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_REUSED'])

/**
 * Exchanges the refresh token of the cookies. Clears cookies that can never succeed again, and keeps the others.
 * @throws AuthError as `refresh()`
 */
export async function exchangeRefreshCookie(
  request: FastifyRequest,
  { presented, refresh, revocations, sessionCookies }: ExchangeParts & { readonly presented: PresentedRefresh }
): Promise<TokenSet> {
  let candidates = withoutEnded(presented.refresh, revocations)
  if (!presented.areTooMany && !nameOneSession(candidates)) {
    // A stale list may show two live sessions where one has ended.
    await revocations.reads.becomeUsable(presented.refresh.map(({ sessionId }) => sessionId))
    candidates = withoutEnded(presented.refresh, revocations)
  }
  if (presented.areTooMany || !nameOneSession(candidates)) {
    sessionCookies.clearEverywhere(request)
    throw refusal('AUTH_REFRESH_INVALID', 'the refresh cookies name several sessions, or have too many values')
  }
  // A sign-in may have replaced the cookies since the browser sent this request. Read before `refresh()` ends it.
  const mayBeReplaced = candidates.some(({ sessionId }) => revocations.wasJustReplaced(sessionId))
  try {
    return await refresh(latest(candidates), { assertFits: sessionCookies.assertFits })
  } catch (error) {
    if (error instanceof AuthError && finalCodes.has(error.code) && !mayBeReplaced) sessionCookies.clear(request)
    throw error
  }
}

/** A leftover of a session that has ended does not count beside the token of another session. */
function withoutEnded(
  tokens: readonly RefreshToken[],
  revocations: ExchangeParts['revocations']
): readonly RefreshToken[] {
  const live = tokens.filter(({ sessionId }) => !revocations.isSessionRevoked(sessionId))
  return live.length > 0 ? live : tokens
}

/** Of two sessions, neither is trusted: an attacker may have planted one of them. */
function nameOneSession(tokens: readonly RefreshToken[]): boolean {
  return tokens.every(({ sessionId }) => sessionId === tokens[0]!.sessionId)
}

/** The token that the browser received last. */
function latest([first, ...others]: readonly RefreshToken[]): RefreshToken {
  if (first === undefined) throw refusal('AUTH_REFRESH_INVALID', 'the shape or the mac is wrong')
  return others.reduce((one, other) => (other.generation > one.generation ? other : one), first)
}
