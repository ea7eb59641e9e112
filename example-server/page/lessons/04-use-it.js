import { openMainSession } from './demo.js'
import { exchange } from './exchange.js'

/** @type {import('./lesson.js').Lesson} */
export const useIt = {
  id: 'use-it',
  title: 'Use it',
  needs: 'password',
  what: [
    'The token goes along with every request, in a header or a cookie. ',
    'The server checks it without asking the database.'
  ],
  actions: [{ label: 'Ask who you are', about: 'Sends the token in the Authorization header.', run: use }],
  why: ['The signature proves that this server wrote the payload. Nothing has to be looked up.'],
  code: []
}

async function* use() {
  const session = await openMainSession()
  const used = await exchange({ method: 'GET', path: '/me', token: session.access() })
  if (used.received.status === 401) session.end()
  yield { ...used, because: used.received.status === 200 ? 'the signature matches and the token has not expired' : '' }
}
