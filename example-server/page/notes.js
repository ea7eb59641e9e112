import { forgetDraft, keepDraft, readDraft } from './drafts.js'
import { byId, continueAt, element } from './element.js'
import { createGrowingList, newestFirst } from './growing-list.js'
import { auth, isSignOut, onUserChange } from './session.js'
import { showStatus } from './status.js'
import { createUserList } from './user-list.js'

const form = byId('note-form', HTMLFormElement)
const text = byId('note-text', HTMLInputElement)
const none = byId('note-none', HTMLElement)

/** @typedef {{ id: string, text: string, created_at: string }} Note */

export function showNotes() {
  const notes = createUserList({ section: byId('notes', HTMLElement), path: '/notes', draw })
  const show = createGrowingList({
    list: byId('note-list', HTMLElement),
    more: byId('note-more', HTMLButtonElement),
    first: 10,
    drawRow: drawNote
  })

  /** @param {Note[]} rows */
  function draw(rows) {
    none.hidden = rows.length > 0
    show(rows.sort(newestFirst))
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

  function keep() {
    if (auth.user) keepDraft({ sub: auth.user.sub, text: text.value })
  }

  text.addEventListener('input', keep)
  onUserChange((event) => {
    form.reset()
    if (isSignOut(event)) forgetDraft()
    if (!auth.user) return
    text.value = readDraft(auth.user.sub)
    // Nobody else's draft is kept for later.
    keep()
  })
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const added = text.value
    await notes.change({
      request: { method: 'POST', path: '/notes', body: { text: added } },
      status: 201,
      onSuccess() {
        if (text.value === added) form.reset()
        keep()
        showStatus('Note added.')
      }
    })
  })
}
