import { element } from '../element.js'

const partNames = ['header', 'payload', 'signature']

/** The texts of header and payload. Nothing is verified by that: reading a token takes no key. */
export function readToken(token) {
  const [header, payload] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(decode(part)))
  return { header, payload }
}

/** The same token with another payload, under the signature of the old one. */
export function withPayload(token, payload) {
  const [header, , signature] = token.split('.')
  return [header, encode(JSON.stringify(payload)), signature].join('.')
}

/** The parts in their colours; `shorten` for where there is no room. */
export function drawToken(token, shorten = (part) => part) {
  return token
    .split('.')
    .flatMap((part, index) => [
      ...(index > 0 ? ['.'] : []),
      element('span', { class: `jwt-${partNames[index]}` }, shorten(part))
    ])
}

/** RFC 7515 §2: base64url without padding. */
function decode(part) {
  const bytes = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))
}

function encode(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text))
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
