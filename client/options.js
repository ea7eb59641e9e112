/**
 * @typedef {object} Settings
 * @property {URL} base
 * @property {string} refresh
 * @property {string} [me]
 * @property {string} [signOut]
 * @property {boolean} isBearer
 * @property {import('./auth.ts').AuthStorage} [storage]
 * @property {number} [leadSeconds]
 * @property {RequestInit | false} credentials
 * @property {(url: string, init?: any) => Promise<Response>} send
 */

/** @param {any} value */
const isUrl = (value) => /./.test(value ?? '')

/** @type {Record<string, (value: any) => boolean>} */
const checks = {
  // No member of `Object` is an option.
  __proto__: /** @type {any} */ (null),
  refresh: isUrl,
  signOut: isUrl,
  me: isUrl,
  baseUrl: isUrl,
  transport: (value) => /^(cookie|bearer)$/.test(value),
  storage: (value) => value?.getItem,
  fetch: (value) => value?.call,
  leadSeconds: (value) => value >= 0
}

/**
 * @param {import('./auth.ts').AuthOptions} options
 * @returns {Settings}
 */
export function readOptions(options) {
  const page = globalThis.location?.href
  /** @type {any} */
  const given = Object.assign({ refresh: '', baseUrl: page }, options)
  for (const name in given) if (!checks[name]?.(given[name])) refuse(name, given[name])
  const { baseUrl, transport, storage } = given
  const base = new URL(baseUrl, page)
  const isBearer = transport === 'bearer'
  if (storage && !isBearer) refuse('transport', transport)

  for (const name of ['refresh', 'me', 'signOut']) {
    const url = given[name] && new URL(given[name], base)
    // Credentials go to one origin only.
    if (url && url.origin !== base.origin) refuse(name, url)
    given[name] = url?.href
  }

  return {
    ...given,
    base,
    isBearer,
    credentials: !isBearer && base.origin !== globalThis.location?.origin && { credentials: 'include' },
    send: async (/** @type {string} */ url, /** @type {any} */ init) => await (given.fetch ?? fetch)(url, init)
  }
}

/** @param {string} name @param {unknown} value */
function refuse(name, value) {
  throw new TypeError(`createAuth(): wrong option "${name}": received ${value}`)
}
