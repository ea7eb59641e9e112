import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { auth } from '../session.js'
import { showStatus } from '../status.js'
import { plainButton } from './dialog.js'
import { createForm, field, problemOf, sentenceOf } from './form.js'
import { sendFresh } from './fresh.js'
import { createPart } from './part.js'

/** @param {import('./settings.js').Part} part */
export function drawData({ account: { username } }) {
  const download = plainButton('Download a copy', () =>
    whileBusy(download, async () => {
      const problem = await problemOf(async () => {
        const response = await sendFresh({ method: 'GET', path: '/auth/account/export' })
        if (response === null) return ''
        if (response.status !== 200) return sentenceOf(response)
        save(response.body)
        return ''
      })
      if (problem !== '') showStatus(problem)
    })
  )
  return createPart(
    { id: 'data', title: 'Your data' },
    element('p', { class: 'hint' }, 'Account, notes, devices and passkeys, as JSON.'),
    download,
    element('p', { class: 'hint' }, 'Or delete the account, with all notes. This cannot be undone.'),
    createForm({
      fields: [field(`Type “${username}” to confirm`, { name: 'name', autocomplete: 'off', autocapitalize: 'none' })],
      action: 'Delete the account',
      async run({ name = '' }) {
        if (name !== username) return 'This is not your username: nothing was deleted.'
        const response = await sendFresh({ method: 'DELETE', path: '/auth/account' })
        if (response === null) return ''
        if (response.status !== 204) return sentenceOf(response)
        await auth.signOut()
        showStatus('The account is deleted.')
        return ''
      }
    })
  )
}

/** @param {unknown} data */
function save(data) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' }))
  const link = /** @type {HTMLAnchorElement} */ (element('a', { href: url, download: 'account.json' }))
  link.click()
  URL.revokeObjectURL(url)
}
