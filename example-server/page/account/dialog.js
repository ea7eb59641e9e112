import { element } from '../element.js'

let count = 0

/**
 * Opens a dialog over the page. Resolves when it is closed, by `close()` or by the user.
 * @param {string} title
 * @param {(close: () => void) => Node[]} draw
 */
export async function openDialog(title, draw) {
  const id = `dialog-${++count}`
  const dialog = /** @type {HTMLDialogElement} */ (element('dialog', { class: 'card', 'aria-labelledby': id }))
  const close = () => dialog.close()
  dialog.append(element('h2', { id }, title), ...draw(close))
  document.body.append(dialog)
  dialog.showModal()
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }))
  dialog.remove()
}

/**
 * @param {string} text
 * @param {() => void} click
 */
export function plainButton(text, click) {
  return element('button', { type: 'button', class: 'small', click }, text)
}
