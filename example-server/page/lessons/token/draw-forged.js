import { element } from '../../element.js'
import { decodeToken } from './decode-token.js'
import { drawJson } from './draw-parts.js'

/**
 * What a refused token says, decoded, with the members marked that are different from a good one.
 * @param {string} token
 * @param {{ changed: import('./draw-parts.js').Changes, signature: string }} forgery `signature`: where it is
 * from, a sentence
 */
export function drawForged(token, { changed, signature }) {
  const { header, payload } = decodeToken(token)
  return element(
    'div',
    { class: 'forged' },
    ...['header', 'payload'].map((part) => {
      const name = /** @type {'header' | 'payload'} */ (part)
      const content = { part: { header, payload }[name], changed: changed[name], isBrief: true }
      return element(
        'section',
        { class: `debugger-part part-${name}`, 'aria-label': `${name} that was sent` },
        element('p', { class: `part-title jwt-${name}` }, name === 'header' ? 'Header' : 'Payload'),
        drawJson(name, content)
      )
    }),
    element(
      'section',
      { class: 'debugger-part part-signature', 'aria-label': 'signature that was sent' },
      element('p', { class: 'part-title jwt-signature' }, 'Signature'),
      element('p', { class: 'signature-size' }, signature)
    )
  )
}
