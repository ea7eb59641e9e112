/**
 * A public key as the server publishes it (RFC 7517 §4).
 * @typedef {JsonWebKey & { kid: string }} PublishedKey
 */

/**
 * The public keys of this server; empty if it signs with a secret.
 * @returns {Promise<PublishedKey[]>}
 */
export async function loadServerKeys() {
  const response = await fetch('/.well-known/jwks.json', { credentials: 'omit' })
  if (response.status === 404) return []
  if (!response.ok) throw new Error(`the keys have status ${response.status}`)
  return (await response.json()).keys
}
