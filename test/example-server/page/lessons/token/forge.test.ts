import { createHmac } from 'node:crypto'
import t from 'tap'
import { encodeJson } from '../../../../../example-server/page/lessons/token/base64url.js'
import { checkSignature } from '../../../../../example-server/page/lessons/token/check-signature.js'
import { decodeToken } from '../../../../../example-server/page/lessons/token/decode-token.js'
import {
  byAnotherKey,
  byPublicKey,
  changesOf,
  withoutAlgorithm,
  withTexts
} from '../../../../../example-server/page/lessons/token/forge.js'
import { signHs256 } from '../../../../../example-server/page/lessons/token/sign.js'

const header = { alg: 'EdDSA', kid: 'k1', typ: 'at+jwt' }
const payload = { sub: 'alice', roles: [] }
const token = decodeToken(`${encodeJson(header)}.${encodeJson(payload)}.c2ln`)
const claims = { roles: ['admin'] }
const forged = { sub: 'alice', roles: ['admin'] }

t.test('withTexts() keeps the signature', async (t) => {
  t.equal(decodeToken(withTexts(token, { payload: '{}' })).signature.raw, 'c2ln')
  t.equal(withTexts(token, {}), token.token)
  t.equal(decodeToken(withTexts(token, { payload: '{ "a": 1 }' })).payload.text, '{ "a": 1 }')
  t.equal(decodeToken(withTexts(token, { header: '{"alg":"HS256"}' })).header.text, '{"alg":"HS256"}')
})

t.test('withoutAlgorithm() says "none", and has no signature', async (t) => {
  const none = decodeToken(withoutAlgorithm(token, claims))
  t.match(none, { header: { json: { ...header, alg: 'none' } }, payload: { json: forged }, signature: { raw: '' } })
})

t.test('byAnotherKey() signs with a new key, under the id of the real one', async (t) => {
  const [one, other] = [decodeToken(await byAnotherKey(token, claims)), decodeToken(await byAnotherKey(token, claims))]
  t.match(one, { header: { json: header }, payload: { json: forged } })
  t.equal(one.signature.bytes.length, 64)
  t.not(one.token, other.token)
  const symmetric = decodeToken(`${encodeJson({ alg: 'HS256' })}.${encodeJson(payload)}.c2ln`)
  t.equal(decodeToken(await byAnotherKey(symmetric, claims)).signature.bytes.length, 32)
})

t.test('byPublicKey() signs by HMAC with the text of a public key', async (t) => {
  const publicKey = { kty: 'OKP', crv: 'Ed25519', x: 'abc' }
  const confused = decodeToken(await byPublicKey(token, { claims, publicKey }))
  t.match(confused, { header: { json: { ...header, alg: 'HS256' } }, payload: { json: forged } })
  t.match(await checkSignature(confused, JSON.stringify(publicKey)), { result: 'matches' })
})

t.test('signHs256() is HMAC with SHA-256, also with an empty secret', async (t) => {
  for (const secret of ['', 's', 'ä'.repeat(100)]) {
    t.equal(await signHs256('a.b', secret), createHmac('sha256', secret).update('a.b').digest('base64url'))
  }
})

t.test('changesOf() names the members that are new, changed or gone', async (t) => {
  const after = withTexts(token, { header: '{"alg":"none","typ":"at+jwt"}', payload: '{"sub":"alice","a":1}' })
  t.strictSame(changesOf(token, decodeToken(after)), { header: ['alg', 'kid'], payload: ['roles', 'a'] })
  t.strictSame(changesOf(token, token), { header: [], payload: [] })
})
