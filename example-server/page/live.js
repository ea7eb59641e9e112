const firstRetryMs = 500
const longestRetryMs = 15_000

/** Hears from the server, the moment it happens, that this session has ended: by sign-out on another device, for one. */
export function keepLive(session) {
  let socket = null
  let retryMs = firstRetryMs
  let timer

  /** Opens the new one before the old one is closed, so that nothing is missed. */
  function connect() {
    clearTimeout(timer)
    const previous = socket
    const opened = new WebSocket(new URL('/live', location.href.replace(/^http/, 'ws')))
    socket = opened
    opened.onopen = () => previous?.close()
    opened.onmessage = ({ data }) => {
      if (opened === socket) heard(JSON.parse(data).type)
    }
    opened.onclose = () => {
      previous?.close()
      if (opened === socket) lost()
    }
  }

  function heard(type) {
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

  function lost() {
    socket = null
    timer = setTimeout(() => reconnectAfter(session.identify), retryMs)
    retryMs = Math.min(2 * retryMs, longestRetryMs)
  }

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
