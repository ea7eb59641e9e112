import { byId } from './element.js'
import { auth } from './session.js'

const banner = byId('unavailable', HTMLElement)
/** What does not respond at the moment: the refresh, or the live socket. */
const missing = new Set()

/**
 * Shows whether the server responds; dispatches `server-available` on the document when it does so again.
 * @param {'session' | 'live'} part
 * @param {boolean} isAvailable
 */
export function setAvailable(part, isAvailable) {
  if (missing.has(part) !== isAvailable) return
  if (isAvailable) missing.delete(part)
  else missing.add(part)
  const stay = auth.user ? ' You stay signed in.' : ''
  banner.textContent = `The server is not available at the moment.${stay} Trying again …`
  banner.hidden = missing.size === 0
  if (banner.hidden) document.dispatchEvent(new Event('server-available'))
}

export function showUnavailable() {
  auth.addEventListener('unavailable', () => setAvailable('session', false))
  auth.addEventListener('available', () => setAvailable('session', true))
  auth.addEventListener('signed-out', () => setAvailable('live', true))
}
