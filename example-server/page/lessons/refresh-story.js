import { loadSettings } from '../settings.js'
import { openSession } from './demo.js'
import { Refused } from './outcome.js'

/** @typedef {import('./outcome.js').Step} Step */
/** @typedef {import('./exchange.js').Exchange} Exchange */
/** @typedef {import('./demo.js').DemoSession} DemoSession */

/**
 * The session of the lesson, whose first refresh token the thief has copied.
 * @typedef {object} Story
 * @property {DemoSession} session
 * @property {string} stolen what the thief has: R0
 * @property {number} retrySeconds
 * @property {() => number} bandMs for how much longer the newest token is returned instead of exchanged
 * @property {(refreshed: Exchange) => boolean} sawRotation remembers when the server has exchanged a token; returns
 * `false` if it has not
 */

const pollMs = 250

/** @returns {Promise<{ story: Story, shown: Exchange }>} */
export async function startStory() {
  const { retrySeconds } = await loadSettings()
  const { session, shown } = await openSession('Lesson 7')
  const [stolen = ''] = session.refreshTokens()
  let rotatedAt = Date.now()
  let generation = generationOf(stolen)

  /** @type {Story['sawRotation']} */
  function sawRotation({ received: { status, body } }) {
    if (status !== 200 || generationOf(body.refresh_token) <= generation) return false
    generation = generationOf(body.refresh_token)
    rotatedAt = Date.now()
    return true
  }

  const bandMs = () => Math.max(0, rotatedAt + retrySeconds * 1000 - Date.now())
  return { story: { session, stolen, retrySeconds, bandMs, sawRotation }, shown }
}

/**
 * A refresh token says how often its session was refreshed: `rt1.<session>.<generation>.<mac>`. The server relies on
 * the mac, not on this.
 * @param {string} token
 */
export function generationOf(token) {
  return Number(token.split('.')[2])
}

/** @param {string} token */
export const nameOf = (token) => `R${generationOf(token)}`

/**
 * Counts down until the band is over.
 * @param {Story} story
 * @param {string} note says why
 * @returns {AsyncGenerator<Step, void>}
 */
export async function* waitForBand({ bandMs }, note) {
  while (bandMs() > 0) {
    yield { note, left: Math.ceil(bandMs() / 1000) }
    await new Promise((resolve) => setTimeout(resolve, Math.min(pollMs, bandMs())))
  }
}

/**
 * The session, if the story continues.
 * @param {Story | null} story
 * @returns {Story}
 * @throws {Refused}
 */
export function assertOpen(story) {
  if (story === null) throw new Refused('First sign in on another device: the first button')
  if (!story.session.isOpen()) throw new Refused('This session has ended for both: start again with the first button')
  return story
}
