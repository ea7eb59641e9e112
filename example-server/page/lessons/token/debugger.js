import { element } from '../../element.js'
import { createCopyButton } from './copy-button.js'
import { decodeToken } from './decode-token.js'
import { drawJson, drawTokenText } from './draw-parts.js'
import { changesOf, withTexts } from './forge.js'
import { linkParts } from './link-parts.js'
import { createPartEditor } from './part-editor.js'

/** @typedef {import('./decode-token.js').DecodedToken} DecodedToken */

const names = /** @type {const} */ (['header', 'payload'])

/**
 * Shows a token: its text in three colours beside its JSON. Pointing at one, or focusing it, lights the other. Header
 * and payload can be edited; the signature then stays the old one.
 * @param {{ onChange: () => void }} options called when another token is shown, or the shown one was edited
 */
export function createDebugger({ onChange }) {
  /** @type {DecodedToken} */
  let original
  /** @type {DecodedToken} */
  let shown
  const text = element('p', { class: 'jwt' })
  const signature = element('p', { class: 'signature-size' })
  const places = {
    header: createPlace('header', { read: () => shown, edit }),
    payload: createPlace('payload', { read: () => shown, edit })
  }
  const root = element(
    'div',
    { class: 'debugger' },
    element(
      'section',
      { class: 'debugger-text', 'aria-label': 'The token' },
      element(
        'div',
        { class: 'debugger-head' },
        element('h4', {}, 'Token'),
        createCopyButton('token', () => shown.token)
      ),
      text
    ),
    element(
      'div',
      { class: 'debugger-parts' },
      places.header.element,
      places.payload.element,
      element(
        'section',
        { class: 'debugger-part part-signature', 'aria-label': 'Signature' },
        element('div', { class: 'debugger-head' }, element('h4', { class: 'jwt-signature' }, 'Signature')),
        signature
      )
    )
  )
  linkParts(root)

  /** @param {{ header?: string, payload?: string }} texts */
  function edit(texts) {
    shown = decodeToken(withTexts(shown, texts))
    draw()
    onChange()
  }

  function draw() {
    const changed = changesOf(original, shown)
    text.replaceChildren(...drawTokenText(shown, changed))
    for (const name of names) places[name].draw(changed[name])
    signature.replaceChildren(describeSignature(shown))
    signature.setAttribute('data-link', 'signature')
    signature.tabIndex = 0
    signature.role = 'group'
    signature.ariaLabel = 'signature'
  }

  return {
    element: root,
    token: () => shown,
    isEdited: () => shown.token !== original.token,
    /** Whether the payload alone was edited. */
    hasOldHeader: () => shown.header.raw === original.header.raw,
    /** Whether each open editor contains JSON. */
    isValid: () => names.every((name) => places[name].isValid()),
    /** @param {DecodedToken} token */
    show(token) {
      original = shown = token
      for (const name of names) places[name].close()
      draw()
      onChange()
    },
    /** Throws the edits away. */
    restore() {
      shown = original
      for (const name of names) places[name].close()
      draw()
      onChange()
    }
  }
}

/**
 * Header or payload: its JSON, or a field to edit it.
 * @param {'header' | 'payload'} name
 * @param {{ read: () => DecodedToken, edit: (texts: { header?: string, payload?: string }) => void }} options
 */
function createPlace(name, { read, edit }) {
  const title = name === 'header' ? 'Header' : 'Payload'
  const editor = createPartEditor(name, { onChange: (text) => edit({ [name]: text }) })
  const content = element('div')
  const toggle = element('button', { type: 'button', class: 'small', click: change })
  let isOpen = false

  function change() {
    if (isOpen) close()
    else open()
    if (isOpen) return
    draw(drawn)
    toggle.focus()
  }

  function open() {
    isOpen = true
    label('Done', `Done with the ${name}`)
    content.replaceChildren(editor.element)
    editor.fill(read()[name].json)
    editor.focus()
  }

  function close() {
    isOpen = false
    label('Edit', `Edit the ${name}`)
    editor.fill({})
  }

  /**
   * @param {string} shown
   * @param {string} spoken
   */
  function label(shown, spoken) {
    toggle.textContent = shown
    toggle.ariaLabel = spoken
  }

  /** @type {string[]} */
  let drawn = []
  /** @param {string[]} changed */
  function draw(changed) {
    drawn = changed
    if (!isOpen) content.replaceChildren(drawJson(name, { part: read()[name], changed }))
  }

  return {
    element: element(
      'section',
      { class: `debugger-part part-${name}`, 'aria-label': title },
      element(
        'div',
        { class: 'debugger-head' },
        element('h4', { class: `jwt-${name}` }, title),
        createCopyButton(name, () => read()[name].text),
        toggle
      ),
      content
    ),
    isValid: editor.isValid,
    draw,
    close
  }
}

/** @param {DecodedToken} token */
function describeSignature({ header, signature }) {
  const { length } = signature.bytes
  if (length === 0) return 'There is none. Nobody can know who wrote this token.'
  const maker = /^HS/.test(String(header.json.alg)) ? 'Who knows the secret' : 'Only the holder of the private key'
  return (
    `${length} bytes, computed from the other two parts. ${maker} can make it, and it fits exactly these two parts: ` +
    'change one character, and it no longer matches.'
  )
}
