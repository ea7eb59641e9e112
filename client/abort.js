/**
 * Settles as the promise does, or rejects with the reason of the signal as soon as that is aborted.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export function orAbort(promise, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 */
export async function sleep(ms, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const elapsed = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await orAbort(elapsed, signal).finally(() => clearTimeout(timer))
}
