import { AuthError, refusal } from '../errors.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { RefreshToken } from '../tokens/refresh-token.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'
import type { PresentedCookies } from './session-cookies.ts'

/** An honest browser's cookies name one session, or two after a mishap. More were planted. */
const maxSessions = 4

/** The sessions that a request's cookies name, at most {@link maxSessions}. */
export interface CookieSessions {
  /** Sessions that an access token with a good signature names. */
  readonly ids: readonly string[]
  /**
   * Refresh tokens with a good mac that name other sessions. Only the store knows whether they are the session's own.
   */
  readonly refreshTokens: readonly RefreshToken[]
  /** Why the list may be incomplete; `null` if it is complete. An incomplete list must not pass as "nothing to end". */
  readonly problem: AuthError | null
}

/** Reads which sessions the cookies name, in order to end them. A token that is not ours names none. */
export async function sessionsInCookies(
  presented: PresentedCookies,
  accessTokens: Pick<AccessTokens, 'sessionIdOf'>
): Promise<CookieSessions> {
  const { ids: signed, problem } = await signedSessions(presented.access, accessTokens)
  const all = new Set([...signed, ...presented.refresh.map(({ sessionId }) => sessionId)])
  const chosen = new Set([...all].slice(0, maxSessions))
  const areTooMany = presented.areTooMany || all.size > maxSessions
  return {
    ids: signed.filter((id) => chosen.has(id)),
    refreshTokens: presented.refresh.filter(({ sessionId }) => chosen.has(sessionId) && !signed.includes(sessionId)),
    problem: areTooMany
      ? refusal('AUTH_MALFORMED_CREDENTIALS', 'the cookies name too many sessions, or have too many values')
      : problem
  }
}

async function signedSessions(
  tokens: readonly UnverifiedToken[],
  accessTokens: Pick<AccessTokens, 'sessionIdOf'>
): Promise<{ ids: readonly string[]; problem: AuthError | null }> {
  const ids = new Set<string>()
  let problem: AuthError | null = null
  for (const token of tokens) {
    try {
      const id = await accessTokens.sessionIdOf(token)
      if (id !== null) ids.add(id)
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      if (error.code !== 'AUTH_INVALID_TOKEN') problem = error
    }
  }
  return { ids: [...ids], problem }
}
