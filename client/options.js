/** @typedef {ReturnType<typeof readOptions>} Settings */

/** @param {unknown} value */
const isUrl = (value) => value instanceof URL || (typeof value === 'string' && value !== '')
/** @param {unknown} value */
const isFunction = (value) => typeof value === 'function'

/** @type {Record<string, [expected: string, isExpected: (value: any) => boolean]>} */
const checks = {
  refresh: ['a URL', isUrl],
  signOut: ['a URL', isUrl],
  me: ['a URL', isUrl],
  baseUrl: ['a URL', isUrl],
  transport: ['"cookie" or "bearer"', (value) => value === 'cookie' || value === 'bearer'],
  storage: ['a Storage', (value) => isFunction(value?.getItem)],
  fetch: ['a function', isFunction],
  leadSeconds: ['a number >= 0', (value) => value >= 0]
}

/**
 * @param {import('./auth.ts').AuthOptions} options
 */
export function readOptions(options) {
  /** @param {string} name @param {string} problem */
  const refuse = (name, problem) => {
    throw new TypeError(`createAuth(): "${name}" ${problem}`)
  }
  /** @type {any} */
  const given = Object.assign({ refresh: undefined }, options)
  for (const name in given) {
    const [expected, isExpected] = checks[name] ?? refuse(name, 'is not an option')
    if (!isExpected(given[name])) refuse(name, `must be ${expected}: received ${String(given[name])}`)
  }
  const page = globalThis.location?.href
  if (!page && !given.baseUrl) refuse('baseUrl', 'is required outside of a browser')
  const { transport = 'cookie', leadSeconds, storage } = options
  const base = () => new URL(given.baseUrl ?? globalThis.document?.baseURI ?? page, page)
  const { origin } = base()
  const isBearer = transport === 'bearer'
  if (storage && !isBearer) refuse('storage', 'requires transport: "bearer"')
  /** @param {'refresh' | 'me' | 'signOut'} name */
  const route = (name) => {
    if (!given[name]) return ''
    const url = new URL(given[name], base())
    if (url.origin !== origin) refuse(name, `must be at the origin of "baseUrl": received ${url}`)
    return url.href
  }
  return {
    base,
    origin,
    isBearer,
    storage,
    leadSeconds,
    refresh: route('refresh'),
    me: route('me'),
    signOut: route('signOut'),
    /** @type {RequestInit} */
    credentials: isBearer || origin === globalThis.location?.origin ? {} : { credentials: 'include' },
    /** @type {typeof globalThis.fetch} */
    send: options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  }
}
