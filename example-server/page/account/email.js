import { element } from '../element.js'
import { showStatus } from '../status.js'
import { createForm, field, sentenceOf } from './form.js'
import { sendFresh } from './fresh.js'
import { createPart } from './part.js'

/** @param {import('./settings.js').Part} part */
export function drawEmail({ account: { email, pending_email: pendingEmail }, mails, reload }) {
  const state = email ?? (pendingEmail === null ? 'none' : 'not confirmed')
  const heading = { id: 'email', title: 'E-mail', state }
  if (!mails) return createPart(heading, hint('This server sends no mails, so that it cannot verify an address.'))
  return createPart(
    heading,
    ...(pendingEmail === null
      ? []
      : [hint(`A link was sent to ${pendingEmail}. Open it in this browser to confirm the address.`)]),
    hint('A confirmed address can sign in, and can be sent a link if you forget the password.'),
    createForm({
      fields: [
        field(email === null ? 'Address' : 'New address', {
          name: 'email',
          type: 'email',
          autocomplete: 'email',
          maxlength: '254',
          value: pendingEmail ?? ''
        })
      ],
      action: 'Send a link',
      async run({ email: address = '' }) {
        const response = await sendFresh({ method: 'POST', path: '/auth/email', body: { email: address } })
        if (response === null) return ''
        if (response.status !== 202) return sentenceOf(response)
        showStatus(`A link is sent to ${address}.`)
        await reload()
        return ''
      }
    })
  )
}

/** @param {string} text */
function hint(text) {
  return element('p', { class: 'hint' }, text)
}
