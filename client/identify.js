import { createExpiry } from './expiry.js'
import { outcomeOf, retryAfterMs } from './response.js'

/**
 * Finds out who is signed in.
 * @param {import('./options.js').Settings} settings
 * @param {object} parts
 * @param {import('./session.js').Sessions} parts.sessions
 * @param {import('./refresh.js').Refresh} parts.refresh
 * @param {() => typeof globalThis.fetch} parts.request
 * @param {AbortSignal} parts.closing
 */
export function createIdentify({ me, isBearer }, { sessions, refresh, request, closing }) {
  /** @param {import('./session.js').Session} mine */
  async function ask(mine) {
    if (!me && mine.sid) sessions.setUser({ sid: mine.sid })
    // Without a token there is nobody to ask for.
    if (!me || (isBearer && !mine.sid)) return
    let hasTried = false
    for (let failures = 0; !closing.aborted;) {
      const { response, body, code } = await outcomeOf(request()(me, { cache: 'no-store', redirect: 'error' }))
      if (mine !== sessions.now) return
      const user = response?.ok && typeof body === 'object' && !Array.isArray(body) && body
      const sid = user && (user.sid ?? mine.sid)
      const isNobody = code && !mine.sid && (mine.sid === null || code === 'AUTH_NO_CREDENTIALS')
      if (sid || isNobody) sessions.setAvailable(true)
      if (sid) return identified(sid, { user, date: Date.parse(`${response.headers.get('date')}`) })
      if (isNobody) return mine.sid === undefined ? sessions.start(null) : undefined
      if ((user || code) && !hasTried) {
        // The refresh route knows the session, and whether it is over.
        hasTried = true
        await refresh.renewed(mine.expiry, mine.end.signal).catch(() => {})
      } else {
        hasTried = false
        sessions.setAvailable(false)
        await refresh.sleep(retryAfterMs(response, failures++))
      }
    }
  }

  /**
   * @param {string} sid
   * @param {{ user: any, date: number }} me
   */
  function identified(sid, { user, date }) {
    if (sessions.now.sid !== undefined && sessions.now.sid !== sid) sessions.start(sid)
    const { now } = sessions
    now.sid = sid
    const left = user.exp * 1000 - date - 1000
    const ms = (user.exp - user.iat) * 1000
    // All by the server's clock, in whole seconds.
    if (now.expiry.ms === Infinity && left < ms) Object.assign(now.expiry, createExpiry(left, ms))
    refresh.arm()
    sessions.setUser(user)
  }

  /** Once at a time. Never rejects. */
  return function identify() {
    const mine = sessions.now
    mine.identification ??= ask(mine).finally(() => {
      mine.identification = undefined
    })
    return mine.identification
  }
}
