import { assertDefined, assertReturned, undefinedProblem } from '../arguments.ts'
import type { SessionInfo } from '../options/refresh-token.ts'
import type { Settings } from '../options/options.ts'
import type { SessionRow } from '../stores/session-store.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'
import { scopesOf } from '../tokens/claims.ts'
import type { SessionBasis } from './known-sessions.ts'
import type { TimedStore } from './timed-store.ts'

/** The claims and the scope of a refreshed access token. */
export type RefreshedClaims = Pick<SessionRow, 'claims' | 'scope'>

export interface RefreshedClaimsSettings {
  readonly claims: NonNullable<Settings['refreshToken']['claims']>
  readonly mayWidenScope: boolean
}

/**
 * Calls `refreshToken.claims` for the claims of a refreshed access token. Resolves to `null` if the application ends
 * the session.
 * @throws AuthError AUTH_STORE_UNAVAILABLE if the application's function rejects, or exceeds the request's time limit
 * @throws TypeError for an invalid result
 */
export function createRefreshedClaims({ claims: currentClaims, mayWidenScope }: RefreshedClaimsSettings) {
  return async function refreshedClaims(
    session: SessionBasis,
    store: Pick<TimedStore, 'withTimeout'>
  ): Promise<RefreshedClaims | null> {
    const current = await store.withTimeout(() => currentClaims(sessionInfo(session)))
    if (current === null) return null
    assertReturned(current, {
      by: 'refreshToken.claims',
      members: ['claims', 'scope'],
      or: ', or null to end the session'
    })
    // `{ scope: scopes.typo }` must not keep the scope of the sign-in, which may be more.
    assertDefined(current, (name) => `the "${name}" that "refreshToken.claims" returned ${undefinedProblem}`)
    const claims = current.claims === undefined ? session.claims : checkAppClaims(current.claims)
    return { claims, scope: refreshedScope(session.scope, { current: current.scope, mayWidenScope }) }
  }
}

/** Member by member: the application must not see the `sessionKey`. */
function sessionInfo({ id, sub, device, scope, claims }: SessionBasis): SessionInfo {
  return { id, sub, device, scope, claims }
}

interface CurrentScope {
  readonly current: string | undefined
  readonly mayWidenScope: boolean
}

/** A refresh can narrow the scope of the sign-in. It widens it only if the application says so (RFC 6749 §6). */
function refreshedScope(granted: string | null, { current, mayWidenScope }: CurrentScope): string | null {
  if (current === undefined) return granted
  const allowed = new Set(scopesOf(granted))
  const kept = scopesOf(checkScope(current)).filter((scope) => mayWidenScope || allowed.has(scope))
  return kept.join(' ') || null
}
