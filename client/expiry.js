/**
 * How long an access token is valid. Each token has an object of its own, so that `===` compares tokens.
 * @typedef {object} Expiry
 * @property {() => number} left in milliseconds; `Infinity`: not known
 * @property {number} ms the whole lifetime
 * @property {number} luck from 0 to 1
 * @property {Promise<unknown> | undefined} [renewal] the attempt in flight to get the next token
 * @property {() => void} [settle] ends the wait for it
 */

/**
 * Starts a countdown. The wall clock may be set, and the monotonic one may stop while the machine sleeps. What counts
 * is the one by which more time has passed.
 * @param {number} ms
 */
export function countdown(ms) {
  const wall = Date.now()
  const monotonic = performance.now()
  return () => ms - Math.max(Date.now() - wall, performance.now() - monotonic)
}

/**
 * @param {number} [left]
 * @param {number} [ms]
 * @returns {Expiry}
 */
export function createExpiry(left = Infinity, ms = left) {
  // Other scripts of the page, and other versions of this module, may say anything.
  if (!(left <= ms)) left = ms = Infinity
  return { left: countdown(+left), ms: +ms, luck: Math.random() }
}
