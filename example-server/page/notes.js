import { element } from './element.js'
import { createOwnList } from './own-list.js'
import { say } from './status.js'

const form = document.getElementById('note-form')
const list = document.getElementById('note-list')
const none = document.getElementById('note-none')
const { text } = form.elements

export function showNotes(session) {
  const notes = createOwnList({ session, section: document.getElementById('notes'), path: '/notes', draw })

  function draw(rows) {
    none.hidden = rows.length > 0
    list.replaceChildren(...rows.map(drawNote))
  }

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

  async function remove(id) {
    await notes.change(['DELETE', `/notes/${id}`], 204, () => say('Note deleted.'))
    text.focus()
  }

  session.addEventListener('change', () => form.reset())
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    await notes.change(['POST', '/notes', { text: text.value }], 201, () => {
      form.reset()
      say('Note added.')
    })
  })
}
