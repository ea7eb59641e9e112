import { send, Unavailable } from './server.js'

/**
 * What this server offers.
 * @typedef {object} Settings
 * @property {boolean} allowRegistration
 * @property {string[]} demoUsers empty in production
 * @property {boolean} lessonTokens whether it signs tokens for lessons: outside production
 * @property {number} retrySeconds the plugin's `refreshToken.retrySeconds`
 * @property {boolean} mails whether the server sends mails
 * @property {string | null} passkeyDomain the domain that passkeys belong to
 */

/** @type {Promise<Settings> | null} */
let settings = null

/**
 * Loads them once; after a failure, the next call tries again.
 * @throws {Unavailable}
 */
export async function loadSettings() {
  settings ??= load()
  try {
    return await settings
  } catch (error) {
    settings = null
    throw error
  }
}

/** Not by `auth.fetch`: they are the same for everybody. */
async function load() {
  const { status, body } = await send({ method: 'GET', path: '/page/settings.json', by: fetch })
  if (status !== 200) throw new Unavailable()
  return /** @type {Settings} */ (body)
}
