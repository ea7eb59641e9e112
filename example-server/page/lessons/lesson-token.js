import { openMainSession } from './demo.js'
import { exchange } from './exchange.js'
import { Refused } from './outcome.js'
import { loadSettings } from '../settings.js'

/**
 * A token that this server has signed for a lesson.
 * @typedef {object} LessonToken
 * @property {string} token
 * @property {number} seconds until it expires
 * @property {import('./sequence.js').Message[]} messages the arrows of its request
 */

const inProduction =
  'This server runs in production. There it does not sign tokens for experiments: they would be real ones. Start it ' +
  'on your own machine to try this'

/**
 * Requests a token with a flaw that nobody can forge: the server itself has to sign it.
 * @param {'short-lived' | 'other-audience' | 'read-only'} kind
 * @returns {Promise<LessonToken>}
 * @throws {Refused} in production
 */
export async function requestLessonToken(kind) {
  if (!(await loadSettings()).lessonTokens) throw new Refused(inProduction)
  let response = await request(kind)
  // Another lesson has ended the session: the next attempt opens a new one.
  if (response.status === 401) response = await request(kind)
  const { status, body } = response
  if (status !== 201) throw new Refused(body.message)
  return {
    token: body.access_token,
    seconds: body.expires_in,
    messages: [
      { from: 'browser', to: 'server', text: 'POST /lesson/tokens' },
      { from: 'server', to: 'browser', text: 'the token', tone: 'good' }
    ]
  }
}

/** @param {string} kind */
async function request(kind) {
  const session = await openMainSession()
  const { received } = await exchange({
    method: 'POST',
    path: '/lesson/tokens',
    token: session.access(),
    body: { kind }
  })
  if (received.status === 401) session.end()
  return received
}
