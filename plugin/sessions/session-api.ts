import type { SessionSummary } from './session-summary.ts'
import type { Sessions } from './sessions.ts'
import { isStorable } from './sign-in-input.ts'
import { readRestrictions } from '../arguments.ts'

/**
 * `app.sessions`: lists and ends a subject's sessions. Every argument is checked first, so that a typo ends nothing. Texts
 * that no store can hold name nothing, and no store is asked for them.
 */
export function createSessionApi({ list, revoke, revokeAll }: Pick<Sessions, 'list' | 'revoke' | 'revokeAll'>) {
  return {
    /** A subject's live sessions, oldest first. */
    async list(sub: string): Promise<SessionSummary[]> {
      return isStorable(checkText('sub', sub)) ? await list(sub) : []
    },

    /**
     * Ends a session. Resolves to false when there is no such session.
     * ```ts
     * await app.sessions.revoke(request.params.id, { sub: request.user.sub })
     * ```
     * @param sessionId as in `list()` and `request.auth.sessionId`
     * @param given `sub`: end the session only if it is this subject's. Default: whoever's it is
     * @throws TypeError when `sub` is present but not a non-empty string, or a member is unknown
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    async revoke(sessionId: string, ...given: [options?: { readonly sub?: string }]): Promise<boolean> {
      const options = readRestrictions(given, ['sub'])
      const restriction = 'sub' in options ? { sub: checkText('sub', options.sub) } : {}
      if (![sessionId, ...Object.values(restriction)].every(isStorable)) return false
      return await revoke(sessionId, restriction)
    },

    /**
     * Ends all sessions of a subject, and refuses sign-ins that are under way. Resolves to how many were ended.
     * ```ts
     * await app.sessions.revokeAll(request.user.sub, { except: request.auth.sessionId })
     * ```
     * @param given `except`: the session that is kept; `null` keeps none. Default: `null`
     * @throws TypeError when `sub` is not a non-empty string, `except` is present but neither a session id nor `null`,
     * or a member is unknown
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    async revokeAll(sub: string, ...given: [options?: { readonly except?: string | null }]): Promise<number> {
      const { except = null } = readRestrictions(given, ['except'])
      const kept = except === null ? null : checkText('except', except)
      if (!isStorable(checkText('sub', sub))) return 0
      return await revokeAll(sub, { except: isStorable(kept) ? kept : null })
    }
  }
}

function checkText(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`"${name}" must be a non-empty string`)
  return value
}
