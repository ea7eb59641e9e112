import { encodeBytes, encodeJson } from './base64url.js'

/**
 * Signs with HMAC and SHA-256, as HS256 does.
 * @param {string} signed header and payload in base64url, with a dot between them
 * @param {string | Uint8Array<ArrayBuffer>} secret
 */
export async function signHs256(signed, secret) {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  // WebCrypto refuses an empty key, which HMAC pads with zeros.
  const key = await crypto.subtle.importKey('raw', bytes.length > 0 ? bytes : new Uint8Array(1), algorithm, false, [
    'sign'
  ])
  return encodeBytes(new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(signed))))
}

/**
 * Signs with a new key that is thrown away. Ed25519 where the browser has it; otherwise HMAC: the server refuses both.
 * @param {Record<string, unknown>} header its `alg` is replaced if it does not fit the key
 * @param {string} payload in base64url
 */
export async function signByNewKey(header, payload) {
  const pair = header.alg === 'EdDSA' ? await newKeyPair() : null
  if (pair === null) {
    const signed = `${encodeJson({ ...header, alg: 'HS256' })}.${payload}`
    return `${signed}.${await signHs256(signed, crypto.getRandomValues(new Uint8Array(32)))}`
  }
  const signed = `${encodeJson(header)}.${payload}`
  const signature = await crypto.subtle.sign('Ed25519', pair.privateKey, new TextEncoder().encode(signed))
  return `${signed}.${encodeBytes(new Uint8Array(signature))}`
}

async function newKeyPair() {
  try {
    return /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']))
  } catch {
    return null
  }
}
