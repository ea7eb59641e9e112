/** @typedef {import('./state.js').Issued} Issued */

/**
 * @param {any} body of a sign-in or refresh route
 * @param {boolean} isBearer
 * @returns {Issued | undefined} `undefined` if it is something else
 */
export function issuedOf(body, isBearer) {
  const { session_id: id, access_token: access, refresh_token: refresh, expires_in: seconds } = body ?? {}
  const sid = isBearer ? access && refresh && sidOf(access) : id
  return sid && { sid, ms: seconds > 0 ? seconds * 1000 : Infinity, at: Date.now(), access, refresh }
}

/**
 * The `sid` of an access token. Nothing of the token has been verified.
 * @param {any} token
 */
function sidOf(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).sid
  } catch {}
}

/**
 * The tokens of `bearer`, in memory, and in a storage that may be asynchronous, shared with other tabs, full, or
 * blocked. If it fails, memory has to do.
 * @typedef {ReturnType<typeof createTokenStore>} TokenStore
 * @param {import('./state.js').State} state
 * @param {{ key: string, storage: import('./auth.ts').AuthStorage | undefined }} place
 */
export function createTokenStore(state, { key, storage }) {
  /** @type {Issued | null} */
  let last = null
  /** @type {Promise<unknown>} */
  let queue = Promise.resolve()

  /** @returns {Promise<Issued | null>} */
  async function load() {
    await queue
    try {
      const tokens = JSON.parse(await /** @type {any} */ (storage).getItem(key))
      return tokens?.sid && tokens.refresh ? tokens : null
    } catch {
      return last
    }
  }

  return {
    /** Another tab may have stored other tokens. Resolves to those that are stored. */
    async sync() {
      const { session } = state
      const { sid, token } = session
      const stored = await load()
      // What has been read may be older than what has arrived meanwhile.
      const isOld = session !== state.session || token !== session.token
      if (isOld || (sid !== undefined && stored?.access === token.access)) return stored
      if (stored) state.accept(stored)
      else state.start(null, sid ? 'sign-out' : undefined)
      return stored
    },

    /** @param {Issued | null} issued */
    save(issued) {
      last = issued
      queue = queue
        .then(() => (issued ? storage?.setItem(key, JSON.stringify(issued)) : storage?.removeItem(key)))
        .catch(() => {
          storage = undefined
        })
      return queue
    }
  }
}
