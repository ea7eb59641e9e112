import { element } from '../element.js'
import { rememberPassword } from '../lessons/demo.js'
import { send } from '../server.js'
import { auth } from '../session.js'
import { showStatus } from '../status.js'
import { createForm, field, sentenceOf } from './form.js'
import { createPart } from './part.js'

export function drawPassword() {
  return createPart(
    { id: 'password', title: 'Password' },
    element('p', { class: 'hint' }, 'A new password signs out all other devices.'),
    createForm({
      fields: [
        element('input', { name: 'username', autocomplete: 'username', value: auth.user?.name ?? '', hidden: true }),
        field('Current password', {
          name: 'current',
          type: 'password',
          autocomplete: 'current-password',
          maxlength: '256'
        }),
        newPasswordField()
      ],
      action: 'Change the password',
      async run({ current = '', password = '' }) {
        // Not by `auth.fetch`: it ends the session, and so its own request.
        const body = { current_password: current, new_password: password }
        const response = await send({ method: 'POST', path: '/auth/password', body, by: fetch })
        if (response.status !== 200) return sentenceOf(response)
        await auth.signedIn(/** @type {object} */ (response.body))
        rememberPassword(password)
        showStatus('The password is changed.')
        return ''
      }
    })
  )
}

export function newPasswordField() {
  return field('New password', {
    name: 'password',
    type: 'password',
    autocomplete: 'new-password',
    minlength: '8',
    maxlength: '256'
  })
}
