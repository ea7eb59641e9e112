import { readRestrictions } from '../arguments.ts'
import type { SessionSummary } from './session-summary.ts'
import type { Sessions } from './sessions.ts'
import { isStorable } from './sign-in-input.ts'

/**
 * `app.sessions`: lists and ends the sessions of a subject. Every argument is checked first, so that a typo ends
 * nothing. A string that no store can hold matches nothing, and the store is not queried for it.
 */
export function createSessionApi({ list, revoke, revokeAll }: Pick<Sessions, 'list' | 'revoke' | 'revokeAll'>) {
  return {
    /**
     * Resolves to the live sessions of a subject, oldest first: at most `refreshToken.maxSessions`.
     * ```ts
     * app.get('/devices', { config: { auth: true } }, async ({ user }) => app.sessions.list(user.sub))
     * ```
     * @param sub the subject given at sign-in
     * @throws TypeError if `sub` is not a non-empty string
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    async list(sub: string): Promise<SessionSummary[]> {
      return isStorable(checkText('sub', sub)) ? await list(sub) : []
    },

    /**
     * Ends a session. Resolves to whether there was one. This process refuses its access tokens before this resolves,
     * others do within moments.
     * ```ts
     * app.delete('/devices/:id', { config: { auth: true } }, async ({ user, params }) => {
     *   const { id } = params as { id: string }
     *   return { ended: await app.sessions.revoke(id, { sub: user.sub }) }
     * })
     * ```
     * @param sessionId as in `list()` and `request.auth.sessionId`
     * @param options `sub`: ends the session only if it belongs to this subject. Default: of any subject
     * @throws TypeError if `sub` is present but not a non-empty string, or if a member is unknown
     * @throws AuthError AUTH_STORE_UNAVAILABLE
     */
    async revoke(sessionId: string, ...given: [options?: { readonly sub?: string }]): Promise<boolean> {
      const options = readRestrictions(given, ['sub'])
      const restriction = 'sub' in options ? { sub: checkText('sub', options.sub) } : {}
      if (![sessionId, ...Object.values(restriction)].every(isStorable)) return false
      return await revoke(sessionId, restriction)
    },

    /**
     * Ends all sessions of a subject, for example after a change of the password. Resolves to how many it ended. Also
     * refuses sign-ins that are in progress with the old password, if they pass `authenticatedAt`.
     * ```ts
     * app.delete('/devices', { config: { auth: true } }, async ({ user, auth }) => {
     *   return { ended: await app.sessions.revokeAll(user.sub, { except: auth.sessionId }) }
     * })
     * ```
     * @param sub the subject given at sign-in
     * @param options `except`: the id of a session to keep. Default: `null`, which keeps none
     * @throws TypeError if `sub` is not a non-empty string, if `except` is present but neither a session id nor `null`,
     * or if a member is unknown
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
