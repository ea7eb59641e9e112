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

/** @typedef {(value: any) => false | string} Check what was expected instead, if the value is wrong */

/** @type {Check} */
const urlCheck = (value) => !/./.test(value ?? '') && 'a URL'

/** @type {Record<string, Check>} */
const checks = {
  // No member of `Object` is an option.
  __proto__: /** @type {any} */ (null),
  refresh: urlCheck,
  signOut: urlCheck,
  me: urlCheck,
  baseUrl: urlCheck,
  transport: (value) => !/^(cookie|bearer)$/.test(value) && 'cookie or bearer',
  storage: (value) => !value?.getItem && 'a Storage',
  fetch: (value) => !value?.call && 'a function',
  leadSeconds: (value) => !(value >= 0) && 'at least 0'
}

/**
 * @param {import('./auth.ts').AuthOptions} options
 * @returns {Settings}
 */
export function readOptions(options) {
  const { href, origin } = globalThis.location ?? {}
  /** @type {any} */
  const given = { baseUrl: href, refresh: '', .../** @type {object} */ (options) }
  for (const name in given) expect(name, given[name], checks[name]?.(given[name]) ?? 'absent')
  const { baseUrl, transport, storage } = given
  const base = new URL(baseUrl, href)
  // `null` is not an origin: all `app:` and `data:` URLs have it.
  expect('baseUrl', base, base.origin === 'null' && 'an http(s) URL')
  const isBearer = transport === 'bearer'
  expect('transport', transport, storage && !isBearer && 'bearer')

  for (const name of ['refresh', 'me', 'signOut']) {
    if (!given[name]) continue
    const url = new URL(given[name], base)
    // Credentials go to one origin only.
    expect(name, url, url.origin !== base.origin && `at ${base.origin}`)
    given[name] = url.href
  }

  return {
    ...given,
    base,
    // The address of the page changes.
    resolve: (/** @type {string | URL} */ url) =>
      new URL(url, (!options.baseUrl && globalThis.document?.baseURI) || base),
    isBearer,
    credentials: !isBearer && base.origin !== origin && { credentials: 'include' },
    send: async (/** @type {string} */ url, /** @type {any} */ init) => await (given.fetch ?? fetch)(url, init)
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string | false} expected if the value is wrong
 */
function expect(name, value, expected) {
  if (expected) throw new TypeError(`createAuth(): "${name}" must be ${expected}: received ${value}`)
}
