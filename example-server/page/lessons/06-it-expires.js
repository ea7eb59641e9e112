import { element } from '../element.js'
import { openMainSession } from './demo.js'
import { exchange } from './exchange.js'
import { requestLessonToken } from './lesson-token.js'
import { loadSettings } from '../settings.js'

/** @type {import('./lesson.js').Lesson} */
export const itExpires = {
  id: 'it-expires',
  title: 'It expires',
  needs: 'password',
  what: [
    'Nobody can take a token back from a thief, so it is valid for a short time only. ',
    'Watch one expire: it lives for five seconds.'
  ],
  draw,
  why: [
    'The claim "exp" says when a token ends, and it is signed like the rest. The shorter a token lives, the less a ' +
      'stolen one is worth. ',
    'You stay signed in all the same: the refresh token, which is sent to one address only, gets you the next one. ' +
      'This page does that for your account, a moment before its token expires.'
  ],
  code: ['has-passed', 'refreshed-claims']
}

/** @param {import('./lesson.js').Stage} stage */
function draw({ drawAction }) {
  const bar = /** @type {HTMLProgressElement} */ (
    element('progress', { max: '1', value: '0', 'aria-label': 'Remaining lifetime of the token' })
  )
  const left = element('span', { class: 'hint' })
  const life = element('div', { class: 'life', hidden: true }, bar, left)

  /** @type {import('./lesson.js').Action['run']} */
  async function* expire() {
    const { token, seconds, messages } = await requestLessonToken('short-lived')
    yield* untilRefused(token, { untilMs: Date.now() + seconds * 1000, seconds, messages })
  }

  /**
   * In production the server does not sign tokens for lessons, so the page's own token has to expire.
   * @type {import('./lesson.js').Action['run']}
   */
  async function* expireMine() {
    const session = await openMainSession()
    const leftMs = session.validMs()
    yield* untilRefused(session.access(), { untilMs: Date.now() + leftMs, seconds: leftMs / 1000, messages: [] })
  }

  /**
   * @param {string} token
   * @param {{ untilMs: number, seconds: number, messages: import('./sequence.js').Message[] }} life
   * @returns {AsyncGenerator<import('./outcome.js').Step, void>}
   */
  async function* untilRefused(token, { untilMs, seconds, messages }) {
    try {
      drawLife(untilMs, seconds)
      yield {
        title: 'While it is valid',
        messages,
        ...(await exchange({ method: 'GET', path: '/me', token })),
        because: 'the signature matches, and the token has not expired'
      }
      while (Date.now() < untilMs) {
        yield { note: 'The same request follows when the time is up.' }
        await pause(Math.min(stepMs, untilMs - Date.now()))
        drawLife(untilMs, seconds)
      }
      let again = await exchange({ method: 'GET', path: '/me', token })
      // The server's clock decides, and it may be a little behind.
      while (again.received.status === 200 && Date.now() < untilMs + patienceMs) {
        await pause(stepMs)
        again = await exchange({ method: 'GET', path: '/me', token })
      }
      yield {
        title: 'The same token, the same request',
        ...again,
        meaning: 'The signature still matches. A client that sees this refreshes, and sends its request again.'
      }
    } finally {
      life.hidden = true
    }
  }

  /**
   * @param {number} untilMs
   * @param {number} seconds
   */
  function drawLife(untilMs, seconds) {
    const leftSeconds = Math.max(0, untilMs - Date.now()) / 1000
    life.hidden = false
    bar.value = leftSeconds / seconds
    left.textContent = `${leftSeconds.toFixed(1)} s left`
  }

  const short = drawAction({ label: 'Let a token expire', about: 'It lives for five seconds.', run: expire })
  const long = drawAction({
    label: 'Let my token expire',
    about: 'This server runs in production, and signs no tokens for lessons. Yours takes longer: read on meanwhile.',
    run: expireMine
  })
  long.hidden = true
  loadSettings().then(
    ({ lessonTokens }) => {
      short.hidden = !lessonTokens
      long.hidden = lessonTokens
    },
    () => {}
  )
  return [
    life,
    short,
    long,
    drawAction({
      label: 'Stay signed in',
      about: 'Sends the refresh token, and then uses the new token.',
      run: refresh
    })
  ]
}

const stepMs = 100
const patienceMs = 5000

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** @type {import('./lesson.js').Action['run']} */
async function* refresh() {
  const session = await openMainSession()
  const refreshed = await session.refresh()
  yield {
    title: 'The refresh token gets a new access token',
    ...refreshed,
    ...(refreshed.received.status === 200 && { because: 'the session is alive, and this is its newest refresh token' }),
    meaning: 'Here the server does ask its database: a session that has ended gets nothing.'
  }
  if (refreshed.received.status !== 200) return
  yield {
    title: 'The new access token',
    ...(await exchange({ method: 'GET', path: '/me', token: session.access() })),
    because: 'the signature matches, and the token has not expired'
  }
}
