import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import t from 'tap'
import { encodeBytes, encodeJson } from '../../../../../example-server/page/lessons/token/base64url.js'
import { checkSignature } from '../../../../../example-server/page/lessons/token/check-signature.js'
import { decodeToken } from '../../../../../example-server/page/lessons/token/decode-token.js'
import { jwkOf } from '../../../../fixtures/jwk.ts'

const rfc7515 =
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS' +
  '9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const jwtIo =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.' +
  'SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c'

t.test('checkSignature() checks a token by a secret', async (t) => {
  t.match(await checkSignature(decodeToken(jwtIo), 'your-256-bit-secret'), { result: 'matches' })
  t.match(await checkSignature(decodeToken(jwtIo), 'your-256-bit-secreT'), { result: 'differs' })
  t.match(await checkSignature(decodeToken(rfc7515), 'wrong'), { result: 'differs' })
  t.match(await checkSignature(decodeToken(jwtIo), ''), { result: 'unknown', message: 'Enter the secret.' })
  t.match(await checkSignature(decodeToken(jwtIo), { kty: 'OKP' }), { result: 'unknown' }, 'a key of the server')
})

const p1363 = (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' as const })

t.test('checkSignature() checks a token by a public key in PEM or as a JWK', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const cases = [
    { alg: 'RS256', ...rsa, signature: (data: Buffer) => sign('sha256', data, rsa.privateKey) },
    { alg: 'ES256', ...ec, signature: (data: Buffer) => sign('sha256', data, p1363(ec.privateKey)) },
    { alg: 'EdDSA', ...ed, signature: (data: Buffer) => sign(null, data, ed.privateKey) }
  ]
  for (const { alg, publicKey, signature } of cases) {
    const signed = `${encodeJson({ alg })}.${encodeJson({ sub: 'a' })}`
    const token = decodeToken(`${signed}.${encodeBytes(signature(Buffer.from(signed)))}`)
    const other = decodeToken(`${encodeJson({ alg })}.${encodeJson({ sub: 'b' })}.${token.signature.raw}`)
    const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
    const jwk = jwkOf(publicKey)
    for (const key of [pem, jwk as object, JSON.stringify({ ...jwk, kid: 'x', use: 'sig', alg })]) {
      t.match(await checkSignature(token, key), { result: 'matches' }, alg)
      t.match(await checkSignature(other, key), { result: 'differs' }, alg)
    }
    for (const key of [
      '',
      'secret',
      '{',
      '{"kty":"oct"}',
      '-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----'
    ]) {
      t.match(await checkSignature(token, key), { result: 'unknown' }, `${alg} ${key}`)
    }
  }
})

t.test('checkSignature() says that "none" is not a signature, and which algorithms it does not know', async (t) => {
  const token = (alg: unknown) => decodeToken(`${encodeJson({ alg })}.${encodeJson({})}.`)
  t.match(await checkSignature(token('none'), 'x'), { result: 'differs', message: /^"alg" is "none"/ })
  for (const alg of ['HS1', 'toString', undefined, ['HS256']]) {
    t.match(await checkSignature(token(alg), 'x'), { message: /^This page does not know the algorithm / }, String(alg))
  }
})
