import { whileBusy } from './busy.js'
import { byId } from './element.js'
import { Unavailable } from './server.js'
import { showStatus } from './status.js'

const section = byId('account', HTMLElement)
const title = byId('account-title', HTMLElement)
const name = byId('account-name', HTMLElement)
const until = byId('account-until', HTMLTimeElement)
const left = byId('account-left', HTMLElement)
const bar = byId('account-bar', HTMLProgressElement)

const everyMs = matchMedia('(prefers-reduced-motion: reduce)').matches ? 5000 : 500

/**
 * Shows who is signed in, and how long the access token is valid: a bar that runs down, and is full after each renewal.
 * @param {import('./session.js').Session} session
 */
export function showAccount(session) {
  function draw() {
    if (!session.user()) return
    const { until: end, lifetimeMs } = session.access()
    const leftMs = Math.max(0, end - Date.now())
    bar.value = leftMs / lifetimeMs
    const renewsInMs = leftMs - lifetimeMs / 3
    left.textContent = renewsInMs > 0 ? `Renewed automatically in ${describe(renewsInMs)}.` : 'Renewing …'
  }

  session.addEventListener('renewed', () => {
    const end = new Date(session.access().until)
    until.dateTime = end.toISOString()
    until.textContent = end.toLocaleTimeString()
    draw()
  })
  session.addEventListener('change', () => {
    const user = session.user()
    section.hidden = !user
    name.textContent = user?.name ?? ''
    if (!user) return
    draw()
    // The element that had the focus was hidden with the form.
    if (document.activeElement === document.body) title.focus()
  })

  async function signOut() {
    try {
      await session.signOut()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      showStatus(`${error.message}. You are still signed in.`)
    }
  }

  byId('sign-out', HTMLButtonElement).addEventListener('click', () => whileBusy(section, signOut))
  setInterval(draw, everyMs)
}

/** @param {number} ms */
function describe(ms) {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
