import { exchange } from './exchange.js'
import { Refused } from './outcome.js'
import { assertOpen, generationOf, nameOf, startStory, waitForBand } from './refresh-story.js'
import { createTimeline } from './timeline.js'

/** @typedef {import('./refresh-story.js').Story} Story */
/** @typedef {import('./exchange.js').Exchange} Exchange */
/** @typedef {AsyncGenerator<import('./outcome.js').Step, void>} Steps */

/** @type {import('./lesson.js').Lesson} */
export const refreshAndTheft = {
  id: 'refresh-and-theft',
  title: 'Refresh, and theft',
  needs: 'password',
  what: [
    'A refresh token fetches the next access token, and is replaced by a new refresh token each time: R0, R1, R2. ',
    'Each works once. If an old one returns, somebody else has a copy.'
  ],
  draw: drawTheft,
  why: [
    'The server cannot distinguish the thief from you, because both sent a token that it had signed: it ends the ' +
      'session for both, and only you can sign in again. ',
    'This does not detect a thief who is as fast as a second tab, or who refreshes while you never return.'
  ],
  code: ['refresh-verdict']
}

/** @param {import('./lesson.js').Stage} stage */
function drawTheft({ drawAction, onUserChange }) {
  const timeline = createTimeline()
  /** @type {Story | null} */
  let story = null

  /** @returns {Steps} */
  async function* signIn() {
    const started = await startStory()
    story = started.story
    const { retrySeconds: bandSeconds } = story
    timeline.clear()
    timeline.add({ who: ['you'], chip: 'R0', text: 'You sign in, and get R0.', bandSeconds })
    timeline.add({ who: ['thief'], chip: 'R0', tone: 'copy', text: 'The thief copies R0.' })
    yield {
      ...started.shown,
      because: 'the password is right',
      meaning: 'The list of devices shows the new session as “Lesson 7”. A thief has copied its refresh token, R0.'
    }
  }

  /** @returns {Steps} */
  async function* refresh() {
    yield* refreshFrom(1)
  }

  /** @returns {Steps} */
  async function* refreshInTwoTabs() {
    yield* refreshFrom(2)
  }

  /**
   * @param {1 | 2} tabs
   * @returns {Steps}
   */
  async function* refreshFrom(tabs) {
    const current = assertOpen(story)
    const sent = current.session.refreshTokens().at(-1) ?? ''
    yield* waitForBand(
      current,
      `${nameOf(sent)} is younger than ${current.retrySeconds} seconds. The server does not exchange such a new one ` +
        'yet: tabs that refresh at the same time stay signed in. Waiting …'
    )
    const responses = await Promise.all(Array.from({ length: tabs }, () => current.session.refresh(sent)))
    addRefresh(current, { sent, response: responses[0], tabs })
    for (const [index, response] of responses.entries()) {
      const isLast = index === tabs - 1
      yield {
        ...response,
        ...(tabs === 2 && { title: `Tab ${index + 1}` }),
        ...(tabs === 2 ? inTwoTabs(response, { sent, isLast }) : byYou(response, { sent, story: current }))
      }
    }
  }

  /**
   * @param {Story} current
   * @param {{ sent: string, response: Exchange | undefined, tabs: number }} refreshed
   */
  function addRefresh(current, { sent, response, tabs }) {
    if (response === undefined || !current.sawRotation(response)) return
    const [old, got] = [nameOf(sent), nameOf(response.received.body.refresh_token)]
    const from = tabs === 2 ? 'Both of your tabs send' : 'You send'
    const { retrySeconds: bandSeconds } = current
    timeline.add({
      who: ['you'],
      chip: tabs === 2 ? `${got} ${got}` : got,
      tone: 'good',
      text: `${from} ${old}, and get ${got}. For ${bandSeconds} seconds, ${old} still returns ${got}.`,
      bandSeconds
    })
  }

  /** @returns {Steps} */
  async function* useStolen() {
    const current = assertOpen(story)
    const { session, stolen } = current
    if (generationOf(session.refreshTokens().at(-1) ?? '') === generationOf(stolen)) {
      throw new Refused(
        'R0 was not exchanged yet, so it is still good: who comes first gets R1, and the server notices nothing. ' +
          'First press “Refresh” twice'
      )
    }
    const isEarly = current.bandMs() > 0
    let response = await session.refresh(stolen)
    if (response.received.status === 200) {
      timeline.add({
        who: ['thief'],
        chip: nameOf(response.received.body.refresh_token),
        text: `The thief sends R0, and gets ${nameOf(response.received.body.refresh_token)}.`
      })
      yield { ...response, ...(isEarly ? asSecondTab(current) : asLateRetry()) }
      return
    }
    if (response.received.body.code === 'AUTH_REFRESH_SUPERSEDED') {
      timeline.add({ who: ['thief'], chip: 'R0', tone: 'bad', text: 'The thief sends R0, and gets nothing.' })
      yield {
        title: 'R0, immediately',
        ...response,
        meaning: 'It may be a slow tab of yours, so the session continues. But the sender gets no token.'
      }
    }
    while (response.received.body.code === 'AUTH_REFRESH_SUPERSEDED') {
      yield* waitForBand(
        current,
        `For ${current.retrySeconds} seconds after a refresh, a slow tab of yours may have sent R0. Waiting until ` +
          'only a copy can be the explanation …'
      )
      response = await session.refresh(stolen)
    }
    // The server has not decided about the token: the session may still be open.
    if (response.received.status !== 401) return yield response
    session.end()
    const isReused = response.received.body.code === 'AUTH_REFRESH_REUSED'
    timeline.add({
      who: ['you', 'thief'],
      chip: 'ended',
      tone: 'bad',
      text: isReused
        ? 'The thief sends R0 again. The session ends for both: it is gone from your devices.'
        : 'The thief sends R0, but the session had already ended.'
    })
    yield {
      title: 'R0, later',
      ...response,
      meaning: isReused
        ? 'The session has ended for both. It is gone from the list of devices.'
        : 'There is nothing left to steal.'
    }
    yield {
      title: 'Your newest access token, which was valid until now',
      ...(await exchange({ method: 'GET', path: '/me', token: session.access() })),
      meaning: 'It has not expired, but its session has ended. You sign in again; the thief cannot.'
    }
  }

  onUserChange(() => {
    story = null
    timeline.clear()
  })
  return [
    ...timeline.elements,
    drawAction({ label: 'Sign in on another device', about: 'A thief copies its refresh token, R0.', run: signIn }),
    drawAction({ label: 'Refresh', about: 'You exchange your newest refresh token.', run: refresh }),
    drawAction({
      label: 'Refresh in two tabs',
      about: 'Both send the same token at the same time.',
      run: refreshInTwoTabs
    }),
    drawAction({ label: 'Be the thief: use R0', about: 'After you have refreshed twice.', run: useStolen })
  ]
}

