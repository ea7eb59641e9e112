import { sleep } from './abort.js'

/** Longer than a refresh takes, and shorter than a request waits for a token. */
const patienceMs = 9000

/**
 * What tabs say to each other. Never a token. Times are what is left of them, because the monotonic clocks of tabs
 * start at different times.
 * @typedef {object} Message
 * @property {'in' | 'refreshed' | 'out' | 'pause' | 'claim'} type
 * @property {string | null | undefined} [sid]
 * @property {number} [left]
 * @property {number} [ms]
 * @property {string | undefined} [reason]
 * @property {number} [id]
 */

/**
 * Connects the tabs of one browser, or the clients of one process of Node.
 * @typedef {ReturnType<typeof connectTabs>} Tabs
 * @param {string} name
 * @param {object} parts
 * @param {(message: Message) => void} parts.onMessage
 * @param {() => void} parts.onClaim another tab works, or is about to
 * @param {() => boolean} parts.isFree
 * @param {AbortSignal} parts.signal
 */
export function connectTabs(name, { onMessage, onClaim, isFree, signal }) {
  /** @type {any} */
  let channel
  /** The lowest one has the turn. 0: works; up to 1: claims the turn; `Infinity`: idle */
  let id = Infinity
  /** @type {(message: Message) => void} */
  const post = (message) => channel?.postMessage(message)
  const claim = () => post({ type: 'claim', id })

  function open() {
    channel ??= new BroadcastChannel(name)
    channel.onmessage = (/** @type {MessageEvent} */ { data }) => {
      if (data?.type !== 'claim') onMessage(data ?? {})
      else if (id < data.id) claim()
      else onClaim()
    }
    // Node would not end.
    channel.unref?.()
  }

  open()
  return {
    post,
    open,

    /** A page with an open channel leaves the back/forward cache at the next message. */
    close() {
      channel?.close()
      channel = undefined
    },

    /**
     * Works while no other tab does. Without Web Locks, that is over plain http, a tab claims the turn, and continues
     * unless another tab replies with a claim of its own.
     * @param {() => Promise<unknown>} work
     */
    async inTurn(work) {
      const { locks } = globalThis.navigator ?? {}
      if (locks) {
        /** @type {(options: LockOptions) => Promise<unknown>} */
        const turn = (options) => locks.request(name, options, work)
        const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
        // A tab that stands still, such as behind a dialog, must not stop the others.
        await turn({ signal: patience }).catch(async () => signal.aborted || (await turn({ steal: true })))
        return
      }
      id = Math.random()
      claim()
      await sleep(100, signal)
      if (isFree()) {
        id = 0
        const timer = setInterval(claim, 500)
        await work()
        clearInterval(timer)
      }
      id = Infinity
    }
  }
}
