import { exchange } from './exchange.js'
import { forge } from './forgery.js'
import { readToken, withPayload } from './jwt.js'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const pollMs = 1000

/**
 * What can be tried. Each yields, step by step, what there is to show: a `note` while it waits (and how many seconds are
 * `left`), or an exchange that took place.
 */
export const attacks = [
  { label: 'Use it as it is', about: 'For comparison: the server says who you are.', run: useIt },
  { label: 'Tamper with it', about: 'Makes you an admin in the payload, and keeps the signature.', run: tamper },
  {
    label: 'Replay an old refresh token',
    about: 'Moves on by two, as you would, and sends the first again, as a thief would.',
    run: replay
  },
  {
    label: 'Call with an expired one',
    about: 'Sends the oldest token of this page as soon as its time is over.',
    run: callExpired
  },
  {
    label: 'Forge a cross-site request',
    about: 'Has another site sign you in as somebody else, without your knowing.',
    run: forgeRequest
  }
]

async function* useIt(tokens) {
  const used = await exchange('GET', '/me', { token: tokens.access() })
  const isGood = used.got.status === 200
  if (!isGood) tokens.end()
  yield {
    title: 'The token, as it is',
    ...used,
    meaning: isGood
      ? 'Signature, issuer, audience and times are right, and the session has not ended: these are the claims of the payload.'
      : 'It was good once: its time is over, or its session has ended. Get another one.'
  }
}

async function* tamper(tokens) {
  const { payload } = readToken(tokens.access())
  yield {
    title: 'The same token, with "roles": ["admin"]',
    ...(await exchange('GET', '/me', { token: withPayload(tokens.access(), { ...payload, roles: ['admin'] }) })),
    meaning:
      'The signature was made over other bytes. The answer does not say what was wrong with the token: that is for the server’s log, not for whoever is guessing.'
  }
}

async function* replay(tokens) {
  const [old] = tokens.refreshTokens()
  if (old === undefined) {
    yield { note: 'The session of this token has ended: get another one first.' }
    return
  }
  yield* moveOn(tokens)
  let again = await send(old)
  if (again.got.body.code === 'AUTH_REFRESH_SUPERSEDED') {
    yield {
      title: 'The first refresh token again, at once',
      ...again,
      meaning:
        'Two steps behind, but the last step was a moment ago: this may be a slow tab of yours. It gets nothing, and nothing is ended.'
    }
  }
  while (again.got.body.code === 'AUTH_REFRESH_SUPERSEDED') {
    yield { note: 'Waiting until no slow tab could explain it …' }
    await pause(pollMs)
    again = await send(old)
  }
  tokens.end()
  yield {
    title: 'The first refresh token again, later',
    ...again,
    meaning:
      again.got.body.code === 'AUTH_REFRESH_REUSED'
        ? 'Now there must be a copy about. The server cannot tell the thief from you, so it ends the session for both.'
        : 'The session had ended before: there is nothing left to replay.'
  }
  yield {
    title: 'The newest access token, which was fine until now',
    ...(await exchange('GET', '/me', { token: tokens.access() })),
    meaning: 'Its session has ended, and it with it, though its time is not over. Get another token to go on.'
  }
}

/** Refreshes until the session is two refresh tokens on. */
async function* moveOn(tokens) {
  while (tokens.refreshTokens().length < 3) {
    const step = tokens.refreshTokens().length
    const moved = await send(tokens.refreshTokens().at(-1))
    // The session has ended elsewhere, and the old token is refused for that.
    if (moved.got.status !== 200) return
    tokens.keep(moved.got.body)
    if (tokens.refreshTokens().length > step) {
      yield {
        title: `Refresh, ${step} of 2`,
        ...moved,
        meaning: 'A new access token, and a new refresh token in place of the old one.'
      }
    } else {
      yield {
        note: `Refreshing, ${step} of 2: those that come within seconds of each other are taken for tabs of one browser, and get the same token. Asking until it is a new one …`
      }
      await pause(pollMs)
    }
  }
}

async function send(refreshToken) {
  return await exchange('POST', '/auth/refresh', { body: { refresh_token: refreshToken } })
}

async function* callExpired(tokens) {
  const { token, until } = tokens.oldest()
  while (until > Date.now()) {
    yield {
      note: `No server makes a token that has expired already, so this takes a moment: the oldest one of this page is good until ${new Date(until).toLocaleTimeString()}, and is sent then.`,
      left: Math.ceil((until - Date.now()) / 1000)
    }
    await pause(Math.min(pollMs, until - Date.now()))
  }
  yield {
    title: 'The oldest token of this page',
    ...(await exchange('GET', '/me', { token })),
    meaning: 'Its signature is as good as ever; its time is over. A client takes this for “refresh and try again”.'
  }
}

async function* forgeRequest() {
  yield {
    title: 'A form of another site, posted by itself',
    ...(await forge()),
    meaning:
      'Without this check you would be mallory from here on, and write your notes into mallory’s account. No cookie is needed for that, so SameSite cannot help: the server looks at where the request came from. There is no challenge, for there is nothing to present that would help.'
  }
}
