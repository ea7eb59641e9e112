import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { openSignIn } from '../product-bar.js'
import { Unavailable } from '../server.js'
import { auth } from '../session.js'
import { loadSettings } from '../settings.js'
import { signUp } from '../sign-in.js'

/** @type {import('./lesson.js').Lesson} */
export const signIn = {
  id: 'lesson-sign-in',
  title: 'Sign in',
  what: [
    'A password is checked once. The server responds with something that proves from then on who you are: two tokens, ',
    'here in two cookies.'
  ],
  draw({ outcome, onUserChange, finish }) {
    const state = element('p', {})
    const message = element('p', { class: 'message', role: 'alert' })
    const newUser = element(
      'button',
      { type: 'button', class: 'primary', click: () => whileBusy(newUser, signUpAsReader) },
      'Sign me up as a new user'
    )
    const toForm = element('button', { type: 'button', click: openSignIn }, 'Use my own name')
    const buttons = element('div', { class: 'actions' }, newUser, toForm)
    /**
     * The sign-in that the server has accepted, until the page knows the new user.
     * @type {import('./outcome.js').ShownStep | null}
     */
    let accepted = null

    async function signUpAsReader() {
      message.textContent = ''
      const given = { username: `reader-${random(4)}`, password: `${random(8)}-${random(8)}` }
      try {
        const { status, body } = await signUp(given)
        if (status !== 200) message.textContent = `${/** @type {{ message: string }} */ (body).message}.`
        else outcome.show({ note: `You are ${given.username}. The password, if you want to return: ${given.password}` })
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        message.textContent = `${error.message}.`
      }
    }

    function draw() {
      const { user } = auth
      state.textContent = user
        ? `You are signed in as ${user.name}. To see the request again, sign out and in again.`
        : 'Let the page make up a name and a password, or type your own.'
      buttons.hidden = Boolean(user)
    }

    onUserChange(() => {
      message.textContent = ''
      draw()
      if (accepted !== null && auth.user) {
        outcome.show(accepted)
        finish()
      }
      accepted = null
    })
    document.addEventListener('responded', (event) => {
      const { detail } = /** @type {CustomEvent<import('./outcome.js').ShownStep>} */ (event)
      if (detail.sent.path !== '/auth/login') return
      if (detail.received.status === 200) {
        accepted = describe(detail)
      } else {
        outcome.clear()
        outcome.show(describe(detail))
      }
    })
    loadSettings().then(
      ({ allowRegistration }) => (newUser.hidden = !allowRegistration),
      () => (newUser.hidden = true)
    )
    draw()
    return [state, buttons, message]
  },
  why: [
    'A password check is slow on purpose, and a password should travel rarely. ',
    'So the server checks it once, and afterwards the access token: it is signed, and quick to check. ',
    'Scripts cannot read the two cookies: they are HttpOnly.'
  ],
  code: ['check-password', 'sign-in']
}

/**
 * The password is never shown.
 * @param {import('./exchange.js').Exchange} exchange
 * @returns {import('./outcome.js').ShownStep}
 */
function describe({ sent, received }) {
  const shown = { sent: { ...sent, body: { ...sent.body, password: '•••' } }, received }
  if (received.status !== 200) return shown
  return {
    ...shown,
    received: { ...received, setCookies: ['__Host-access=…; HttpOnly', '__Host-refresh=…; HttpOnly'] },
    because: 'the password is right',
    meaning:
      'The browser keeps the two cookies, and hides them even from this page: its script has just read ' +
      `document.cookie, and found ${JSON.stringify(document.cookie)}.`
  }
}

/** @param {number} length */
function random(length) {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'
  return [...crypto.getRandomValues(new Uint8Array(length))].map((byte) => alphabet[byte % alphabet.length]).join('')
}
