import { element } from '../../element.js'
import { decodeToken, NotAToken } from './decode-token.js'

/**
 * A field for any token. What is pasted is decoded in this page, and sent nowhere.
 * @param {{ onToken: (token: import('./decode-token.js').DecodedToken) => void }} options
 */
export function createPasteForm({ onToken }) {
  const message = element('p', { class: 'message', role: 'alert', id: 'paste-message' })
  const field = /** @type {HTMLTextAreaElement} */ (
    element('textarea', {
      id: 'paste',
      rows: '3',
      spellcheck: 'false',
      autocapitalize: 'none',
      autocomplete: 'off',
      placeholder: 'eyJ…',
      'aria-describedby': 'paste-hint paste-message',
      input: read
    })
  )

  function read() {
    message.textContent = ''
    if (field.value.trim() === '') return
    try {
      onToken(decodeToken(field.value))
    } catch (error) {
      if (!(error instanceof NotAToken)) throw error
      message.textContent = error.message
    }
  }

  return {
    element: element(
      'div',
      { class: 'paste' },
      element('label', { for: 'paste' }, 'Paste any other token'),
      field,
      element(
        'p',
        { class: 'hint', id: 'paste-hint' },
        'It never leaves this page: decoding needs neither a key nor a server. A token that still works is like a ' +
          'password, so paste it only into pages that you trust.'
      ),
      message
    ),
    clear() {
      field.value = ''
      message.textContent = ''
    }
  }
}
