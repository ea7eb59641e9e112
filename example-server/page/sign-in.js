import { offerOtherWays } from './account/passkey-sign-in.js'
import { byId } from './element.js'
import { rememberPassword } from './lessons/demo.js'
import { errorOf, send, Unavailable } from './server.js'
import { auth, isSignOut, onUserChange } from './session.js'
import { loadSettings } from './settings.js'
import { showStatus } from './status.js'

const section = byId('sign-in', HTMLElement)
const title = byId('sign-in-title', HTMLElement)
const signInForm = byId('sign-in-form', HTMLFormElement)
const signUpForm = byId('sign-up-form', HTMLFormElement)
const offer = byId('sign-up-offer', HTMLElement)
const demo = byId('demo-users', HTMLElement)
const remember = byId('remember', HTMLInputElement)

const retryMs = 3000

/** @type {Partial<Record<string, string>>} */
const sentences = {
  FST_ERR_VALIDATION: 'A username has 2 to 32 letters, digits, “.”, “_” or “-”; a password has at least 8 characters.',
  USERNAME_TAKEN: 'This username is taken.'
}

/** @typedef {import('./server.js').ApiResponse} ApiResponse */
/** @typedef {{ username: string, password: string, email?: string }} Given */

export function showSignIn() {
  let wasSignedIn = false

  /**
   * @param {HTMLFormElement} form
   * @param {(given: Given) => Promise<ApiResponse>} action
   */
  async function submit(form, action) {
    const { message, password, given } = fieldsOf(form)
    message.textContent = ''
    form.inert = true
    const problem = await attempt(() => action(given))
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

  /**
   * Shows one of the two forms, with the username that was typed into the other.
   * @param {HTMLFormElement} form
   */
  function show(form) {
    const other = form === signInForm ? signUpForm : signInForm
    const { username, password } = fieldsOf(form)
    if (other.hidden === false) username.value = fieldsOf(other).username.value
    other.hidden = true
    form.hidden = false
    title.textContent = form === signInForm ? 'Sign in' : 'Sign up'
    ;(username.value === '' ? username : password).focus()
  }

  function reset() {
    for (const form of [signInForm, signUpForm]) {
      form.reset()
      fieldsOf(form).message.textContent = ''
    }
    signUpForm.hidden = true
    signInForm.hidden = false
    title.textContent = 'Sign in'
  }

  for (const [form, action] of /** @type {const} */ ([
    [signInForm, signIn],
    [signUpForm, signUp]
  ])) {
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      submit(form, action)
    })
  }
  byId('to-sign-up', HTMLButtonElement).addEventListener('click', () => show(signUpForm))
  byId('to-sign-in', HTMLButtonElement).addEventListener('click', () => show(signInForm))
  onUserChange((event) => {
    const { user } = auth
    section.hidden = user !== null
    byId('unknown', HTMLElement).hidden = user !== undefined
    if (user !== null) reset()
    if (user === undefined) return
    if (user === null) showOffers()
    if (user === null && wasSignedIn) {
      const { message, username } = fieldsOf(signInForm)
      if (isSignOut(event)) showStatus('Signed out.')
      else message.textContent = 'This device has been signed out: its session has ended.'
      username.focus()
    }
    wasSignedIn = user !== null
  })
}

/** Shows what this server offers: production may have no sign-up, and has no demo users. */
async function showOffers() {
  try {
    const settings = await loadSettings()
    const { allowRegistration, demoUsers, mails } = settings
    await offerOtherWays(settings)
    byId('email-offer', HTMLElement).hidden = !mails
    offer.hidden = !allowRegistration
    demo.hidden = demoUsers.length === 0
    byId('demo-names', HTMLElement).textContent = demoUsers.join(' or ')
  } catch {
    setTimeout(() => section.hidden || showOffers(), retryMs)
  }
}

/** @param {HTMLFormElement} form */
function fieldsOf(form) {
  /** @param {string} name */
  const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name))
  const message = /** @type {HTMLElement} */ (form.querySelector('.message'))
  const [username, password] = [field('username'), field('password')]
  const email = /** @type {HTMLInputElement | null} */ (form.elements.namedItem('email'))?.value
  const given = { username: username.value, password: password.value, ...(email && { email }) }
  return { message, username, password, given }
}

/** @param {Given} given */
async function signIn({ username, password }) {
  const response = await post('/auth/login', { username, password, transport: 'cookie', remember: remember.checked })
  if (response.status === 200) {
    await auth.signedIn(/** @type {object} */ (response.body))
    rememberPassword(password)
  }
  return response
}

/** @param {Given} given */
export async function signUp(given) {
  const response = await post('/auth/register', given)
  return response.status === 201 ? await signIn(given) : response
}

/**
 * Not by `auth.fetch`: nobody is signed in yet.
 * @param {string} path
 * @param {object} body
 */
async function post(path, body) {
  return await send({ method: 'POST', path, body, by: fetch })
}
