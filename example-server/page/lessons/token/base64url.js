/**
 * RFC 7515 §2: base64url without padding.
 * @param {Uint8Array} bytes
 */
export function encodeBytes(bytes) {
  // In pieces: a call has a limited number of arguments.
  let binary = ''
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** @param {string} text */
export function encodeText(text) {
  return encodeBytes(new TextEncoder().encode(text))
}

/** @param {unknown} value */
export function encodeJson(value) {
  return encodeText(JSON.stringify(value))
}

/**
 * What is wrong with a text as base64url; `null` if nothing is.
 * @param {string} text
 */
export function base64urlProblem(text) {
  const at = text.search(/[^\w-]/)
  if (at >= 0) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0)
    const hint = character === '=' ? 'in a token it has no padding' : 'only A–Z, a–z, 0–9, "-" and "_" can occur'
    return `character ${at + 1} is ${JSON.stringify(character)}, but ${hint}`
  }
  return text.length % 4 === 1 ? `a text of ${text.length} characters is too long or too short by one` : null
}

/** @param {string} text */
export function decodeBytes(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0))
}
