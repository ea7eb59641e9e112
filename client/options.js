/**
 * @typedef {object} Settings
 * @property {URL} base
 * @property {(url: string | URL) => URL} resolve
 * @property {string} refresh
 * @property {string} [me]
 * @property {string} [signOut]
 * @property {boolean} isBearer
 * @property {import('./auth.ts').AuthStorage} [storage]
 * @property {number} [leadSeconds]
 * @property {RequestInit | false} credentials
 * @property {(url: string, init?: any) => Promise<Response>} send
 */

/**
 * @param {[url: any, base: any]} parts
 * @returns {any} the URL, if it is one
 */
function parseUrl(...parts) {
  try {
    return new URL(...parts)
  } catch {}
}

/**
 * @param {import('./auth.ts').AuthOptions} options
 * @returns {Settings}
 */
export function readOptions(options) {
  const { location, document } = globalThis
  /** @type {any} */
  const given = { baseUrl: location?.href, refresh: '', .../** @type {object} */ (options) }
  const isBearer = given.transport === 'bearer'
  const base = /** @type {URL} */ (parseUrl(given.baseUrl, location?.href))
  // Credentials go to one origin only.
  const urlCheck = (/** @type {any} */ url) =>
    (!url || parseUrl(url, base)?.origin !== base.origin) && `a URL at ${base.origin}`
  const absolute = (/** @type {any} */ url) => url && new URL(url, base).href

  /** @type {Record<string, (value: any) => false | string>} what was expected instead, if the value is wrong */
  const checks = {
    // No member of `Object` is an option.
    __proto__: /** @type {any} */ (null),
    baseUrl: () => !/^http/.test(base?.protocol) && 'an http(s) URL',
    refresh: urlCheck,
    signOut: urlCheck,
    me: urlCheck,
    transport: (value) => !/^(cookie|bearer)$/.test(value) && 'cookie or bearer',
    storage: (value) => !(isBearer && value?.getItem) && 'a Storage, with the transport bearer',
    fetch: (value) => !value?.call && 'a function',
    leadSeconds: (value) => !(value >= 0) && 'at least 0'
  }
  for (const name in given) {
    const expected = checks[name]?.(given[name]) ?? 'absent'
    if (expected) throw new TypeError(`createAuth(): "${name}" must be ${expected}: received ${given[name]}`)
  }

  return {
    ...given,
    base,
    isBearer,
    refresh: absolute(given.refresh),
    me: absolute(given.me),
    signOut: absolute(given.signOut),
    // The address of the page changes.
    resolve: (/** @type {string | URL} */ url) => new URL(url, (!options.baseUrl && document?.baseURI) || base),
    credentials: !isBearer && base.origin !== location?.origin && { credentials: 'include' },
    send: async (/** @type {string} */ url, /** @type {any} */ init) => await (given.fetch ?? fetch)(url, init)
  }
}
