import { whileBusy } from './busy.js'
import { byId, continueAt } from './element.js'
import { accessToken, auth, onUserChange } from './session.js'
import { showStatus } from './status.js'

const section = byId('account', HTMLElement)
const title = byId('account-title', HTMLElement)
const name = byId('account-name', HTMLElement)
const until = byId('account-until', HTMLTimeElement)
const left = byId('account-left', HTMLElement)
const bar = byId('account-bar', HTMLProgressElement)

const everyMs = matchMedia('(prefers-reduced-motion: reduce)').matches ? 5000 : 500

/**
 * Shows who is signed in, and how long the access token is valid: a bar that runs down, and is full after each refresh.
 */
export function showAccount() {
  function draw() {
    if (!auth.user) return
    const { until: end, lifetimeMs } = accessToken()
    const leftMs = Math.max(0, end - Date.now())
    bar.value = leftMs / lifetimeMs
    until.dateTime = new Date(end).toISOString()
    until.textContent = new Date(end).toLocaleTimeString()
    left.textContent = describe(leftMs)
  }

  auth.addEventListener('refreshed', draw)
  onUserChange(() => {
    const { user } = auth
    section.hidden = !user
    name.textContent = user?.name ?? ''
    if (!user) return
    draw()
    continueAt(title)
  })

  async function signOut() {
    try {
      await auth.signOut()
    } catch {
      showStatus('The sign-out failed: try again in a moment. You are still signed in.')
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
