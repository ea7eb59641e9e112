/**
 * A public key as the server publishes it (RFC 7517 §4).
 * @typedef {JsonWebKey & { kid: string }} PublishedKey
 */

/**
 * The public key of this server that a token names, or another one. `null` if the server signs with a secret.
 * @param {import('./decode-token.js').DecodedToken} token one of this server
 * @returns {Promise<PublishedKey | null>}
 */
export async function loadServerKey({ header }) {
  if (isBySecret(header.json)) return null
  const response = await fetch('/.well-known/jwks.json', { credentials: 'omit' })
  if (!response.ok) throw new Error(`the keys have status ${response.status}`)
  return keyOf(header.json, (await response.json()).keys)
}

/**
 * Whether the same secret signs and checks.
 * @param {Record<string, unknown>} header
 */
export function isBySecret({ alg }) {
  return /^HS\d/.test(String(alg))
}

/**
 * @param {Record<string, unknown>} header
 * @param {PublishedKey[]} keys
 * @returns {PublishedKey | null}
 */
export function keyOf({ kid }, keys) {
  return keys.find((key) => key.kid === kid) ?? keys[0] ?? null
}
