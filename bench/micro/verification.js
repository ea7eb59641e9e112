import { createHmac, createPublicKey, createSecretKey, timingSafeEqual, verify } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { given } from '../given.js'
import { answer } from './answer.js'
import { capture } from './captured.js'

const { alg, issuer, audience, secret, key, cacheSize, seen, unseen } = given
const { request, present } = await capture({ accessToken: { cacheSize } })

function authenticate(tokens) {
  const headers = tokens.map((token) => `Bearer ${token}`)
  let position = 0
  return async function run(operations) {
    for (let count = 0; count < operations; count++) {
      present(headers[position++ % headers.length])
      await request.authenticate()
    }
  }
}

function over(tokens, check) {
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

function takeApart(token) {
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

answer({
  seen: authenticate(seen),
  unseen: authenticate(unseen),
  'fast-jwt': over(unseen, fastJwt),
  crypto: over(unseen.map(takeApart), checks[alg])
})
