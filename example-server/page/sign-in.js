import { byId } from './element.js'
import { errorOf, send, Unavailable } from './server.js'
import { auth, isSignOut, onUserChange } from './session.js'
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

/** @typedef {import('./server.js').ApiResponse} ApiResponse */

export function showSignIn() {
  let wasSignedIn = false

  /** @param {() => Promise<ApiResponse>} action */
  async function submit(action) {
    message.textContent = ''
    if (!form.reportValidity()) return
    form.inert = true
    const problem = await attempt(action)
    form.inert = false
    message.textContent = problem
    if (problem !== '') password.focus()
  }

  /** @param {() => Promise<ApiResponse>} action */
  async function attempt(action) {
    try {
      const response = await action()
      const { code, message: reason } = errorOf(response)
      if (response.status === 429) return `${reason} (in ${Math.ceil(Number(response.retryAfter) / 60)} min).`
      if (response.status !== 200) return sentences[code ?? ''] ?? `${reason}.`
      // Over plain http, a browser accepts Secure cookies from localhost only.
      return auth.user ? '' : 'The browser did not accept the cookies: they need https, or localhost.'
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      return `${error.message}.`
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    submit(signIn)
  })
  byId('sign-up', HTMLButtonElement).addEventListener('click', () => submit(signUp))
  onUserChange((event) => {
    const { user } = auth
    section.hidden = user !== null
    byId('unknown', HTMLElement).hidden = user !== undefined
    if (user !== null) form.reset()
    if (user === undefined) return
    if (user === null && wasSignedIn) {
      if (isSignOut(event)) showStatus('Signed out.')
      else message.textContent = 'This device has been signed out: its session has ended.'
      username.focus()
    }
    wasSignedIn = user !== null
  })
}

async function signIn() {
  const body = { username: username.value, password: password.value, transport: 'cookie', remember: remember.checked }
  const response = await post('/auth/login', body)
  if (response.status === 200) await auth.signedIn(/** @type {object} */ (response.body))
  return response
}

async function signUp() {
  const response = await post('/auth/register', { username: username.value, password: password.value })
  return response.status === 201 ? await signIn() : response
}

/**
 * Not by `auth.fetch`: nobody is signed in yet.
 * @param {string} path
 * @param {object} body
 */
async function post(path, body) {
  return await send({ method: 'POST', path, body, by: fetch })
}
