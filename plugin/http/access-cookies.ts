import type { Revocations } from '../sessions/revocations.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { UnverifiedToken } from '../tokens/unverified-token.ts'

interface Candidate {
  readonly token: UnverifiedToken
  readonly verified: AccessToken
}

export interface ChooseParts {
  readonly accessTokens: Pick<AccessTokens, 'readLocal'>
  readonly revocations: Pick<Revocations, 'reads' | 'isSessionRevoked'>
}

/**
 * Chooses the access cookie that counts; `null` if none does. Tokens that are not ours are ignored, because anybody on
 * a neighbouring domain can set them. So are tokens of ended sessions, if another token remains. The remaining tokens
 * count if they name one session, and the latest of them is chosen. Of two sessions, neither is trusted: an attacker
 * may have planted one of them.
 * @param values one or more, all different; a single one is chosen without a check
 */
export async function chooseAccessCookie(
  values: readonly UnverifiedToken[],
  { accessTokens, revocations }: ChooseParts
): Promise<UnverifiedToken | null> {
  if (values.length === 1) return values[0]!
  const read = await Promise.all(
    values.map(async (token) => ({ token, verified: await accessTokens.readLocal(token) }))
  )
  const own = read.filter((candidate): candidate is Candidate => candidate.verified !== null)
  let live = liveOf(own, revocations)
  if (!nameOneSession(live)) {
    // A stale list may show two live sessions where one has ended.
    await revocations.reads.becomeUsable(own.map(({ verified }) => verified.sessionId))
    live = liveOf(own, revocations)
  }
  if (live.length === 0) return own[0]?.token ?? null
  return nameOneSession(live) ? latest(live).token : null
}

function liveOf(candidates: readonly Candidate[], revocations: ChooseParts['revocations']): readonly Candidate[] {
  return candidates.filter(
    ({ verified: { sessionId } }) => sessionId === null || !revocations.isSessionRevoked(sessionId)
  )
}

/** Tokens without a session name none, so that two of them contradict each other. */
function nameOneSession(candidates: readonly Candidate[]): boolean {
  const [first, ...others] = candidates
  return others.every(({ verified: { sessionId } }) => sessionId !== null && sessionId === first!.verified.sessionId)
}

function latest(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((one, other) => (other.verified.claims.exp > one.verified.claims.exp ? other : one))
}
