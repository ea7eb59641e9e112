import { startCountdown } from './countdown.js'
import { Access, msOf } from './access.js'
import { codeOf, readJson } from './json.js'
import { AuthUnavailable } from './unavailable.js'

const patienceMs = 10_000

/**
 * Finds out who is signed in.
 * @param {object} parts
 * @param {import('./options.js').Settings} parts.settings
 * @param {ReturnType<typeof import('./current.js').createCurrent>} parts.current
 * @param {ReturnType<typeof import('./refresh.js').createRefresh>} parts.refresh
 * @param {typeof globalThis.fetch} parts.request
 * @param {ReturnType<typeof import('./pause.js').createPause>} parts.pause
 * @param {AbortSignal} parts.closing
 */
export function createIdentify({ settings, current, refresh, request, pause, closing }) {
  const { me } = settings
  /** @type {any} */
  let timer
  closing.addEventListener('abort', () => clearTimeout(timer))

  return async function identify() {
    clearTimeout(timer)
    if (current.session.sid === null && me && !settings.isBearer) current.start()
    const { session } = current
    if (session.sid === null) return
    if (!me) return session.sid ? current.setUser({ sid: session.sid }) : undefined
    const patience = startCountdown(patienceMs)
    let hasRefreshed = false
    while (session === current.session && !closing.aborted) {
      /** @type {Response | undefined} */
      let response
      let body
      try {
        response = await request(me, { cache: 'no-store', redirect: 'error' })
        body = await readJson(response)
      } catch {}
      if (session !== current.session || session.sid === null) return
      const code = response?.status === 401 && codeOf(body)
      const isKnown = response?.ok && body
      const sid = body?.sid ?? session.sid
      if (isKnown && typeof sid === 'string') {
        pause.succeed()
        if (session.sid && session.sid !== sid) current.start(sid)
        current.session.sid = sid
        if (session.access.lifetimeMs === Infinity) learn(current.session.access, { body, response })
        refresh.arm()
        return current.setUser(body)
      }
      if (code === 'AUTH_NO_CREDENTIALS' && !session.sid) {
        pause.succeed()
        return current.end()
      }
      if ((isKnown || code) && !hasRefreshed) {
        hasRefreshed = true
        await refresh.renewed(session, { old: session.access, signal: session.end.signal }).catch(() => {})
        continue
      }
      pause.startAfter(response)
      if (pause.leftMs() > patience()) {
        timer = setTimeout(() => identify().catch(() => {}), pause.leftMs())
        throw new AuthUnavailable(pause.leftMs())
      }
      await pause.wait()
    }
  }
}

/**
 * How long the token of `me` is valid, by the server's clock only. Both numbers are whole seconds.
 * @param {Access} access
 * @param {{ body: { exp?: unknown, iat?: unknown }, response: Response | undefined }} me
 */
function learn(access, { body: { exp, iat }, response }) {
  const leftMs = Number(exp) * 1000 - Date.parse(response?.headers.get('date') ?? '') - 1000
  const lifetimeMs = msOf(Number(exp) - Number(iat))
  if (leftMs <= lifetimeMs) Object.assign(access, new Access(leftMs, lifetimeMs))
}
