/**
 * The body of a sign-in or refresh with `transport: "bearer"`.
 * @typedef {object} TokenBody
 * @property {string} access_token
 * @property {string} refresh_token
 * @property {number} expires_in
 */

/** @typedef {ReturnType<typeof createTokens>} Tokens */

/** The workshop's own tokens. They exist only in this page's memory. */
export function createTokens() {
  /**
   * All refresh tokens of the session, oldest first.
   * @type {string[]}
   */
  let refreshTokens = []
  /** @type {string | null} */
  let access = null
  /**
   * The first access token of this page, which expires first.
   * @type {{ token: string, until: number } | null}
   */
  let oldest = null

  /** @param {TokenBody} body */
  function add({ access_token: token, refresh_token: refreshToken, expires_in: seconds }) {
    access = token
    oldest ??= { token, until: Date.now() + seconds * 1000 }
    if (refreshTokens.at(-1) !== refreshToken) refreshTokens.push(refreshToken)
  }

  return {
    access: () => access,
    oldest: () => oldest,
    /** All refresh tokens of the session so far. */
    refreshTokens: () => refreshTokens,
    add,

    /** @param {TokenBody} body of a sign-in */
    start(body) {
      refreshTokens = []
      add(body)
    },
    end() {
      refreshTokens = []
    }
  }
}
