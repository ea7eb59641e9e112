import { byId } from './element.js'

const line = byId('status', HTMLElement)
const shownMs = 4000
let timer = 0

/**
 * Shows a message for a moment; screen readers read it.
 * @param {string} message
 */
export function showStatus(message) {
  clearTimeout(timer)
  line.textContent = message
  timer = setTimeout(() => {
    line.textContent = ''
  }, shownMs)
}
