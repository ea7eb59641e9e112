import { element } from '../element.js'
import { openSignIn } from '../product-bar.js'
import { errorOf, send } from '../server.js'
import { auth, onUserChange } from '../session.js'
import { showStatus } from '../status.js'
import { openDialog, plainButton } from './dialog.js'
import { createForm, field, problemOf, sentenceOf } from './form.js'
import { newPasswordField } from './password.js'

/** The token of a link that waits until its user is signed in. */
let waiting = ''

/** Opens what the links in mails lead to: `/#reset=…` and `/#verify=…`. */
export function followLinks() {
  function follow() {
    const [, purpose, token = ''] = /^#(reset|verify)=([\w.-]+)$/.exec(location.hash) ?? []
    if (purpose === undefined) return
    // Immediately, so that the token is neither in the history, nor copied with the address.
    history.replaceState(null, '', location.pathname + location.search)
    if (purpose === 'reset') chooseNewPassword(token)
    else {
      waiting = token
      verify()
    }
  }

  addEventListener('hashchange', follow)
  onUserChange(verify)
  follow()
}

async function verify() {
  if (waiting === '' || auth.user === undefined) return
  if (auth.user === null) {
    showStatus('Sign in to the account that has named the address, to confirm it.')
    openSignIn()
    return
  }
  const token = waiting
  waiting = ''
  const problem = await problemOf(async () => {
    const response = await send({ method: 'POST', path: '/auth/email/verify', body: { token } })
    if (response.status === 204) return ''
    const isOther = errorOf(response).code === 'LINK_INVALID'
    return isOther
      ? 'This link has expired or was used before, or you are signed in as somebody else.'
      : sentenceOf(response)
  })
  if (problem === '') {
    showStatus('The e-mail address is confirmed.')
    document.dispatchEvent(new Event('account-changed'))
  } else await openDialog('The address is not confirmed', (close) => [text(problem), plainButton('Close', close)])
}

/** @param {string} token */
async function chooseNewPassword(token) {
  await openDialog('Choose a new password', (close) => [
    text('It signs out all devices. Then sign in with it.'),
    createForm({
      fields: [newPasswordField()],
      action: 'Save the password',
      async run({ password = '' }) {
        const body = { token, new_password: password }
        const response = await send({ method: 'POST', path: '/auth/password/reset', body, by: fetch })
        if (response.status !== 204) return sentenceOf(response)
        close()
        showStatus('The password is changed: sign in with it.')
        openSignIn()
        return ''
      },
      more: [plainButton('Cancel', close)]
    })
  ])
}

/** Asks for the mail address, and has a link sent to it. */
export async function askForLink() {
  await openDialog('Forgot your password?', (close) => [
    text('If your account has a confirmed e-mail address, a link to choose a new password is sent to it.'),
    createForm({
      fields: [field('E-mail address', { name: 'email', type: 'email', autocomplete: 'email', maxlength: '254' })],
      action: 'Send a link',
      async run({ email = '' }) {
        const response = await send({ method: 'POST', path: '/auth/password/forgot', body: { email }, by: fetch })
        if (response.status !== 202) return sentenceOf(response)
        close()
        showStatus('If an account has this address, a link is sent to it.')
        return ''
      },
      more: [plainButton('Cancel', close)]
    })
  ])
}

/** @param {string} content */
const text = (content) => element('p', { class: 'hint' }, content)
