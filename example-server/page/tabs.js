/**
 * What the tabs of one browser tell each other: times, and that something has changed. Never a token: no script has one.
 */
export function createTabs(onMessage) {
  const channel = new BroadcastChannel('session')
  channel.onmessage = ({ data }) => onMessage(data)
  return { tell: (message) => channel.postMessage(message) }
}

/** One tab at a time. Browsers have no locks over plain http but on localhost: there, the server joins refreshes that coincide. */
export async function inTurn(work) {
  return navigator.locks === undefined ? await work() : await navigator.locks.request('renewal', work)
}
