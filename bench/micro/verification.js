import jwt from '@fastify/jwt'
import { createHmac, createPublicKey, createSecretKey, timingSafeEqual, verify } from 'node:crypto'
import { input } from '../input.js'
import { jwtOptions } from '../servers/jwt-options.js'
import { captureFrom, captureRequest } from './captured-request.js'
import { serveCases } from './cases.js'

const { secret, key, cacheSize, tokens } = input
const plugin = await captureRequest({ accessToken: { cacheSize } })
const fastifyJwt = await captureFrom(jwt, jwtOptions(input))
const headers = tokens.map((token) => `Bearer ${token}`)

/** Calls `check` with each token in turn. */
function checkEach(values, check) {
  let position = 0
  return async function run(operations) {
    for (let count = 0; count < operations; count++) await check(values[position++ % values.length])
  }
}

function splitToken(token) {
  const end = token.lastIndexOf('.')
  return { text: token.slice(0, end), signature: Buffer.from(token.slice(end + 1), 'base64url') }
}

const publicKey = key.alg === 'HS256' ? null : createPublicKey(key.key)
const secretKey = createSecretKey(Buffer.from(secret))
const checks = {
  HS256: ({ text, signature }) => timingSafeEqual(createHmac('sha256', secretKey).update(text).digest(), signature),
  ES256: ({ text, signature }) =>
    verify('sha256', Buffer.from(text), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature),
  EdDSA: ({ text, signature }) => verify(null, Buffer.from(text), publicKey, signature),
  RS256: ({ text, signature }) => verify('sha256', Buffer.from(text), publicKey, signature)
}
const check = checks[key.alg]
let position = 0
const signed = tokens.map(splitToken)

serveCases({
  authenticate: checkEach(headers, (header) => {
    plugin.setAuthorization(header)
    return plugin.request.authenticate()
  }),
  jwtVerify: checkEach(headers, (header) => {
    fastifyJwt.setAuthorization(header)
    return fastifyJwt.request.jwtVerify()
  }),
  // Without `await`, which would be a tenth of HS256.
  crypto(operations) {
    for (let count = 0; count < operations; count++) {
      if (!check(signed[position++ % signed.length])) throw new Error('The signature is bad')
    }
  }
})
