import { orAbort, sleep } from './abort.js'
import { countdown, createExpiry } from './expiry.js'
import { outcomeOf, retryAfterMs } from './response.js'
import { issuedOf } from './tokens.js'
import { AuthUnavailable } from './unavailable.js'

/** @typedef {import('./expiry.js').Expiry} Expiry */

/** Shorter than the server's `retrySeconds`: until then, a repeated refresh gets the same tokens. */
const timeoutMs = 8000
/** How long a request waits for a token. */
const patienceMs = 15_000
/** Keeps the turn until the other tabs have heard of the refresh. */
const lingerMs = 100
/** Timers are late after the machine slept: this is how often they look. */
const checkMs = 60_000

/**
 * Refreshes the session, ahead of expiry and when a request needs it.
 * @typedef {ReturnType<typeof createRefresh>} Refresh
 * @param {import('./options.js').Settings} settings
 * @param {object} parts
 * @param {import('./session.js').Sessions} parts.sessions
 * @param {import('./tokens.js').TokenStore | undefined} parts.store
 * @param {import('./tabs.js').Tabs | undefined} parts.tabs
 * @param {() => Promise<import('./tokens.js').Issued | null | undefined>} parts.sync another tab may have stored other
 *   tokens; resolves to those that are stored
 * @param {(reason: 'ended') => void} parts.end
 * @param {() => void} parts.onRefresh
 * @param {AbortSignal} parts.closing
 */
export function createRefresh(settings, { sessions, store, tabs, sync, end, onRefresh, closing }) {
  let failures = 0
  let pauseLeft = countdown(0)
  let waking = new AbortController()
  /** @type {any} */
  let timer
  closing.addEventListener('abort', () => {
    clearTimeout(timer)
    waking.abort()
  })

  /** @param {number} ms */
  function pause(ms) {
    pauseLeft = countdown(ms)
  }

  /**
   * Whether this is still the token of this session.
   * @param {Expiry} expiry
   */
  function whileCurrent(expiry) {
    const mine = sessions.now
    return () => mine === sessions.now && mine.expiry === expiry
  }

  /** @param {() => boolean} isNeeded */
  async function exchange(isNeeded) {
    const tokens = await sync()
    if (!isNeeded() || pauseLeft() > 0) return
    const signal = AbortSignal.any([sessions.now.end.signal, AbortSignal.timeout(timeoutMs)])
    const at = Date.now()
    const sent = settings.send(settings.refresh, {
      method: 'POST',
      // The target of a redirect must not get the refresh token.
      redirect: 'error',
      signal,
      ...settings.credentials,
      ...(tokens && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refresh_token: tokens.refresh })
      })
    })
    const { response, body, code } = await outcomeOf(orAbort(sent, signal))
    // Another tab may be about to store the newer tokens.
    if (store && code === 'AUTH_REFRESH_SUPERSEDED') await sleep(1000, signal)
    await sync()
    // Late news of a session that is over, or that another tab has refreshed.
    if (!isNeeded()) return
    const issued = response?.ok && issuedOf(body, settings.isBearer)
    if (issued || code) failures = 0
    if (issued) {
      // From the sending on: the response may have been on its way for long.
      issued.at = at
      store?.save(issued)
      sessions.acceptIssued(issued)
      onRefresh()
    } else if (code === 'AUTH_REFRESH_SUPERSEDED' && !store) {
      // The browser has newer cookies.
      sessions.accept({ sid: /** @type {string} */ (sessions.now.sid) }, createExpiry())
    } else if (code) end('ended')
    else {
      sessions.setAvailable(false)
      pause(retryAfterMs(response, failures++))
      tabs?.post({ type: 'pause', left: pauseLeft() })
    }
  }

  /** One attempt to get another token, for all who wait for it. Never rejects. */
  function attempt() {
    const { expiry } = sessions.now
    const isNeeded = whileCurrent(expiry)
    expiry.renewal ??= new Promise((/** @type {(value?: any) => void} */ resolve) => {
      expiry.settle = resolve
      const work = async () => {
        await exchange(isNeeded)
        resolve()
        await sleep(lingerMs, closing)
      }
      sleep(Math.max(pauseLeft(), 0), waking.signal)
        .then(async () => {
          // A claim during the pause of another claim would lengthen the pauses of all tabs, for ever.
          if (isNeeded() && pauseLeft() <= 0) await (tabs ? tabs.inTurn(work) : exchange(isNeeded))
        })
        // Such as Web Locks in a sandbox.
        .catch(() => pause(1000))
        .then(resolve)
    }).then(() => {
      expiry.renewal = undefined
      arm()
    })
    return expiry.renewal
  }

  /** At least the second that `exp` may be rounded by. */
  function leadMs() {
    const { ms } = sessions.now.expiry
    return (settings.leadSeconds ?? Math.min(Math.max(ms / 10, 1000), ms / 5, 60_000) / 1000) * 1000
  }

  /** Tabs do not refresh in the same moment: the first one informs the others. */
  function dueMs() {
    const { left, luck } = sessions.now.expiry
    return Math.max(left() - (leadMs() * (1 + luck)) / 2, pauseLeft())
  }

  function check() {
    if (sessions.now.sid && leadMs() && dueMs() <= 0) attempt()
    else arm()
  }

  function arm() {
    clearTimeout(timer)
    if (!sessions.now.sid || closing.aborted) return
    timer = setTimeout(check, Math.min(Math.max(dueMs(), 1000), checkMs))
    timer.unref?.()
  }

  return {
    attempt,
    leadMs,
    check,
    arm,
    pause,
    isFree: () => pauseLeft() <= 0,

    /** @param {number} ms */
    sleep: (ms) => sleep(ms, waking.signal),

    /** Ends all pauses. */
    wake() {
      pause(0)
      waking.abort()
      waking = new AbortController()
    },

    /**
     * Resolves when the session has another token than `old`, or is over.
     * @param {Expiry} old
     * @param {AbortSignal} signal
     * @throws AuthUnavailable
     */
    async renewed(old, signal) {
      const patience = countdown(patienceMs)
      const isNeeded = whileCurrent(old)
      while (isNeeded()) {
        if (pauseLeft() > Math.max(patience(), 0)) throw new AuthUnavailable(pauseLeft())
        await orAbort(attempt(), signal)
      }
    }
  }
}
