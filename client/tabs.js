import { sleep } from './time.js'

/** Longer than a refresh takes, and shorter than a request waits for a token. */
const patienceMs = 9000

/**
 * What tabs say to each other. Never a token. Times are what is left of them, because the monotonic clocks of tabs
 * start at different times.
 * @typedef {object} Message
 * @property {'in' | 'refreshed' | 'out' | 'leaving' | 'pause' | 'claim'} type
 * @property {string | null | undefined} [sid]
 * @property {number} [left]
 * @property {number} [ms]
 * @property {any} [pause]
 * @property {string | undefined} [reason]
 * @property {number} [id]
 */

/**
 * Connects the tabs of one browser, or the clients of one process of Node.
 * @typedef {ReturnType<typeof connectTabs>} Tabs
 * @param {string} name
 * @param {object} parts
 * @param {(message: Message) => void} parts.onMessage
 * @param {import('./state.js').State} parts.state
 */
export function connectTabs(name, { onMessage, state }) {
  /** @type {any} */
  let channel
  /** The lowest one has the turn. 0: works; up to 1: claims the turn; `Infinity`: idle */
  let id = Infinity
  /** @type {(message: Message) => void} */
  const post = (message) => channel?.postMessage(message)
  const claim = () => post({ type: 'claim', id })

  return {
    post,

    open() {
      channel ??= new BroadcastChannel(name)
      channel.onmessage = (/** @type {MessageEvent} */ { data }) => {
        if (data?.type !== 'claim') onMessage(data ?? {})
        else if (id < data.id) claim()
        // Another tab works, or is about to.
        else state.pause(1500)
      }
      // Node would not end.
      channel.unref?.()
    },

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
        const { signal: over } = state.session.end
        const signal = AbortSignal.any([over, AbortSignal.timeout(patienceMs)])
        // A tab that stands still, such as behind a dialog, must not stop the others.
        const steal = async () => over.aborted || (await locks.request(name, { steal: true }, work))
        await locks.request(name, { signal }, work).catch(steal)
        return
      }
      id = Math.random()
      claim()
      await sleep(100)
      if (state.pauseLeft() <= 0) {
        id = 0
        const timer = setInterval(claim, 500)
        await work()
        clearInterval(timer)
      }
      id = Infinity
    }
  }
}