/**
 * @param {Exchange} response
 * @param {{ sent: string, story: Story }} refreshed
 */
function byYou({ received }, { sent, story: { retrySeconds } }) {
  if (received.status !== 200) return {}
  const [old, got] = [nameOf(sent), nameOf(received.body.refresh_token)]
  return old === got
    ? { because: `${old} is younger than ${retrySeconds} seconds`, meaning: 'It was returned, not exchanged.' }
    : { because: `${old} was not used before`, meaning: `You have a new access token, and ${got} replaces ${old}.` }
}

/**
 * @param {Exchange} response
 * @param {{ sent: string, isLast: boolean }} refreshed
 */
function inTwoTabs({ received }, { sent, isLast }) {
  if (received.status !== 200) return {}
  const [old, got] = [nameOf(sent), nameOf(received.body.refresh_token)]
  return {
    because: `both tabs sent ${old} at the same time`,
    ...(isLast && { meaning: `Both have ${got}. Otherwise the slower tab would look like a thief.` })
  }
}

/** @param {Story} story */
function asSecondTab({ retrySeconds }) {
  return {
    because: `R0 was exchanged less than ${retrySeconds} seconds ago`,
    meaning: 'To the server this looks like a second tab of yours. Refresh once more, then use R0 again.'
  }
}

function asLateRetry() {
  return {
    because: 'the response to R0 may have been lost',
    meaning:
      'An honest client sends its token again if it received no response. The server allows this a few times a day, ' +
      'and only for the token before the newest. Refresh once more, then use R0 again.'
  }
}
