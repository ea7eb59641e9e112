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

export function showSignIn(session) {
  let wasSignedIn = false

  async function submit(action) {
    message.textContent = ''
    if (!form.reportValidity()) return
    form.inert = true
    const problem = await attempt(action)
    form.inert = false
    message.textContent = problem
    if (problem !== '') password.focus()
  }

  async function attempt(action) {
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
  session.addEventListener('change', () => {
    const user = session.user()
    section.hidden = user !== null
    document.getElementById('unknown').hidden = user !== undefined
    if (user !== null) form.reset()
    if (user === undefined) return
    if (user === null && wasSignedIn) {
      // Whoever does not go by their own wish is told.
      message.textContent = session.isSigningOut() ? '' : 'This device has been signed out: its session has ended.'
      if (session.isSigningOut()) say('Signed out.')
      username.focus()
    }
    wasSignedIn = user !== null
  })
}
