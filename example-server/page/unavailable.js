import { byId } from './element.js'

const banner = byId('unavailable', HTMLElement)

/** @param {import('./session.js').Session} session */
export function showUnavailable(session) {
  session.addEventListener('unavailable', () => {
    const stay = session.user() ? ' You stay signed in.' : ''
    banner.textContent = `The server is not available at the moment.${stay} Trying again …`
    banner.hidden = false
  })
  session.addEventListener('available', () => {
    banner.hidden = true
  })
}
