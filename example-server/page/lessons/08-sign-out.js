import { openSession } from './demo.js'
import { exchange } from './exchange.js'

/** @type {import('./lesson.js').Lesson} */
export const signOut = {
  id: 'lesson-sign-out',
  title: 'Sign out',
  needs: 'password',
  what: [
    'A token that is signed and has not expired is valid, wherever it is. ',
    'So how can it be revoked before it expires?'
  ],
  actions: [
    {
      label: 'Sign out another device',
      about: 'The page signs in a second device, signs it out, and uses its token immediately.',
      run: signOutDevice
    }
  ],
  why: [
    'Each server keeps the ids of the sessions that have ended, until their last access token has expired: a short ',
    'list, in memory. The other servers read each new id from the database, within moments. ',
    'That is the price of "no look-up", and how this plugin pays it: a look-up in memory, and no query.'
  ],
  code: ['sign-out', 'check-revoked']
}

/** @returns {AsyncGenerator<import('./outcome.js').Step, void>} */
async function* signOutDevice() {
  const { session, shown } = await openSession('Another device')
  yield { ...shown, title: '1. Another device signs in', because: 'the password is right' }
  const token = session.access()
  const before = await exchange({ method: 'GET', path: '/me', token })
  yield { ...before, title: '2. It uses its token', because: 'the signature matches and the session is alive' }
  const out = await exchange({
    method: 'POST',
    path: '/auth/logout',
    body: { refresh_token: session.refreshTokens().at(-1) }
  })
  session.end()
  yield {
    ...out,
    title: '3. It signs out',
    because: 'the refresh token belongs to its session',
    meaning: 'The session ends in the database, and its id goes into the list of revoked ids of each server.'
  }
  const seconds = Math.round(session.validMs() / 1000)
  const after = await exchange({ method: 'GET', path: '/me', token })
  yield {
    ...after,
    title: '4. Its token is used once more',
    meaning: `The signature still matches, and the token would be valid for ${seconds} more seconds.`,
    picture: [
      { from: 'browser', to: 'server', text: 'GET /me' },
      { from: 'server', text: 'finds the id in its list of revoked ones' },
      ...notAsked(after),
      { from: 'server', to: 'browser', text: `${after.received.status} ${after.received.statusText}`, tone: 'bad' }
    ]
  }
}

/**
 * @param {import('./exchange.js').Exchange} exchange
 * @returns {import('./sequence.js').Message[]}
 */
function notAsked({ received: { timing } }) {
  return timing?.queries === 0 ? [{ from: 'database', text: 'not asked', tone: 'idle' }] : []
}
