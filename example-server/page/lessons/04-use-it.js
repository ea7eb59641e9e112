import { openMainSession } from './demo.js'
import { exchange, readResponse } from './exchange.js'

/** @type {import('./lesson.js').Lesson} */
export const useIt = {
  id: 'use-it',
  title: 'Use it',
  needs: 'password',
  what: [
    'The token goes along with every request: programs send it in a header, browsers in a cookie. ',
    'The server checks the signature and the times, and does not ask the database who you are.'
  ],
  actions: [
    { label: 'Send it in a header', about: 'As a program does: it adds the header itself.', run: sendInHeader },
    { label: 'Send it in a cookie', about: 'As a browser does: it adds the cookie itself.', run: sendInCookie },
    { label: 'Read your notes', about: 'The notes are in the database. Who you are is not.', run: readNotes }
  ],
  why: [
    'The signature proves that this server wrote the payload, so nothing has to be looked up: any number of servers ',
    'can check a token without sharing a database. ',
    'A browser sends cookies whether you want it or not, even if another site starts the request. So a request with a ',
    'cookie needs a second check, of the site that it comes from. Only your own code sends a header.'
  ],
  code: ['me', 'check-token']
}

async function* sendInHeader() {
  yield* send('/me')
}

async function* readNotes() {
  yield* send('/notes', 'The token was checked without the database. The query reads the notes.')
}

/**
 * @param {string} path
 * @param {string} [meaning]
 */
async function* send(path, meaning) {
  const session = await openMainSession()
  const shown = await exchange({ method: 'GET', path, token: session.access() })
  if (shown.received.status === 401) session.end()
  yield describe(shown, meaning)
}

async function* sendInCookie() {
  const response = await fetch('/me')
  yield describe({
    sent: {
      method: 'GET',
      path: '/me',
      headers: { Cookie: '__Host-access=…; __Host-refresh=…' },
      hasCookies: true,
      note: '(added by the browser: this page cannot see the values)'
    },
    received: await readResponse(response)
  })
}

/**
 * @param {import('./exchange.js').Exchange} shown
 * @param {string} [meaning]
 */
function describe(shown, meaning = 'The response is what the token says about you.') {
  if (shown.received.status !== 200) return shown
  return { ...shown, because: 'the signature matches and the token has not expired', meaning }
}
