import { isOfFormerUser, send } from './server.js'
import { auth } from './session.js'
import { setAvailable } from './unavailable.js'

const firstRetryMs = 500
const maxRetryMs = 15_000

/**
 * Keeps a WebSocket open, by which the server announces that the session has ended, for example by a sign-out on
 * another device.
 */
export function keepLive() {
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
      if (opened === socket) retry()
    }
  }

  /** @param {'signed-in' | 'session-ended' | 'token-expired'} type */
  function onMessage(type) {
    if (type === 'signed-in') {
      retryMs = firstRetryMs
      setAvailable('live', true)
    } else {
      socket = null
      reconnect()
    }
  }

  function retry() {
    socket = null
    timer = setTimeout(reconnect, retryMs)
    retryMs = Math.min(2 * retryMs, maxRetryMs)
  }

  /** The client acts on a refusal itself: it refreshes, or dispatches `signed-out`. */
  async function reconnect() {
    let isSignedIn = false
    try {
      isSignedIn = (await send({ method: 'GET', path: '/me' })).status === 200
    } catch (error) {
      if (isOfFormerUser(error)) return
      setAvailable('live', false)
    }
    if (!auth.user || socket !== null) return
    if (isSignedIn) connect()
    else retry()
  }

  function disconnect() {
    clearTimeout(timer)
    const previous = socket
    socket = null
    previous?.close()
  }

  auth.addEventListener('signed-in', connect)
  auth.addEventListener('refreshed', () => auth.user && connect())
  auth.addEventListener('signed-out', disconnect)
}
