import { createHmac, createSecretKey } from 'node:crypto'
import { input } from '../input.js'
import { captureRequest } from './captured-request.js'
import { serveCases } from './cases.js'
import { claims, device, inserting, rotate, scope, session } from './session.js'

const { location, users, secret } = input
const { open } = await import(`./stores/${location.store}.js`)
const { store } = await open(location, 'refresh')
// Otherwise a second refresh within seconds returns the same token, and does not rotate.
const { reply } = await captureRequest({ store, refreshToken: { retrySeconds: 0 } })

const tokens = []
const ids = []
for (let user = 0; user < users; user++) {
  const { refresh_token: token } = await reply.signIn({
    sub: `user-${user}`,
    transport: 'bearer',
    claims,
    scope,
    device
  })
  tokens.push(token)
  const { row } = await store.insert(session(user), inserting)
  ids.push(row.id)
}

const key = createSecretKey(Buffer.from(secret))
const text = 'x'.repeat(400)
const generations = new Uint32Array(users)
let position = 0

serveCases({
  async refresh(operations) {
    for (let count = 0; count < operations; count++) {
      const user = position++ % users
      const { refresh_token: token } = await reply.refresh(tokens[user])
      if (token === tokens[user]) throw new Error('The token was not rotated')
      tokens[user] = token
    }
  },
  async compareAndSet(operations) {
    for (let count = 0; count < operations; count++) {
      const user = position++ % users
      await rotate(store, ids[user], generations[user]++)
      createHmac('sha256', key).update(text).digest()
    }
  }
})
