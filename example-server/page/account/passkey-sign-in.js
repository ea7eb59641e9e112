import { whileBusy } from '../busy.js'
import { byId } from '../element.js'
import { send } from '../server.js'
import { auth } from '../session.js'
import { problemOf, sentenceOf } from './form.js'
import { passkeyOptions } from './fresh.js'
import { askForLink } from './links.js'
import { canUsePasskeys, usePasskey } from './webauthn.js'

const message = byId('sign-in-message', HTMLElement)
const remember = byId('remember', HTMLInputElement)
const passkey = byId('passkey-sign-in', HTMLButtonElement)
const forgot = byId('forgot', HTMLButtonElement)

/** The other ways at the sign-in form: by a passkey, and a link to choose a new password. */
export function showOtherWays() {
  passkey.addEventListener('click', () =>
    whileBusy(passkey, async () => {
      message.textContent = await problemOf(signIn)
    })
  )
  forgot.addEventListener('click', askForLink)
}

/**
 * Shows the ways that this server offers.
 * @param {import('../settings.js').Settings} settings
 */
export async function offerOtherWays({ mails }) {
  forgot.hidden = !mails
  passkey.hidden = !(await canUsePasskeys())
}

async function signIn() {
  const signed = await usePasskey(await passkeyOptions())
  if (signed === null) return 'No passkey was used.'
  const body = { passkey: signed, transport: 'cookie', remember: remember.checked }
  const response = await send({ method: 'POST', path: '/auth/login/passkey', body, by: fetch })
  if (response.status !== 200) return sentenceOf(response)
  await auth.signedIn(/** @type {object} */ (response.body))
  return ''
}
