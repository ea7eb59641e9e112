/**
 * The server cannot refresh the session at the moment. This does not mean that the user is signed out: try again after
 * `retryAfterMs`.
 */
export class AuthUnavailable extends Error {
  /**
   * `AuthUnavailable`, to recognize the error by.
   * @override
   */
  name = 'AuthUnavailable'

  /** @param {number} retryAfterMs how long to wait before the next attempt, in milliseconds */
  constructor(retryAfterMs) {
    super('The server cannot refresh the session now')
    /** How long to wait before the next attempt, in milliseconds. */
    this.retryAfterMs = retryAfterMs
  }
}
