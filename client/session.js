import { createExpiry } from './expiry.js'

/** @typedef {import('./expiry.js').Expiry} Expiry */
/** @typedef {import('./tokens.js').Issued} Issued */

/**
 * Whose requests these are. Each sign-in and each sign-out starts another one: `===` compares sessions.
 * @typedef {ReturnType<typeof createSession>} Session
 * @param {string | null} [sid] `undefined`: not known yet; `null`: nobody
 */
function createSession(sid) {
  return {
    sid,
    /** @type {any} */
    user: sid === null ? null : undefined,
    expiry: createExpiry(),
    /** @type {string | undefined} */
    token: undefined,
    /** Aborted when the session is over, with its requests. */
    end: new AbortController(),
    /** @type {Promise<void> | undefined} */
    identification: undefined
  }
}

/**
 * The session of this moment, and what changes it. It does not know requests, timers and tabs: a change calls
 * `onToken` and `onSignIn`.
 * @typedef {ReturnType<typeof createSessions>} Sessions
 * @param {object} parts
 * @param {(type: import('./auth.ts').AuthEventType, detail?: string | number) => void} parts.emit
 * @param {() => void} parts.onToken there is another token, or none
 * @param {() => void} parts.onSignIn there is a session whose user is not known
 */
export function createSessions({ emit, onToken, onSignIn }) {
  let isAvailable = true

  const sessions = {
    now: createSession(),

    /** @param {boolean} next */
    setAvailable(next) {
      if (next === isAvailable) return
      isAvailable = next
      emit(next ? 'available' : 'unavailable')
    },

    /**
     * Another session starts. The requests of the one before are aborted; those of nobody continue.
     * @param {string | null | undefined} sid as of `createSession()`
     * @param {string} [reason]
     */
    start(sid, reason) {
      const old = sessions.now
      sessions.now = createSession(sid)
      if (old.sid || (sid && old.sid === undefined)) {
        old.end.abort(new DOMException('The session is over', 'AbortError'))
      }
      old.expiry.settle?.()
      onToken()
      if (sid !== undefined) sessions.setAvailable(true)
      if (old.user || (old.user === undefined && sid === null)) emit('signed-out', reason)
    },

    /**
     * A token has arrived: by a sign-in, a refresh, another tab, or from the storage.
     * @param {Pick<Issued, 'sid' | 'access'>} issued
     * @param {Expiry} expiry
     */
    accept({ sid, access }, expiry) {
      const isOther = sessions.now.sid !== undefined && sessions.now.sid !== sid
      if (isOther) sessions.start(sid)
      const old = sessions.now.expiry
      Object.assign(sessions.now, { sid, token: access, expiry })
      sessions.setAvailable(true)
      old.settle?.()
      onToken()
      if (isOther) onSignIn()
      else emit('refreshed', expiry.left())
    },

    /** @param {Issued} issued */
    acceptIssued(issued) {
      const ms = issued.ms ?? Infinity
      const age = Date.now() - issued.at
      // If the clock has been set back, nobody knows how old a stored token is.
      sessions.accept(issued, createExpiry(age < 0 ? 0 : ms - age, ms))
    },

    /** @param {object} user */
    setUser(user) {
      const { now } = sessions
      const isNew = !now.user
      now.user = user
      if (isNew) emit('signed-in')
    }
  }
  return sessions
}
