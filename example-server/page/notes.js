import { byId, continueAt, element } from './element.js'
import { auth, isSignOut, onUserChange } from './session.js'
import { showStatus } from './status.js'
import { createUserList } from './user-list.js'

const form = byId('note-form', HTMLFormElement)
const text = byId('note-text', HTMLInputElement)
const list = byId('note-list', HTMLElement)
const none = byId('note-none', HTMLElement)

/** @typedef {{ id: string, text: string }} Note */

export function showNotes() {
  const notes = createUserList({ section: byId('notes', HTMLElement), path: '/notes', draw })
  /** The user who sees the form. */
  let { user } = auth
  /** What a user had typed when the server ended the session. The same user finds it again. */
  let draft = { sub: '', text: '' }

  /** @param {Note[]} rows */
  function draw(rows) {
    none.hidden = rows.length > 0
    list.replaceChildren(...rows.map(drawNote))
  }

  /** @param {Note} note */
  function drawNote({ id, text: content }) {
    return element(
      'li',
      {},
      element('span', { class: 'row-text', id: `note-${id}` }, content),
      element(
        'button',
        {
          type: 'button',
          class: 'small',
          id: `delete-${id}`,
          'aria-describedby': `note-${id}`,
          click: () => remove(id)
        },
        'Delete'
      )
    )
  }

  /** @param {string} id */
  async function remove(id) {
    await notes.change({
      request: { method: 'DELETE', path: `/notes/${id}` },
      status: 204,
      onSuccess: () => showStatus('Note deleted.')
    })
    continueAt(text)
  }

  onUserChange((event) => {
    if (user) draft = { sub: user.sub, text: isSignOut(event) ? '' : text.value }
    user = auth.user
    form.reset()
    if (user?.sub === draft.sub) text.value = draft.text
  })
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const added = text.value
    await notes.change({
      request: { method: 'POST', path: '/notes', body: { text: added } },
      status: 201,
      onSuccess() {
        if (text.value === added) form.reset()
        showStatus('Note added.')
      }
    })
  })
}
