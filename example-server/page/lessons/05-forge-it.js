import { openMainSession } from './demo.js'
import { exchange } from './exchange.js'
import { readToken, withPayload } from './jwt.js'

/** @type {import('./lesson.js').Lesson} */
export const forgeIt = {
  id: 'forge-it',
  title: 'Forge it',
  needs: 'password',
  what: ['A token can be changed by whoever holds it. See what the server says to each change.'],
  actions: [{ label: 'Tamper with it', about: 'Adds the role “admin” to the payload.', run: tamper }],
  why: ['The signature was made over other bytes.']
}

async function* tamper() {
  const token = (await openMainSession()).access()
  const { payload } = readToken(token)
  yield {
    ...(await exchange({ method: 'GET', path: '/me', token: withPayload(token, { ...payload, roles: ['admin'] }) })),
    because: 'the signature does not match',
    meaning:
      'The response does not say what is wrong with the token: the precise reason is in the server’s log, where an ' +
      'attacker cannot read it.'
  }
}
