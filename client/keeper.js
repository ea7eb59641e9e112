import { outcomeOf, retryAfterMs } from './response.js'
import { countdown, sleep } from './time.js'
import { issuedOf } from './tokens.js'
import { AuthUnavailable } from './unavailable.js'

/** Shorter than the server's `retrySeconds`: until then, a repeated refresh gets the same tokens. */
const timeoutMs = 8000
/** How long a request waits for a token. */
const patienceMs = 15_000
/** Keeps the turn until the other tabs have heard of the refresh. */
const lingerMs = 100
/** Timers are late after the machine slept: this is how often they look. */
const checkMs = 60_000

/**
 * Keeps the session: finds out who is signed in, and refreshes, ahead of expiry and when a request needs it.
 * @typedef {ReturnType<typeof createKeeper>} Keeper
 * @param {import('./options.js').Settings} settings
 * @param {object} parts
 * @param {import('./state.js').State} parts.state
 * @param {import('./tokens.js').TokenStore | undefined} parts.store of `bearer`
 * @param {import('./tabs.js').Tabs | undefined} parts.tabs
 * @param {(reason: 'ended') => void} parts.end
 * @param {(type: import('./tabs.js').Message['type']) => void} parts.post
 * @param {AbortSignal} parts.closing
 */
export function createKeeper(settings, { state, store, tabs, end, post, closing }) {
  const { me, refresh, isBearer, leadSeconds, credentials, send } = settings
  /** Tabs do not refresh in the same moment: the first one informs the others. */
  const luck = Math.random()

  /** At least the second that `exp` may be rounded by. */
  function leadMs() {
    const { ms } = state.session.token
    return (leadSeconds ?? Math.min(Math.max(ms / 10, 1000), ms / 5, 60_000) / 1000) * 1000
  }

  function refreshDueMs() {
    const { sid, token } = state.session
    if (token.isRefused) return 0
    const ahead = leadMs()
    return sid && ahead ? token.left() - (ahead * (1 + luck)) / 2 : Infinity
  }

  /**
   * @param {any} url
   * @param {RequestInit} init
   */
  function ask(url, init) {
    const signal = AbortSignal.any([state.session.end.signal, AbortSignal.timeout(timeoutMs)])
    // The target of a redirect must not get the refresh token.
    const sent = send(url, { redirect: 'error', signal, ...credentials, ...init })
    // The option `fetch` may not know signals.
    return outcomeOf(Promise.race([sent, sleep(1e9, { signal, isIdle: true })]))
  }

  /** @param {import('./state.js').Token} token the one to replace */
  async function exchange(token) {
    const { session } = state
    const tokens = await store?.sync()
    if (token !== state.session.token || state.pauseLeft() > 0) return
    const at = Date.now()
    const { response, body, code } = await ask(refresh, {
      method: 'POST',
      ...(tokens && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refresh_token: tokens.refresh })
      })
    })
    const isSuperseded = code === 'AUTH_REFRESH_SUPERSEDED'
    // Another tab may be about to store the newer tokens.
    if (store && isSuperseded) await sleep(1000)
    await store?.sync()
    // Late news of a session that is over, or that another tab has refreshed.
    if (token !== state.session.token) return
    const issued = response?.ok && issuedOf(body, isBearer)
    if (issued) {
      // From the sending on: the response may have been on its way for long.
      issued.at = at
      store?.save(issued)
      state.accept(issued)
      post('refreshed')
    } else if (isSuperseded && !store) {
      // The browser has newer cookies.
      state.accept({ sid: session.sid })
    } else if (code) end('ended')
    else {
      state.fail(retryAfterMs(response, state.failures++))
      post('pause')
    }
  }

  async function identify() {
    const { session } = state
    const { token, sid: known } = session
    let { response, body, code } = await ask(me, {
      cache: 'no-store',
      ...(token.access && { headers: { authorization: `Bearer ${token.access}` } })
    })
    if (session !== state.session) return
    // Nobody, without a 401, which browsers log.
    if (response?.ok && body === null) code = 'AUTH_NO_CREDENTIALS'
    const user = response?.ok && body?.constructor === Object && body
    const sid = user && (user.sid ?? known)
    if (sid) {
      if (known !== undefined && known !== sid) state.start(sid)
      state.session.sid = sid
      // All by the server's clock, in whole seconds.
      const ms = (user.exp - user.iat) * 1000
      const left = user.exp * 1000 - Date.parse(/** @type {any} */ (response).headers.get('date')) - 1000
      const now = state.session.token
      if (now.ms === Infinity && left < ms) {
        now.left = countdown(left)
        now.ms = ms
      }
      state.setUser(user)
    } else if (code && !known && (known === null || code === 'AUTH_NO_CREDENTIALS')) {
      session.isUnclear = false
      if (known === undefined) state.start(null)
    } else if ((user || code) && !session.isDoubtful) {
      // The refresh route knows the session, and whether it is over.
      session.isDoubtful = true
      state.refuse(session.token)
    } else state.fail(retryAfterMs(response, state.failures++))
  }

  async function refreshInTurn() {
    const { token } = state.session
    const work = async () => {
      await exchange(token)
      await sleep(lingerMs)
    }
    // Such as Web Locks in a sandbox.
    await (tabs ? tabs.inTurn(work) : exchange(token)).catch(() => state.pause(1000))
  }

  /** The one loop: it does what is due, or waits for a change. */
  async function run() {
    while (!closing.aborted) {
      const dueMs = Math.max(state.session.isUnclear ? 0 : refreshDueMs(), state.pauseLeft())
      if (dueMs > 0) await state.wait(Math.min(dueMs, checkMs), { isIdle: true })
      else await (refreshDueMs() > 0 ? identify() : refreshInTurn())
    }
  }

  return {
    run,
    leadMs,

    /**
     * Resolves when the session has another token than `old`, or is over.
     * @param {import('./state.js').Token} old
     * @param {AbortSignal} signal
     * @throws AuthUnavailable
     */
    async renewed(old, signal) {
      const patience = countdown(patienceMs)
      state.refuse(old)
      while (old === state.session.token) {
        const ms = Math.max(state.pauseLeft(), 0)
        if (ms >= patience()) throw new AuthUnavailable(ms)
        await state.wait(patience(), { signal })
        signal.throwIfAborted()
      }
    }
  }
}
