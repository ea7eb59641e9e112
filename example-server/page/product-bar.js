import { byId } from './element.js'
import { auth, onUserChange } from './session.js'

const product = byId('product', HTMLElement)
const bar = byId('product-bar', HTMLButtonElement)
const name = byId('product-bar-name', HTMLElement)

/**
 * On a phone, account, notes and devices fold into a bar at the bottom of the window, because the lesson comes first.
 * Style sheets show the bar there only.
 */
export function showProductBar() {
  product.classList.add('foldable')
  bar.addEventListener('click', () => setOpen(bar.ariaExpanded !== 'true'))
  product.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || bar.ariaExpanded !== 'true') return
    setOpen(false)
    bar.focus()
  })
  onUserChange(() => {
    const { user } = auth
    name.textContent = user ? user.name : user === null ? 'Not signed in' : ''
    if (!user) return
    const hadFocus = product.contains(document.activeElement) || document.activeElement === document.body
    setOpen(false)
    if (hadFocus && bar.checkVisibility()) bar.focus()
  })
}

/** Unfolds the account, and moves the focus to its form. */
export function openSignIn() {
  setOpen(true)
  const field = document.querySelector('#sign-in form:not([hidden]) input')
  if (field instanceof HTMLInputElement) field.focus()
}

/** @param {boolean} isOpen */
function setOpen(isOpen) {
  bar.ariaExpanded = String(isOpen)
  product.classList.toggle('open', isOpen)
}
