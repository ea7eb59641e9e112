import { Access } from './access.js'

/** Whose requests these are. A sign-in and a sign-out start another one: `===` compares sessions. */
export class Session {
  /**
   * `undefined`: not known yet; `null`: nobody.
   * @type {unknown}
   */
  user

  access = new Access()

  /** @type {import('./bearer.js').Tokens | undefined} */
  tokens

  /**
   * The refresh in flight.
   * @type {Promise<void> | undefined}
   */
  refreshing

  /** Ends the wait for the refresh. */
  stopWaiting = () => {}

  /** Aborted when the session is over, and its requests with it. */
  end = new AbortController()

  /** @param {string | null} [sid] `undefined`: not known yet; `null`: nobody */
  constructor(sid) {
    this.sid = sid
  }
}
