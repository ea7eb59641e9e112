import { AuthError, refusal } from '../errors.ts'
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'
import type { PresentedCookies } from './session-cookies.ts'

/** An honest browser's cookies name one session, or two after a mishap: further ones were planted. */
const maxSessions = 4

/** An access token of ours that is valid in everything but `exp`; `null` for any other. */
export function verifyIgnoringExpiry(accessTokens: AccessTokens, token: UnverifiedToken): AccessToken | null {
  try {
    return accessTokens.verifyIgnoringExpiry(token)
  } catch (error) {
    if (error instanceof AuthError) return null
    throw error
  }
}

/** The sessions that a request's cookies name, at most {@link maxSessions}. */
export interface CookieSessions {
  /** By a good signature. */
  readonly ids: readonly string[]
  /** Refresh tokens with a good mac, for sessions that are not among `ids`: the store knows whether they are the session's. */
  readonly refreshTokens: readonly string[]
  /** Why the list may be incomplete, `null` if it is complete. It must not be taken for "there is nothing to end". */
  readonly problem: AuthError | null
}

/** Reads which sessions the cookies name, for ending them. What cannot be read as ours names none. */
export async function sessionsInCookies(
  presented: PresentedCookies,
  accessTokens: AccessTokens
): Promise<CookieSessions> {
  const { ids: signed, problem } = await signedSessions(presented.access, accessTokens)
  const all = new Set([...signed, ...presented.refresh.map(({ token }) => token.sessionId)])
  const chosen = new Set([...all].slice(0, maxSessions))
  const areTooMany = presented.areTooMany || all.size > maxSessions
  return {
    ids: signed.filter((id) => chosen.has(id)),
    refreshTokens: presented.refresh
      .filter(({ token: { sessionId } }) => chosen.has(sessionId) && !signed.includes(sessionId))
      .map(({ text }) => text),
    problem: areTooMany
      ? refusal('AUTH_MALFORMED_CREDENTIALS', 'the cookies name too many sessions, or have too many values')
      : problem
  }
}

async function signedSessions(
  tokens: readonly UnverifiedToken[],
  accessTokens: AccessTokens
): Promise<{ ids: readonly string[]; problem: AuthError | null }> {
  const ids = new Set<string>()
  let problem: AuthError | null = null
  for (const token of tokens) {
    try {
      const id = await accessTokens.namedSession(token)
      if (id !== null) ids.add(id)
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      if (error.code !== 'AUTH_INVALID_TOKEN') problem = error
    }
  }
  return { ids: [...ids], problem }
}
