import { orAbort, sleep } from './abort.js'
import { Access } from './access.js'
import { startCountdown } from './countdown.js'
import { issuedOf } from './issued.js'
import { codeOf, readJson } from './json.js'
import { AuthUnavailable } from './unavailable.js'

/** @typedef {import('./session.js').Session} Session */

const requestTimeoutMs = 10_000
/** How long a caller waits for a token. */
const patienceMs = 10_000
/** How long the lock is kept after a refresh, so that other tabs hear of it before they get the lock. */
const lingerMs = 100
/** How often it is checked how much time is left: timers are late after the machine slept. */
const checkMs = 60_000
const longestLeadMs = 60_000

/**
 * Refreshes the session: ahead of expiry, and when a request needs it.
 * @param {object} parts
 * @param {import('./options.js').Settings} parts.settings
 * @param {ReturnType<typeof import('./current.js').createCurrent>} parts.current
 * @param {ReturnType<typeof import('./pause.js').createPause>} parts.pause
 * @param {ReturnType<typeof import('./bearer.js').createTokenStore> | undefined} parts.store
 * @param {ReturnType<typeof import('./tabs.js').connectTabs> | undefined} parts.tabs
 * @param {(issued: import('./issued.js').Issued) => void} parts.onIssued
 * @param {(tokens: import('./bearer.js').Tokens | null) => void} parts.onStored
 * @param {() => unknown} parts.onRefused
 * @param {AbortSignal} parts.closing
 */
export function createRefresh({ settings, current, pause, store, tabs, onIssued, onStored, onRefused, closing }) {
  /** @type {any} */
  let timer

  /** @param {Session} session @param {Access} old */
  const isNeeded = (session, old) => session === current.session && session.access === old && session.sid !== null

  /** @param {Session} session @param {import('./bearer.js').Tokens | undefined} tokens */
  async function post(session, tokens) {
    const signal = AbortSignal.any([session.end.signal, closing, AbortSignal.timeout(requestTimeoutMs)])
    const bearer = tokens && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: tokens.refresh })
    }
    const init = {
      method: 'POST',
      ...bearer,
      ...settings.credentials,
      redirect: /** @type {const} */ ('error'),
      signal
    }
    const response = await orAbort(settings.send(settings.refresh, init), signal)
    return { response, body: await orAbort(readJson(response), signal).catch(() => {}) }
  }

  /** Whether another tab has stored other tokens. @param {Session} session */
  async function hasChanged({ sid, tokens }) {
    const stored = store && (await store.load())
    if (!store || (stored?.sid === sid && stored?.access === tokens?.access)) return false
    onStored(stored ?? null)
    return true
  }

  /** @param {Session} session @param {Access} old */
  async function exchange(session, old) {
    if (!isNeeded(session, old) || pause.leftMs() > 0 || (await hasChanged(session))) return
    const { response, body } = await post(session, session.tokens).catch(() => ({
      response: undefined,
      body: undefined
    }))
    // Late news of a session that is over, or that another tab has refreshed.
    if (!isNeeded(session, old)) return
    const issued = response?.ok && issuedOf(body, { sid: session.sid, isBearer: settings.isBearer })
    const code = response?.status === 401 && codeOf(body)
    if (issued) {
      pause.succeed()
      if (await hasChanged(session)) return
      if (isNeeded(session, old)) onIssued(issued)
    } else if (code) {
      pause.succeed()
      if (await hasChanged(session)) return
      // The cookie has been replaced meanwhile.
      if (code === 'AUTH_REFRESH_SUPERSEDED' && !store) session.access = new Access()
      else onRefused()
    } else {
      pause.startAfter(response)
      tabs?.post({ type: 'pause', leftMs: pause.leftMs() })
    }
  }

  /**
   * One attempt, for all who want it. Never rejects.
   * @param {Session} session @param {Access} old
   * @returns {Promise<void>}
   */
  function attempt(session, old) {
    session.refreshing ??= new Promise((resolve) => {
      session.stopWaiting = () => resolve(undefined)
      const work = async () => {
        await exchange(session, old)
        session.stopWaiting()
        await sleep(lingerMs, closing)
      }
      pause
        .wait()
        .then(async () => {
          await (tabs ? tabs.inTurn(work, () => isNeeded(session, old)) : exchange(session, old))
        })
        .catch(() => {})
        .then(resolve)
    }).then(() => {
      session.refreshing = undefined
      arm()
    })
    return session.refreshing
  }

  function leadMs() {
    const { leadSeconds } = settings
    return leadSeconds === undefined
      ? Math.min(current.session.access.lifetimeMs / 10, longestLeadMs)
      : leadSeconds * 1000
  }

  /** Refreshes if it is time to. */
  function check() {
    const { session } = current
    const { access } = session
    if (session.sid && leadMs() > 0 && dueMs(access) <= 0) attempt(session, access)
    else arm()
  }

  /** @param {Access} access */
  const dueMs = (access) => Math.max(access.left() - leadMs() * access.earliness, pause.leftMs())

  function arm() {
    clearTimeout(timer)
    if (!current.session.sid || closing.aborted) return
    timer = setTimeout(check, Math.min(Math.max(dueMs(current.session.access), 1000), checkMs))
    timer.unref?.()
  }

  closing.addEventListener('abort', () => clearTimeout(timer))

  return {
    attempt,
    check,
    arm,
    leadMs,

    /**
     * Resolves when the session has another access token, or turns out to be over.
     * @param {Session} session
     * @param {{ old: Access, signal: AbortSignal }} wanted
     * @throws AuthUnavailable
     */
    async renewed(session, { old, signal }) {
      const patience = startCountdown(patienceMs)
      while (isNeeded(session, old)) {
        if (pause.leftMs() > Math.max(patience(), 0)) throw new AuthUnavailable(pause.leftMs())
        await orAbort(attempt(session, old), signal)
      }
    }
  }
}
