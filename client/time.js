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
 * Waits, or until the signal is aborted. Node may end meanwhile if `isIdle`.
 * @param {number} ms
 * @param {{ signal?: AbortSignal, isIdle?: boolean | undefined }} [options]
 * @returns {Promise<unknown>}
 */
export function sleep(ms, { signal, isIdle } = {}) {
  return new Promise((resolve) => {
    /** @type {any} */
    const timer = setTimeout(resolve, ms)
    if (isIdle) timer.unref?.()
    signal?.addEventListener('abort', () => resolve(clearTimeout(timer)))
  })
}
