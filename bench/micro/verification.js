import { createHmac, createPublicKey, createSecretKey, timingSafeEqual, verify } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { input } from '../input.js'
import { captureRequest } from './captured-request.js'
import { serveCases } from './cases.js'

const { alg, issuer, audience, secret, key, cacheSize, seen, unseen } = input
const { request, setAuthorization } = await captureRequest({ accessToken: { cacheSize } })

function authenticate(tokens) {
  const headers = tokens.map((token) => `Bearer ${token}`)
  let position = 0
  return async function run(operations) {
    for (let count = 0; count < operations; count++) {
      setAuthorization(headers[position++ % headers.length])
      await request.authenticate()
    }
  }
}

function checkEach(tokens, check) {
  let position = 0
  return function run(operations) {
    for (let count = 0; count < operations; count++) check(tokens[position++ % tokens.length])
  }
}

const publicKey = alg === 'HS256' ? null : createPublicKey(key.key)
const fastJwt = createVerifier({
  key: publicKey?.export({ type: 'spki', format: 'pem' }) ?? secret,
  algorithms: [alg],
  allowedIss: issuer,
  allowedAud: audience,
  cache: false
})

function splitToken(token) {
  const end = token.lastIndexOf('.')
  return { text: token.slice(0, end), signature: Buffer.from(token.slice(end + 1), 'base64url') }
}

const checks = {
  HS256: ({ text, signature }) => timingSafeEqual(createHmac('sha256', secretKey).update(text).digest(), signature),
  ES256: ({ text, signature }) =>
    verify('sha256', Buffer.from(text), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature),
  EdDSA: ({ text, signature }) => verify(null, Buffer.from(text), publicKey, signature),
  RS256: ({ text, signature }) => verify('sha256', Buffer.from(text), publicKey, signature)
}
const secretKey = createSecretKey(Buffer.from(secret))

serveCases({
  seen: authenticate(seen),
  unseen: authenticate(unseen),
  'fast-jwt': checkEach(unseen, fastJwt),
  crypto: checkEach(unseen.map(splitToken), checks[alg])
})
