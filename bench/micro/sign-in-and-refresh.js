import { createHmac, createPrivateKey, createSecretKey, randomBytes, randomUUID, sign } from 'node:crypto'
import { input } from '../input.js'
import { captureRequest } from './captured-request.js'
import { serveCases } from './cases.js'
import { claims, device, inserting, issuer, rotate, scope, session } from './session.js'

const { location, users, secret, key } = input
const { open } = await import(`./stores/${location.store}.js`)
const { store } = await open(location, `refresh_${key.alg.toLowerCase()}`)
// Otherwise a second refresh within seconds returns the same token, and does not rotate.
const retrySeconds = 0
const { reply } = await captureRequest({ store, refreshToken: { retrySeconds } })
const withClaims = await captureRequest({ store, refreshToken: { retrySeconds, claims: async () => ({ claims }) } })

/** As many users as sign in with a few devices each. */
const population = 5000
let position = 0

function signIn(user) {
  return reply.signIn({ sub: `user-${user}`, transport: 'bearer', claims, scope, device })
}

const tokens = []
const asked = []
const rows = []
for (let user = 0; user < users; user++) {
  tokens.push((await signIn(user)).refresh_token)
  asked.push((await signIn(user)).refresh_token)
  rows.push((await store.insert(session(user), inserting)).row)
}
const generations = new Uint32Array(users)

async function refreshAll(list, { operations, by }) {
  for (let count = 0; count < operations; count++) {
    const user = position++ % users
    const { refresh_token: token } = await by.refresh(list[user])
    if (token === list[user]) throw new Error('The token was not rotated')
    list[user] = token
  }
}

/** What is signed: header and payload of a token as the cases above issue it. */
const { access_token: accessToken } = await signIn(0)
const signed = accessToken.slice(0, accessToken.lastIndexOf('.'))
const secretKey = createSecretKey(Buffer.from(secret))
const privateKey = key.alg === 'HS256' ? null : createPrivateKey(key.key)
const signatureOf =
  key.alg === 'HS256'
    ? () => mac(secretKey, signed)
    : () => sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })

function mac(by, text) {
  return createHmac('sha256', by).update(text).digest()
}

/** Both halves of a refresh token's mac. */
function macs({ id, sessionKey }, generation) {
  const text = `rt1.${id}.${generation}`
  mac(secretKey, text)
  mac(sessionKey, text)
}

serveCases({
  async signIn(operations) {
    for (let count = 0; count < operations; count++) await signIn(users + (position++ % population))
  },
  /** Random id and session key, the insertion, one signature and the macs of one token. */
  async leastSignIn(operations) {
    const options = { ...inserting, issuers: [issuer, ''] }
    for (let count = 0; count < operations; count++) {
      const user = users + (position++ % population)
      const id = randomBytes(16).toString('base64url')
      const { row } = await store.insert({ ...session(user), id }, options)
      randomUUID()
      signatureOf()
      macs(row, 0)
    }
  },
  refresh: (operations) => refreshAll(tokens, { operations, by: reply }),
  refreshWithClaims: (operations) => refreshAll(asked, { operations, by: withClaims.reply }),
  /** The macs of the presented token, the compare-and-set, one signature and the macs of the next token. */
  async leastRefresh(operations) {
    for (let count = 0; count < operations; count++) {
      const user = position++ % users
      const generation = generations[user]++
      macs(rows[user], generation)
      await rotate(store, rows[user].id, generation)
      randomUUID()
      signatureOf()
      macs(rows[user], generation + 1)
    }
  }
})
