import { sleep } from './abort.js'

const claimMs = 100
const nextClaimMs = 200

/**
 * Lets one tab work at a time where the browser has no Web Locks, that is over plain http. A tab posts a claim, and goes
 * on if no other tab denies it in time. The tab that holds the lease denies, and so does one with an older or lower
 * claim. A tab that was closed or frozen denies nothing. Two tabs work at the same time only if one is blocked for
 * longer than `claimMs`: the server coalesces their refreshes.
 * @param {(message: { claim?: number, denied?: number }) => void} post
 * @param {AbortSignal} signal ends the wait
 */
export function createLease(post, signal) {
  const id = Math.random()
  let isHeld = false
  let isClaimed = false

  return {
    /** @param {{ claim?: number, denied?: number }} message of another tab */
    onMessage({ claim, denied }) {
      if (denied === id) isClaimed = false
      if (!claim) return
      if (isHeld || (isClaimed && id < claim)) post({ denied: claim })
      else isClaimed = false
    },

    /**
     * @param {() => Promise<void>} work
     * @param {() => boolean} isNeeded while waiting
     */
    async request(work, isNeeded) {
      while (isNeeded()) {
        isClaimed = !isHeld
        post({ claim: id })
        await sleep(claimMs, signal)
        if (isClaimed) {
          isClaimed = false
          isHeld = true
          return await work().finally(() => {
            isHeld = false
          })
        }
        await sleep(nextClaimMs, signal)
      }
    }
  }
}
