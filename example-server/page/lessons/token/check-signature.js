import { algorithmOf, cryptoProblem } from './algorithms.js'
import { decodeBytes } from './base64url.js'

/** @typedef {import('./decode-token.js').DecodedToken} DecodedToken */

/**
 * What the check of a signature found.
 * @typedef {object} Check
 * @property {'matches' | 'differs' | 'unknown'} result
 * @property {string} message
 */

/**
 * Checks the signature of a token with a secret (`HS…`) or a public key: a JWK, or PEM that begins with `-----BEGIN
 * PUBLIC KEY-----`.
 * @param {DecodedToken} token
 * @param {string | Record<string, any>} key
 * @returns {Promise<Check>}
 */
export async function checkSignature({ token, header, signature }, key) {
  const { alg } = header.json
  if (alg === 'none') {
    return { result: 'differs', message: '"alg" is "none": there is no signature. A server must refuse such a token.' }
  }
  const algorithm = algorithmOf(alg)
  if (algorithm === null) return unknown(`This page does not know the algorithm ${JSON.stringify(alg)}.`)
  const problem = cryptoProblem()
  if (problem !== null) return unknown(problem)
  const imported = await importKey(key, algorithm)
  if (typeof imported === 'string') return unknown(imported)
  const signed = new TextEncoder().encode(token.slice(0, token.lastIndexOf('.')))
  const matches = await crypto.subtle.verify(algorithm, imported, new Uint8Array(signature.bytes), signed)
  return matches
    ? { result: 'matches', message: 'The signature matches: this key has signed exactly these bytes.' }
    : {
        result: 'differs',
        message: 'The signature does not match: another key has made it, or the token was changed afterwards.'
      }
}

/**
 * @param {string | Record<string, any>} given
 * @param {import('./algorithms.js').Algorithm} algorithm
 * @returns {Promise<CryptoKey | string>} the key, or what is wrong with it
 */
async function importKey(given, algorithm) {
  const key = typeof given === 'string' ? given.trim() : given
  if (key === '') return algorithm.name === 'HMAC' ? 'Enter the secret.' : 'Enter the public key.'
  try {
    if (algorithm.name === 'HMAC') {
      if (typeof given !== 'string') return 'This key is public, and the algorithm needs a secret.'
      return await crypto.subtle.importKey('raw', new TextEncoder().encode(given), algorithm, false, ['verify'])
    }
    if (typeof key !== 'string' || key.startsWith('{')) {
      const { kty, crv, x, y, n, e } = typeof key === 'string' ? JSON.parse(key) : key
      return await crypto.subtle.importKey('jwk', { kty, crv, x, y, n, e }, algorithm, false, ['verify'])
    }
    const [, pem] = /^-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----$/.exec(key) ?? []
    if (pem === undefined) {
      return 'A public key is a JWK, {"kty": …}, or PEM that begins with -----BEGIN PUBLIC KEY-----.'
    }
    const bytes = decodeBytes(pem.replaceAll(/\s/g, ''))
    return await crypto.subtle.importKey('spki', bytes, algorithm, false, ['verify'])
  } catch {
    return `The browser cannot use this key for ${algorithm.name}.`
  }
}

/**
 * @param {string} message
 * @returns {Check}
 */
function unknown(message) {
  return { result: 'unknown', message }
}
