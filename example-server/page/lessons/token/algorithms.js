/**
 * The algorithms of RFC 7518 §3.1 and RFC 8037 §3.1 as WebCrypto names them.
 * @typedef {object} Algorithm
 * @property {string} name
 * @property {string} [hash]
 * @property {string} [namedCurve]
 * @property {number} [saltLength]
 */

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

/**
 * @param {unknown} alg the header's member
 * @returns {Algorithm | null} `null` if this page does not know it
 */
export function algorithmOf(alg) {
  if (alg === 'EdDSA' || alg === 'Ed25519') return { name: 'Ed25519' }
  const [, family, size] = (typeof alg === 'string' && /^(HS|RS|PS|ES)(256|384|512)$/.exec(alg)) || []
  const hash = `SHA-${size}`
  if (family === 'HS') return { name: 'HMAC', hash }
  if (family === 'RS') return { name: 'RSASSA-PKCS1-v1_5', hash }
  if (family === 'PS') return { name: 'RSA-PSS', hash, saltLength: Number(size) / 8 }
  if (family !== 'ES') return null
  return { name: 'ECDSA', hash, namedCurve: curves[/** @type {keyof typeof curves} */ (alg)] }
}

/** Why this page cannot sign or check; `null` if it can. Browsers have WebCrypto only where nobody can listen in. */
export function cryptoProblem() {
  if (globalThis.crypto?.subtle) return null
  return (
    'Your browser signs and checks only on pages that came by https or from this machine (localhost). This page came ' +
    'by plain http from another machine.'
  )
}
