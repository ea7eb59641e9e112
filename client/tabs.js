import { createLease } from './lease.js'

/**
 * What tabs tell each other: a session has started, was refreshed or is over, or the server is unavailable for a while.
 * Never a token. Times are what is left of them, because the monotonic clock of each tab starts at another time.
 * @typedef {object} Message
 * @property {'in' | 'refreshed' | 'out' | 'pause'} [type]
 * @property {string} [sid]
 * @property {number} [leftMs]
 * @property {number} [lifetimeMs]
 * @property {number} [claim]
 * @property {number} [denied]
 */

/**
 * Connects the tabs of one browser, or the clients of one process of Node.
 * @param {object} parts
 * @param {string} parts.name
 * @param {(message: Message) => void} parts.onMessage
 * @param {AbortSignal} parts.signal
 */
export function connectTabs({ name, onMessage, signal }) {
  /** @type {BroadcastChannel | undefined} */
  let channel
  const { locks } = globalThis.navigator ?? {}

  /** @param {Message} message */
  const post = (message) => channel?.postMessage(message)
  const lease = createLease(post, signal)

  /** A page with an open channel may not get into the back/forward cache. */
  function open() {
    channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }) => {
      lease.onMessage(data)
      onMessage(data)
    }
    /** @type {any} */
    const { unref } = channel
    unref?.call(channel)
  }

  function close() {
    channel?.close()
    channel = undefined
  }

  open()
  signal.addEventListener('abort', close)
  return {
    open,
    close,
    post,

    /**
     * Works while no other tab does.
     * @param {() => Promise<void>} work
     * @param {() => boolean} isNeeded
     */
    inTurn: (work, isNeeded) => (locks ? locks.request(name, { signal }, work) : lease.request(work, isNeeded))
  }
}
