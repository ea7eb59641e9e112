/** @typedef {{ access?: import('./session.js').Access }} TabMessage without `access`, something else has changed */

/**
 * Connects the tabs of one browser. They send times, and that something has changed, but never a token: scripts cannot
 * read one.
 * @param {(message: TabMessage) => unknown} onMessage
 */
export function connectTabs(onMessage) {
  const channel = new BroadcastChannel('session')
  channel.onmessage = ({ data }) => onMessage(data)
  return {
    /** @param {TabMessage} message */
    send: (message) => channel.postMessage(message)
  }
}

/**
 * Runs one tab at a time. Over plain http, browsers have locks on localhost only; elsewhere the server coalesces
 * refreshes that coincide.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inTurn(work) {
  return navigator.locks === undefined ? await work() : await navigator.locks.request('renewal', work)
}
