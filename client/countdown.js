/**
 * Starts a countdown. The function that returns says how many milliseconds are left. The wall clock may be set, and the
 * monotonic one may stop while the machine sleeps: what counts is the one by which more time has passed.
 * @param {number} ms
 */
export function startCountdown(ms) {
  const wall = Date.now()
  const monotonic = performance.now()
  return () => ms - Math.max(Date.now() - wall, performance.now() - monotonic)
}
