import { countdown, sleep } from './time.js'

/**
 * An access token, whose value only `bearer` knows. `===` compares tokens.
 * @typedef {object} Token
 * @property {string | undefined} access
 * @property {number} ms how long it is valid
 * @property {() => number} left of it, in milliseconds; `Infinity`: not known
 * @property {boolean} [isRefused] another one is needed
 */

/**
 * Whose requests these are. Each sign-in and each sign-out starts another one: `===` compares sessions.
 * @typedef {object} Session
 * @property {string | null | undefined} sid `undefined`: not known yet; `null`: nobody
 * @property {any} user
 * @property {Token} token
 * @property {boolean} [isUnclear] `me` has to be asked
 * @property {boolean} [isDoubtful] `me` has refused, and the refresh route has to be asked
 * @property {boolean} [isLeaving] `signOut()` was called, in any tab: if the session ends, that is why
 * @property {AbortController} end aborted when the session is over, with its requests
 */

/**
 * What has arrived: by a sign-in, a refresh, another tab, or from the storage.
 * @typedef {object} Issued
 * @property {Session['sid']} sid
 * @property {string} [access]
 * @property {string} [refresh]
 * @property {any} [ms]
 * @property {any} [left] of it; as a rule, all of it since `at`
 * @property {number} [at] in milliseconds since the epoch
 */

/** No server asks for more: a longer pause would be a mistake. */
const maxPauseMs = 3e5

/**
 * @param {Omit<Issued, 'sid'>} issued
 * @returns {Token}
 */
function createToken({ access, ms = Infinity, at = Date.now(), left = ms - (Date.now() - at) }) {
  // If the clock has been set back, nobody knows how old a stored token is.
  if (at > Date.now()) left = 0
  // Other scripts of the page, and other versions of this module, may say anything.
  if (!(ms > 0 && left <= ms)) left = ms = Infinity
  return { access, ms: +ms, left: countdown(left) }
}

/**
 * @param {Session['sid']} [sid]
 * @returns {Session}
 */
function createSession(sid) {
  return { sid, user: sid === null ? null : undefined, token: createToken({}), end: new AbortController() }
}

/** @param {Session} session whose requests are aborted */
export function abort({ end }) {
  end.abort(new DOMException('The session is closed', 'AbortError'))
}

/**
 * What is known at this moment, and what has to be found out. Each change wakes all who wait for one.
 * @param {import('./options.js').Settings} settings
 * @param {(type: import('./auth.ts').AuthEventType, detail?: string | number) => void} emit
 */
export function createState({ me, isBearer }, emit) {
  let isAvailable = true
  let changed = new AbortController()

  const state = {
    session: createSession(),
    /** Until the next attempt. */
    pauseLeft: countdown(0),
    /** How many attempts have failed in a row. */
    failures: 0,

    /** Wakes all who wait. */
    change() {
      changed.abort()
      changed = new AbortController()
    },

    /**
     * Waits for a change, as `sleep()` does.
     * @param {number} ms
     * @param {{ signal?: AbortSignal, isIdle?: boolean }} [options]
     */
    wait: (ms, { signal = changed.signal, isIdle } = {}) =>
      sleep(ms, { signal: AbortSignal.any([changed.signal, signal]), isIdle }),

    /** @param {number} ms */
    pause(ms) {
      // Other versions of this module may say anything.
      state.pauseLeft = countdown(ms > 0 ? Math.min(ms, maxPauseMs) : 0)
      state.change()
    },

    /** @param {Token} token */
    refuse(token) {
      token.isRefused = true
      state.change()
    },

    /** Finds out who is signed in. */
    identify() {
      const { session } = state
      // Without a token there is nobody to ask for.
      if (me) session.isUnclear = !isBearer || !!session.sid
      else if (session.sid) state.setUser({ sid: session.sid })
      state.change()
    },

    /** Finds out whether the session is over. */
    check() {
      if (me) state.identify()
      // The refresh route knows it as well.
      else state.refuse(state.session.token)
    },

    /** @param {object} user */
    setUser(user) {
      const { session } = state
      state.succeed()
      if (!session.user) emit('signed-in')
      session.user = user
      session.isUnclear = session.isDoubtful = false
      state.change()
    },

    succeed() {
      if (!isAvailable) emit('available')
      isAvailable = true
      state.failures = 0
      // It lives, so a sign-out has failed.
      state.session.isLeaving = false
    },

    /** @param {number} ms until the next attempt */
    fail(ms) {
      if (isAvailable) emit('unavailable')
      isAvailable = false
      state.pause(ms)
    },

    /**
     * Another session starts. The requests of the one before are aborted; those of nobody continue.
     * @param {Session['sid']} sid
     * @param {string} [reason]
     */
    start(sid, reason) {
      const old = state.session
      state.session = createSession(sid)
      if (old.sid || (sid && old.sid === undefined)) abort(old)
      if (sid !== undefined) state.succeed()
      if (old.user || (old.user === undefined && sid === null)) emit('signed-out', old.isLeaving ? 'sign-out' : reason)
      state.pause(0)
    },

    /**
     * A token has arrived.
     * @param {Issued} issued
     * @param {boolean} [isSignIn] default: whether it is of another session
     */
    accept(issued, isSignIn) {
      const { sid } = state.session
      const isNew = isSignIn ?? (sid !== undefined && sid !== issued.sid)
      if (isNew) state.start(issued.sid)
      const { session } = state
      session.sid = issued.sid
      session.token = createToken(issued)
      state.succeed()
      if (isNew) state.identify()
      else emit('refreshed', session.token.left())
      state.pause(0)
    }
  }
  return state
}

/** @typedef {ReturnType<typeof createState>} State */
