import { loadSettings } from '../settings.js'

/** Whether this browser has passkeys, and this page is at the server's domain, to which they belong. */
export async function canUsePasskeys() {
  const { passkeyDomain: domain } = await loadSettings()
  const isAtDomain = domain !== null && (location.hostname === domain || location.hostname.endsWith(`.${domain}`))
  return (
    isAtDomain && typeof PublicKeyCredential === 'function' && 'parseCreationOptionsFromJSON' in PublicKeyCredential
  )
}

/**
 * Creates a key pair. Resolves to its public half for the server; `null`: the user has cancelled.
 * @param {unknown} options the response of `POST /auth/passkeys/options`
 */
export async function createPasskey(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(/** @type {any} */ (options))
  return await unlessCancelled(() => navigator.credentials.create({ publicKey }))
}

/**
 * Signs the server's challenge. `null`: the user has cancelled.
 * @param {unknown} options the response of `POST /auth/login/passkey/options`
 */
export async function usePasskey(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(/** @type {any} */ (options))
  return await unlessCancelled(() => navigator.credentials.get({ publicKey }))
}

/** @param {() => Promise<Credential | null>} ceremony */
async function unlessCancelled(ceremony) {
  try {
    const credential = await ceremony()
    return credential instanceof PublicKeyCredential ? credential.toJSON() : null
  } catch (error) {
    // Also after a timeout, and if the device has the passkey already.
    if (error instanceof DOMException && ['NotAllowedError', 'InvalidStateError'].includes(error.name)) return null
    throw error
  }
}
