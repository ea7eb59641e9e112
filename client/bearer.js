/**
 * @typedef {object} Tokens as they are stored
 * @property {string} sid
 * @property {string} access
 * @property {string} refresh
 * @property {number} ms how long the access token is valid when it arrives; `Infinity` becomes `null`
 * @property {number} at when it arrived, in milliseconds since the epoch
 */

/**
 * The `sid` of an access token. Nothing of the token has been verified.
 * @param {string} token
 * @returns {string | undefined}
 */
export function sidOf(token) {
  try {
    return JSON.parse(atob(String(token.split('.')[1]).replaceAll('-', '+').replaceAll('_', '/'))).sid
  } catch {
    return undefined
  }
}

/** @returns {import('./auth.ts').AuthStorage} */
function memory() {
  /** @type {string | null} */
  let text = null
  return {
    getItem: () => text,
    setItem(_key, value) {
      text = value
    },
    removeItem() {
      text = null
    }
  }
}

/**
 * The tokens, in a storage that may be asynchronous, shared with other tabs, full, or blocked. If it fails, they are
 * kept in memory from then on.
 * @param {string} key
 * @param {import('./auth.ts').AuthStorage} [storage]
 */
export function createTokenStore(key, storage = memory()) {
  /** @type {Tokens | null} */
  let last = null
  /** @type {Promise<unknown>} */
  let writes = Promise.resolve()

  function write() {
    return last ? storage.setItem(key, JSON.stringify(last)) : storage.removeItem(key)
  }

  function replaceStorage() {
    storage = memory()
    write()
  }

  return {
    /** @returns {Promise<Tokens | null>} */
    async load() {
      await writes
      /** @type {string | null | undefined} */
      let text
      try {
        text = await storage.getItem(key)
      } catch {
        replaceStorage()
        return last
      }
      try {
        const tokens = JSON.parse(text ?? '')
        return tokens.sid && tokens.access && tokens.refresh ? tokens : null
      } catch {
        return null
      }
    },

    /** @param {Tokens | null} tokens */
    save(tokens) {
      last = tokens
      writes = writes.then(write).catch(replaceStorage)
      return writes
    }
  }
}
