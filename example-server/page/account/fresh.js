import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { rememberPassword } from '../lessons/demo.js'
import { errorOf, send } from '../server.js'
import { auth } from '../session.js'
import { openDialog, plainButton } from './dialog.js'
import { createForm, field, problemOf, sentenceOf } from './form.js'
import { canUsePasskeys, usePasskey } from './webauthn.js'

/** @typedef {import('../server.js').ApiRequest} ApiRequest */

/**
 * Sends a request that needs a fresh sign-in: if the server refuses it, the user signs in again, and it is repeated.
 * Resolves to `null` if the user does not want to.
 * @param {ApiRequest} request
 */
export async function sendFresh(request) {
  const response = await send(request)
  const isStale = response.status === 401 && errorOf(response).code === 'AUTH_STALE_AUTHENTICATION'
  if (!isStale) return response
  return (await signInAgain()) ? await send(request) : null
}

/** Resolves to whether the user has proved who they are. */
async function signInAgain() {
  let isDone = false
  const hasPasskeys = await canUsePasskeys()
  await openDialog('Confirm that it is you', (close) => {
    /** @param {object} body */
    async function submit(body) {
      const response = await sendAgain(body)
      if (response.status !== 200) return sentenceOf(response)
      await auth.signedIn(/** @type {object} */ (response.body))
      isDone = true
      close()
      return ''
    }

    const message = element('p', { class: 'message', role: 'alert' })
    const byPasskey = plainButton('Use a passkey', () =>
      whileBusy(byPasskey, async () => {
        message.textContent = await problemOf(async () => {
          const passkey = await usePasskey(await passkeyOptions())
          return passkey === null ? 'No passkey was used.' : await submit({ passkey })
        })
      })
    )
    return [
      element(
        'p',
        { class: 'hint' },
        'You signed in more than 5 minutes ago. What you want to do needs a fresh sign-in.'
      ),
      createForm({
        fields: [
          element('input', { name: 'username', autocomplete: 'username', value: auth.user?.name ?? '', hidden: true }),
          field('Password', { name: 'password', type: 'password', autocomplete: 'current-password', maxlength: '256' })
        ],
        action: 'Confirm',
        async run({ password = '' }) {
          const problem = await submit({ password })
          if (problem === '') rememberPassword(password)
          return problem
        },
        more: [...(hasPasskeys ? [byPasskey] : []), plainButton('Cancel', close)]
      }),
      message
    ]
  })
  return isDone
}

/**
 * Not by `auth.fetch`: it ends the session, and so its own request.
 * @param {object} body
 */
async function sendAgain(body) {
  return await send({ method: 'POST', path: '/auth/sign-in-again', body, by: fetch })
}

/** The options of a sign-in by passkey. */
export async function passkeyOptions() {
  return (await send({ method: 'POST', path: '/auth/login/passkey/options', by: fetch })).body
}
