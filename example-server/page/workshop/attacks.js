import { exchange } from './exchange.js'
import { forge } from './forgery.js'
import { readToken, withPayload } from './jwt.js'

/**
 * A step of an attack: an exchange to show, or a note while it waits (with the seconds that are `left`).
 * @typedef {{ note: string, left?: number }} Note
 * @typedef {import('./exchange.js').Exchange & { title: string, meaning: string }} ShownExchange
 * @typedef {Note | ShownExchange} Step
 * @typedef {import('./tokens.js').Tokens} Tokens
 */

/**
 * @typedef {object} Attack
 * @property {string} label
 * @property {string} about
 * @property {(tokens: Tokens) => AsyncGenerator<Step, void>} run
 */

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const pollMs = 1000

/** @type {Attack[]} */
export const attacks = [
  { label: 'Use it as it is', about: 'For comparison: the server responds with your claims.', run: useUnchanged },
  { label: 'Tamper with it', about: 'Adds the role “admin” to the payload, and keeps the signature.', run: tamper },
  {
    label: 'Replay an old refresh token',
    about: 'Refreshes twice, as you would, and then sends the first refresh token again, as a thief would.',
    run: replay
  },
  {
    label: 'Call with an expired one',
    about: 'Waits until the oldest token of this page has expired, and sends it.',
    run: callExpired
  },
  {
    label: 'Forge a cross-site request',
    about: 'Another site tries to sign you in as somebody else without your knowledge.',
    run: forgeRequest
  }
]

/** @type {Attack['run']} */
async function* useUnchanged(tokens) {
  const used = await exchange(me(accessOf(tokens)))
  const isValid = used.received.status === 200
  if (!isValid) tokens.end()
  yield {
    title: 'The token, unchanged',
    ...used,
    meaning: isValid
      ? 'Signature, issuer, audience and times are right, and the session is alive. The response is the payload.'
      : 'The token has expired, or its session has ended. Get a new one.'
  }
}

/** @type {Attack['run']} */
async function* tamper(tokens) {
  const token = accessOf(tokens)
  const { payload } = readToken(token)
  yield {
    title: 'The same token, with "roles": ["admin"]',
    ...(await exchange(me(withPayload(token, { ...payload, roles: ['admin'] })))),
    meaning:
      'The signature was made over other bytes. The response does not say what is wrong with the token: the precise ' +
      'reason is in the server’s log, where an attacker cannot read it.'
  }
}

/** @type {Attack['run']} */
async function* replay(tokens) {
  const [old] = tokens.refreshTokens()
  if (old === undefined) {
    yield { note: 'The session of this token has ended: get a new one first.' }
    return
  }
  yield* refreshTwice(tokens)
  let again = await refresh(old)
  if (again.received.body.code === 'AUTH_REFRESH_SUPERSEDED') {
    yield {
      title: 'The first refresh token again, immediately',
      ...again,
      meaning:
        'The token is two refreshes old, but the last refresh was a moment ago: the sender may be a slow tab of ' +
        'yours. It gets no tokens, and the session continues.'
    }
  }
  while (again.received.body.code === 'AUTH_REFRESH_SUPERSEDED') {
    yield { note: 'Waiting until a slow tab can no longer be the explanation …' }
    await pause(pollMs)
    again = await refresh(old)
  }
  tokens.end()
  yield {
    title: 'The first refresh token again, later',
    ...again,
    meaning:
      again.received.body.code === 'AUTH_REFRESH_REUSED'
        ? 'Somebody has a copy of the token. The server cannot distinguish the thief from you, so it ends the ' +
          'session for both.'
        : 'The session had already ended: there is nothing left to replay.'
  }
  yield {
    title: 'The newest access token, which was valid until now',
    ...(await exchange(me(accessOf(tokens)))),
    meaning: 'It has not expired, but its session has ended. Get a new token to continue.'
  }
}

/**
 * Refreshes until the session has had two more refresh tokens.
 * @type {Attack['run']}
 */
async function* refreshTwice(tokens) {
  while (tokens.refreshTokens().length < 3) {
    const step = tokens.refreshTokens().length
    const refreshed = await refresh(tokens.refreshTokens().at(-1) ?? '')
    // The session has ended elsewhere; the caller shows that the old token is refused.
    if (refreshed.received.status !== 200) return
    tokens.add(refreshed.received.body)
    if (tokens.refreshTokens().length > step) {
      yield {
        title: `Refresh ${step} of 2`,
        ...refreshed,
        meaning: 'A new access token, and a new refresh token that replaces the old one.'
      }
    } else {
      yield {
        note:
          `Refresh ${step} of 2: refreshes within seconds of each other count as tabs of one browser, and get the ` +
          'same token. Repeating it until the token is a new one …'
      }
      await pause(pollMs)
    }
  }
}

/** @type {Attack['run']} */
async function* callExpired(tokens) {
  const oldest = tokens.oldest()
  if (oldest === null) return
  const { token, until } = oldest
  while (until > Date.now()) {
    const time = new Date(until).toLocaleTimeString()
    yield {
      note:
        'The server does not issue tokens that have already expired, so this takes a moment: the oldest token of ' +
        `this page is valid until ${time}, and is sent then.`,
      left: Math.ceil((until - Date.now()) / 1000)
    }
    await pause(Math.min(pollMs, until - Date.now()))
  }
  yield {
    title: 'The oldest token of this page',
    ...(await exchange(me(token))),
    meaning: 'The signature still matches, but the token has expired. A client now refreshes, and tries again.'
  }
}

/** @type {Attack['run']} */
async function* forgeRequest() {
  yield {
    title: 'A form of another site, submitted by its script',
    ...(await forge()),
    meaning:
      'Without this check you would now be signed in as mallory, and write your notes into mallory’s account. The ' +
      'request needs no cookie, so SameSite does not help: the server checks which site it comes from. The response ' +
      'has no challenge, because no credentials would make the request acceptable.'
  }
}

/** @param {string} token */
function me(token) {
  return { method: 'GET', path: '/me', token }
}

/** @param {string} refreshToken */
async function refresh(refreshToken) {
  return await exchange({ method: 'POST', path: '/auth/refresh', body: { refresh_token: refreshToken } })
}

/** @param {Tokens} tokens */
function accessOf(tokens) {
  return tokens.access() ?? ''
}
