import { Session } from './session.js'

/**
 * The session of this moment.
 * @param {(type: import('./auth.ts').AuthEventType) => void} emit
 */
export function createCurrent(emit) {
  const current = {
    session: new Session(),

    /**
     * Another session begins. The one before is over, and its requests are aborted; those of nobody go on.
     * @param {string | null} [sid]
     */
    start(sid) {
      const { session } = current
      current.session = new Session(sid)
      if (sid === null || (sid === undefined && session.sid === null)) current.session.user = null
      if (session.sid !== null) {
        session.end.abort(new DOMException('The session of this request is over', 'AbortError'))
      }
      if (session.user || (sid === null && session.user === undefined)) emit('signed-out')
    },

    /** Nobody is signed in. Requests that were sent before this was known are answered. */
    end() {
      const { session } = current
      if (session.sid) return current.start(null)
      session.sid = null
      if (session.user === null) return
      session.user = null
      emit('signed-out')
    },

    /** @param {unknown} user */
    setUser(user) {
      const isNew = !current.session.user
      current.session.user = user
      if (isNew) emit('signed-in')
    }
  }
  return current
}
