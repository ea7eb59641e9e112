import { byId } from './element.js'
import { errorOf, Unavailable } from './server.js'
import { showStatus } from './status.js'

const section = byId('sign-in', HTMLElement)
const form = byId('sign-in-form', HTMLFormElement)
const message = byId('sign-in-message', HTMLElement)
const username = byId('username', HTMLInputElement)
const password = byId('password', HTMLInputElement)
const remember = byId('remember', HTMLInputElement)

/** @type {Partial<Record<string, string>>} */
const sentences = {
  FST_ERR_VALIDATION: 'A username has 2 to 32 letters, digits, “.”, “_” or “-”; a password has at least 8 characters.',
  USERNAME_TAKEN: 'This username is taken.'
}

/** @typedef {(credentials: import('./session.js').Credentials) => Promise<import('./server.js').ApiResponse>} Action */

/** @param {import('./session.js').Session} session */
export function showSignIn(session) {
  let wasSignedIn = false

  /** @param {Action} action */
  async function submit(action) {
    message.textContent = ''
    if (!form.reportValidity()) return
    form.inert = true
    const problem = await attempt(action)
    form.inert = false
    message.textContent = problem
    if (problem !== '') password.focus()
  }

  /** @param {Action} action */
  async function attempt(action) {
    try {
      const response = await action({ username: username.value, password: password.value, remember: remember.checked })
      const { code, message: reason } = errorOf(response)
      if (response.status === 429) return `${reason} (in ${Math.ceil(Number(response.retryAfter) / 60)} min).`
      if (response.status !== 200) return sentences[code ?? ''] ?? `${reason}.`
      // Over plain http, a browser accepts Secure cookies from localhost only.
      return session.user() ? '' : 'The browser did not accept the cookies: they need https, or localhost.'
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      return `${error.message}.`
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    submit(session.signIn)
  })
  byId('sign-up', HTMLButtonElement).addEventListener('click', () => submit(session.signUp))
  session.addEventListener('change', () => {
    const user = session.user()
    section.hidden = user !== null
    byId('unknown', HTMLElement).hidden = user !== undefined
    if (user !== null) form.reset()
    if (user === undefined) return
    if (user === null && wasSignedIn) {
      message.textContent = session.isSigningOut() ? '' : 'This device has been signed out: its session has ended.'
      if (session.isSigningOut()) showStatus('Signed out.')
      username.focus()
    }
    wasSignedIn = user !== null
  })
}
