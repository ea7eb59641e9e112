import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { openSignIn } from '../product-bar.js'
import { auth, onUserChange } from '../session.js'
import { demo, enterPassword, knowsPassword } from './demo.js'
import { Refused } from './outcome.js'

/**
 * What a lesson needs before something can be done in it.
 * @typedef {'nothing' | 'user' | 'password'} Need
 */

/**
 * Appears above the buttons of a lesson while something is missing, and disables them.
 * @param {Need} need
 * @param {HTMLFieldSetElement} controls
 */
export function createGate(need, controls) {
  const place = element('div', { class: 'gate' })

  function draw() {
    const missing = missingOf(need)
    controls.disabled = missing !== null
    place.hidden = missing === null
    if (missing === 'user') place.replaceChildren(signInFirst())
    else if (missing === 'password') place.replaceChildren(passwordForm())
    else place.replaceChildren()
  }

  onUserChange(draw)
  demo.addEventListener('changed', () => {
    if (missingOf(need) !== 'password' || !place.hasChildNodes()) draw()
  })
  draw()
  return place
}

/**
 * @param {Need} need
 * @returns {Need | null}
 */
function missingOf(need) {
  if (need !== 'nothing' && !auth.user) return 'user'
  return need === 'password' && !knowsPassword() ? 'password' : null
}

function signInFirst() {
  return element(
    'p',
    {},
    'This lesson needs a user. ',
    element('button', { type: 'button', class: 'link', click: openSignIn }, 'Sign in')
  )
}

function passwordForm() {
  const field = /** @type {HTMLInputElement} */ (
    element('input', { type: 'password', autocomplete: 'current-password', maxlength: '256', required: true })
  )
  const message = element('p', { class: 'message', role: 'alert' })
  const form = element(
    'form',
    {},
    element('label', {}, 'Your password, again', field),
    element('button', { type: 'submit', class: 'primary' }, 'Continue'),
    message,
    element(
      'p',
      { class: 'hint' },
      'This page cannot read your cookies: it signs in a second time, and keeps these tokens in its memory. Without ' +
        'the password, sign out and start again with lesson 1.'
    )
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    whileBusy(form, async () => {
      message.textContent = ''
      try {
        await enterPassword(field.value)
      } catch (error) {
        message.textContent = error instanceof Refused ? `${error.message}.` : 'The server does not respond.'
      }
    })
  })
  return form
}
