import { element } from '../element.js'

const partNames = ['header', 'payload', 'signature']

/**
 * Decodes header and payload. This verifies nothing: reading a token needs no key.
 * @param {string} token
 * @returns {{ header: Record<string, unknown>, payload: Record<string, unknown> }}
 */
export function readToken(token) {
  const [header = '', payload = ''] = token.split('.')
  return { header: JSON.parse(decode(header)), payload: JSON.parse(decode(payload)) }
}

/**
 * The token with another payload and the old signature.
 * @param {string} token
 * @param {object} payload
 */
export function withPayload(token, payload) {
  const [header, , signature] = token.split('.')
  return [header, encode(JSON.stringify(payload)), signature].join('.')
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

/**
 * RFC 7515 §2: base64url without padding.
 * @param {string} part
 */
function decode(part) {
  const bytes = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))
}

/** @param {string} text */
function encode(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text))
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
