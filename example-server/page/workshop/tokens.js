/** The workshop's own tokens: in this page's memory, and nowhere else. */
export function createTokens() {
  /** Of the session, the oldest first. */
  let refreshTokens = []
  let access = null
  /** The one that expires first of all that this page has had. */
  let oldest = null

  return {
    access: () => access,
    oldest: () => oldest,
    /** Every refresh token of the session so far; a new one where the session has moved on. */
    refreshTokens: () => refreshTokens,

    start(answer) {
      refreshTokens = []
      this.keep(answer)
    },
    keep({ access_token: token, refresh_token: refreshToken, expires_in: seconds }) {
      access = token
      oldest ??= { token, until: Date.now() + seconds * 1000 }
      if (refreshTokens.at(-1) !== refreshToken) refreshTokens.push(refreshToken)
    },
    end() {
      refreshTokens = []
    }
  }
}
