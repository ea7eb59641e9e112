import { sleep } from './abort.js'
import { startCountdown } from './countdown.js'
import { retryAfterMs } from './retry-after.js'

/**
 * The time between two attempts to reach a server that is unavailable.
 * @param {object} parts
 * @param {(isAvailable: boolean) => void} parts.onChange
 * @param {AbortSignal} parts.closing
 */
export function createPause({ onChange, closing }) {
  let failures = 0
  let leftMs = startCountdown(0)
  let cut = new AbortController()

  function end() {
    leftMs = startCountdown(0)
    cut.abort()
    cut = new AbortController()
  }

  return {
    leftMs: () => leftMs(),
    end,

    /** @param {number} ms */
    start(ms) {
      leftMs = startCountdown(ms)
      if (!failures++) onChange(false)
    },

    /** @param {Response | undefined} response */
    startAfter(response) {
      this.start(retryAfterMs(response?.headers, failures))
    },

    succeed() {
      end()
      if (failures) onChange(true)
      failures = 0
    },

    /** Resolves when it is over. */
    async wait() {
      if (leftMs() > 0) await sleep(leftMs(), AbortSignal.any([closing, cut.signal])).catch(() => {})
    }
  }
}
