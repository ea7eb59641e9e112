const firstRetryMs = 500
const maxRetryMs = 15_000

/**
 * Keeps a WebSocket open, by which the server announces that the session has ended, for example by a sign-out on
 * another device.
 * @param {import('./session.js').Session} session
 */
export function keepLive(session) {
  /** @type {WebSocket | null} */
  let socket = null
  let retryMs = firstRetryMs
  let timer = 0

  /** Opens the new socket before it closes the old one, so that no message is missed. */
  function connect() {
    clearTimeout(timer)
    const previous = socket
    const opened = new WebSocket(new URL('/live', location.href.replace(/^http/, 'ws')))
    socket = opened
    opened.onopen = () => previous?.close()
    opened.onmessage = ({ data }) => {
      if (opened === socket) onMessage(JSON.parse(data).type)
    }
    opened.onclose = () => {
      previous?.close()
      if (opened === socket) onLoss()
    }
  }

  /** @param {'signed-in' | 'session-ended' | 'token-expired'} type */
  function onMessage(type) {
    switch (type) {
      case 'signed-in':
        retryMs = firstRetryMs
        break
      case 'session-ended':
        socket = null
        reconnectAfter(session.identify)
        break
      case 'token-expired':
        socket = null
        reconnectAfter(session.renew)
        break
    }
  }

  function onLoss() {
    socket = null
    timer = setTimeout(() => reconnectAfter(session.identify), retryMs)
    retryMs = Math.min(2 * retryMs, maxRetryMs)
  }

  /** @param {() => Promise<unknown>} work */
  async function reconnectAfter(work) {
    await work()
    if (session.user() && socket === null) connect()
  }

  function disconnect() {
    clearTimeout(timer)
    const previous = socket
    socket = null
    previous?.close()
  }

  session.addEventListener('change', () => (session.user() ? connect() : disconnect()))
  session.addEventListener('renewed', () => session.user() && connect())
}
