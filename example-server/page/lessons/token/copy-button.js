import { whileBusy } from '../../busy.js'
import { element } from '../../element.js'

const shownMs = 2000

/**
 * A button that copies a text, and says whether it did.
 * @param {string} what
 * @param {() => string} read
 */
export function createCopyButton(what, read) {
  const message = element('span', { class: 'copy-message', role: 'status' })
  const button = element(
    'button',
    { type: 'button', class: 'small', 'aria-label': `Copy the ${what}`, click: () => whileBusy(button, copy) },
    'Copy'
  )
  let timer = 0

  async function copy() {
    clearTimeout(timer)
    try {
      await navigator.clipboard.writeText(read())
    } catch {
      // Denied, or there is no clipboard: browsers have it only where they have WebCrypto.
      message.textContent = 'The browser does not allow this page to copy: select the text, and copy it yourself.'
      return
    }
    message.textContent = 'Copied'
    timer = setTimeout(() => {
      message.textContent = ''
    }, shownMs)
  }

  return element('span', { class: 'copy' }, button, message)
}
