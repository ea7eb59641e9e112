import { element } from '../../element.js'
import { NotAToken, parseObject } from './decode-token.js'

/**
 * A text field for the JSON of a part.
 * @param {'header' | 'payload'} name
 * @param {{ onChange: (text: string) => void }} options called with each text that is JSON
 */
export function createPartEditor(name, { onChange }) {
  const message = element('p', { class: 'message', role: 'alert', id: `${name}-editor-message` })
  const field = /** @type {HTMLTextAreaElement} */ (
    element('textarea', {
      'aria-label': `${name} as JSON`,
      'aria-describedby': message.id,
      'data-link': name,
      spellcheck: 'false',
      autocapitalize: 'none',
      autocomplete: 'off',
      input: read
    })
  )

  function read() {
    message.textContent = problemOf(name, field.value)
    if (message.textContent === '') onChange(field.value)
    fit()
  }

  function fit() {
    field.rows = Math.min(30, field.value.split('\n').length)
  }

  return {
    element: element('div', { class: 'editor' }, field, message),
    /** Whether the text is one that can be sent. */
    isValid: () => message.textContent === '',
    text: () => field.value,
    focus: () => field.focus(),
    /** @param {Record<string, unknown>} json */
    fill(json) {
      field.value = JSON.stringify(json, null, 2)
      message.textContent = ''
      fit()
    }
  }
}

/**
 * @param {'header' | 'payload'} name
 * @param {string} text
 */
function problemOf(name, text) {
  try {
    parseObject(name, text)
    return ''
  } catch (error) {
    if (error instanceof NotAToken) return error.message
    throw error
  }
}
