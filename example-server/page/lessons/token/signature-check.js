import { whileBusy } from '../../busy.js'
import { element } from '../../element.js'
import { checkSignature } from './check-signature.js'
import { loadServerKey } from './server-keys.js'

/**
 * A field for a secret or a public key, and whether the signature of the shown token matches it.
 * @param {{ read: () => import('./decode-token.js').DecodedToken }} options
 */
export function createSignatureCheck({ read }) {
  const result = element('p', { class: 'check-result', role: 'status' })
  const field = /** @type {HTMLTextAreaElement} */ (
    element('textarea', {
      id: 'check-key',
      rows: '3',
      spellcheck: 'false',
      autocapitalize: 'none',
      autocomplete: 'off',
      'aria-describedby': 'check-hint',
      input: check
    })
  )
  /** The check whose result is shown. */
  let latest = {}

  async function check() {
    const mine = (latest = {})
    if (field.value === '') return say('unknown', '')
    const { result: found, message } = await checkSignature(read(), field.value)
    if (mine === latest) say(found, message)
  }

  /**
   * @param {'matches' | 'differs' | 'unknown'} found
   * @param {string} message
   */
  function say(found, message) {
    result.className = `check-result ${{ matches: 'granted', differs: 'refused', unknown: '' }[found]}`
    result.textContent = message
  }

  async function useServerKey() {
    latest = {}
    try {
      const key = await loadServerKey(read())
      if (key === null) return say('unknown', 'A token with HS256 is checked with its secret: there is no public key.')
      field.value = JSON.stringify(key)
    } catch {
      return say('unknown', 'The server does not respond: try again in a moment.')
    }
    await check()
  }

  const button = element(
    'button',
    { type: 'button', class: 'small', click: () => whileBusy(button, useServerKey) },
    'Use this server’s public key'
  )
  return {
    element: element(
      'details',
      { class: 'check' },
      element('summary', {}, 'Check the signature'),
      element('label', { for: 'check-key' }, 'Secret or public key'),
      field,
      element(
        'p',
        { class: 'hint', id: 'check-hint' },
        'A secret as text for HS256, HS384 or HS512; otherwise a public key as JWK or PEM. It stays in this page.'
      ),
      button,
      result
    ),
    check,
    clear() {
      field.value = ''
      say('unknown', '')
    }
  }
}
