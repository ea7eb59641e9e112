/**
 * What a sign-in or a refresh has issued, as it is stored. Only `bearer` has tokens: cookies are out of reach.
 * @typedef {object} Issued
 * @property {string} sid
 * @property {number} ms how long the access token is valid
 * @property {number} at when it arrived, in milliseconds since the epoch
 * @property {string} [access]
 * @property {string} [refresh]
 */

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
 * @param {string} token
 */
function sidOf(token) {
  try {
    return JSON.parse(atob(`${token.split('.')[1]}`.replace(/-/g, '+').replace(/_/g, '/'))).sid
  } catch {}
}

/**
 * The tokens of `bearer`, in memory, and in a storage that may be asynchronous, shared with other tabs, full, or
 * blocked. If it fails, memory has to do.
 * @typedef {ReturnType<typeof createTokenStore>} TokenStore
 * @param {string} key
 * @param {import('./auth.ts').AuthStorage | undefined} storage
 */
export function createTokenStore(key, storage) {
  /** @type {Issued | null} */
  let last = null
  /** @type {Promise<unknown>} */
  let queue = Promise.resolve()

  return {
    /** @returns {Promise<Issued | null>} */
    async load() {
      await queue
      try {
        const tokens = JSON.parse(`${await /** @type {any} */ (storage).getItem(key)}`)
        return tokens?.sid && tokens.refresh ? tokens : null
      } catch {
        return last
      }
    },

    /** @param {Issued | null} tokens */
    save(tokens) {
      last = tokens
      queue = queue
        .then(() => (tokens ? storage?.setItem(key, JSON.stringify(tokens)) : storage?.removeItem(key)))
        .catch(() => {
          storage = undefined
        })
      return queue
    }
  }
}
