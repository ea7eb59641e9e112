import { element } from '../element.js'
import { errorOf, send } from '../server.js'
import { showStatus } from '../status.js'
import { whileBusy } from '../busy.js'
import { createForm, field, problemOf, sentenceOf } from './form.js'
import { sendFresh } from './fresh.js'
import { createPart } from './part.js'
import { canUsePasskeys, createPasskey } from './webauthn.js'

/**
 * @typedef {object} Passkey
 * @property {string} id
 * @property {string} name
 * @property {string} created_at
 * @property {string | null} last_used_at
 */

/** `null` where passkeys are not possible. */
export async function drawPasskeys() {
  if (!(await canUsePasskeys())) return null
  const { body } = await send({ method: 'GET', path: '/auth/passkeys' })
  const rows = Array.isArray(body) ? /** @type {Passkey[]} */ (body) : []
  return createPart(
    { id: 'passkeys', title: 'Passkeys', state: rows.length === 0 ? 'none' : String(rows.length) },
    element('p', { class: 'hint' }, 'Signs you in by unlocking a device. Nothing is typed, so nothing can be phished.'),
    element('ul', { class: 'rows' }, ...rows.map(drawPasskey)),
    createForm({
      fields: [field('Name', { name: 'name', maxlength: '64', placeholder: 'This device', autocomplete: 'off' })],
      action: 'Add a passkey',
      run: async ({ name = '' }) => await add(name)
    })
  )
}

/** @param {Passkey} passkey */
function drawPasskey({ id, name, created_at: createdAt, last_used_at: lastUsedAt }) {
  const input = /** @type {HTMLInputElement} */ (
    element('input', { value: name, maxlength: '64', 'aria-label': 'Name of the passkey', change: rename })
  )
  const used = lastUsedAt === null ? 'never used' : `last used on ${dateOf(lastUsedAt)}`
  const button = element('button', { type: 'button', class: 'small', click: remove }, 'Remove')

  async function rename() {
    await act(input, async () => {
      const body = { name: input.value }
      return await send({ method: 'PATCH', path: `/auth/passkeys/${id}`, body })
    })
  }

  async function remove() {
    await act(
      button,
      async () => await sendFresh({ method: 'DELETE', path: `/auth/passkeys/${id}` }),
      'The passkey is removed, and all other devices are signed out.'
    )
  }

  return element(
    'li',
    {},
    element(
      'div',
      { class: 'row-text' },
      input,
      element('p', { class: 'hint' }, `Added on ${dateOf(createdAt)}, ${used}`)
    ),
    button
  )
}

/** @param {string} name */
async function add(name) {
  const options = await sendFresh({ method: 'POST', path: '/auth/passkeys/options' })
  if (options === null) return ''
  if (options.status !== 200) return sentenceOf(options)
  const passkey = await createPasskey(options.body)
  if (passkey === null) return 'No passkey was added: it was cancelled, or this device has one already.'
  const response = await sendFresh({ method: 'POST', path: '/auth/passkeys', body: { name, passkey } })
  if (response === null) return ''
  if (response.status !== 201) return sentenceOf(response)
  showStatus('The passkey is added.')
  changed()
  return ''
}

/**
 * @param {HTMLElement} source
 * @param {() => Promise<import('../server.js').ApiResponse | null>} request
 */
async function act(source, request, done = 'The passkeys are saved.') {
  await whileBusy(source, async () => {
    const problem = await problemOf(async () => {
      const response = await request()
      if (response === null || response.status === 204) return ''
      return `${errorOf(response).message}.`
    })
    showStatus(problem === '' ? done : problem)
    changed()
  })
}

const changed = () => document.dispatchEvent(new Event('account-changed'))

/** @param {string} time */
function dateOf(time) {
  return new Date(time).toLocaleDateString([], { day: 'numeric', month: 'short', year: 'numeric' })
}
