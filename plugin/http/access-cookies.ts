import type { Revocations } from '../sessions/revocations.ts'
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'

interface Candidate {
  readonly token: UnverifiedToken
  readonly verified: AccessToken
}

export interface ChooseParts {
  readonly accessTokens: Pick<AccessTokens, 'readOwn'>
  readonly revocations: Pick<Revocations, 'isSessionRevoked'>
}

/**
 * Which of the access cookies counts, `null` if none does. What is not ours is ignored, because anybody on a neighbouring
 * domain can set it; so is what belongs to a session that has ended, where another is left. Those that remain count if
 * they name one session, the latest of them; two sessions are nobody's, because one of them may have been planted.
 * @param values one or more, all different; one alone counts whatever it is
 */
export async function chooseAccessCookie(
  values: readonly UnverifiedToken[],
  { accessTokens, revocations }: ChooseParts
): Promise<UnverifiedToken | null> {
  if (values.length === 1) return values[0]!
  const read = await Promise.all(values.map(async (token) => ({ token, verified: await accessTokens.readOwn(token) })))
  const own = read.filter((candidate): candidate is Candidate => candidate.verified !== null)
  const live = own.filter(
    ({ verified: { sessionId } }) => sessionId === null || !revocations.isSessionRevoked(sessionId)
  )
  if (live.length === 0) return own[0]?.token ?? null
  return nameOneSession(live) ? latest(live).token : null
}

/** Tokens without a session name none, so that two of them contradict each other. */
function nameOneSession(candidates: readonly Candidate[]): boolean {
  const [first, ...others] = candidates
  return others.every(({ verified: { sessionId } }) => sessionId !== null && sessionId === first!.verified.sessionId)
}

function latest(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((one, other) => (other.verified.claims.exp > one.verified.claims.exp ? other : one))
}
