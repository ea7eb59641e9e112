import { element } from '../element.js'
import { decodeToken } from './token/decode-token.js'

const partNames = ['header', 'payload', 'signature']

/**
 * Decodes header and payload. This verifies nothing: reading a token needs no key.
 * @param {string} token
 */
export function readToken(token) {
  const { header, payload } = decodeToken(token)
  return { header: header.json, payload: payload.json }
}

/**
 * Draws the parts of a token in their colours.
 * @param {string} token
 * @param {(part: string) => string} shorten for where there is little space
 */
export function drawToken(token, shorten = (part) => part) {
  return token
    .split('.')
    .flatMap((part, index) => [
      ...(index > 0 ? ['.'] : []),
      element('span', { class: `jwt-${partNames[index]}` }, shorten(part))
    ])
}
