import { Unavailable } from './server.js'
import { say } from './status.js'

const section = document.getElementById('sign-in')
const form = document.getElementById('sign-in-form')
const message = document.getElementById('sign-in-message')
const { username, password } = form.elements

const sentences = {
  FST_ERR_VALIDATION: 'A name has 2 to 32 letters, digits, “.”, “_” or “-”; a password at least 8 characters.',
  USERNAME_TAKEN: 'Somebody has this name already.'
}

export function showSignIn (session) {
  /** Whether the user goes by their own wish: if not, they are told. */
  let isOwnWish = false
  let wasSignedIn = false

  async function submit (action) {
    message.textContent = ''
    if (!form.reportValidity()) return
    form.inert = true
    const problem = await attempt(action)
    form.inert = false
    message.textContent = problem
    if (problem !== '') password.focus()
  }

  async function attempt (action) {
    try {
      const { status, body, retryAfter } = await action(username.value, password.value)
      if (status === 429) return `${body.message} (in ${Math.ceil(retryAfter / 60)} min).`
      if (status !== 200) return sentences[body.code] ?? `${body.message}.`
      // Over plain http, a browser keeps Secure cookies of its own machine only.
      return session.user() ? '' : 'The browser has not kept the cookies: that needs https, or localhost.'
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      return `${error.message}.`
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    submit(session.signIn)
  })
  document.getElementById('sign-up').addEventListener('click', () => submit(session.signUp))
  session.addEventListener('signing-out', () => { isOwnWish = true })
  session.addEventListener('change', () => {
    const isSignedIn = session.user() !== null
    section.hidden = isSignedIn
    document.getElementById('unknown').hidden = true
    if (isSignedIn) form.reset()
    else if (wasSignedIn) {
      message.textContent = isOwnWish ? '' : 'This device has been signed out: its session has ended.'
      if (isOwnWish) say('Signed out.')
      username.focus()
    }
    wasSignedIn = isSignedIn
    isOwnWish = false
  })
}
