import t from 'tap'
import { encodeBytes, encodeJson, encodeText } from '../../../../../example-server/page/lessons/token/base64url.js'
import { decodeToken, maxCharacters } from '../../../../../example-server/page/lessons/token/decode-token.js'

const header = encodeJson({ alg: 'HS256', typ: 'JWT' })
const payload = encodeJson({ sub: 'Zoë', admin: false })
const token = `${header}.${payload}.c2ln`

t.test('decodeToken() reads header, payload and signature', async (t) => {
  const decoded = decodeToken(token)
  t.equal(decoded.token, token)
  t.strictSame(decoded.header, { raw: header, text: '{"alg":"HS256","typ":"JWT"}', json: { alg: 'HS256', typ: 'JWT' } })
  t.strictSame(decoded.payload.json, { sub: 'Zoë', admin: false })
  t.strictSame([decoded.signature.raw, Buffer.from(decoded.signature.bytes).toString()], ['c2ln', 'sig'])
  t.equal(decodeToken(`${header}.${payload}.`).signature.bytes.length, 0, 'a token may end with a dot')
})

t.test('decodeToken() reads a token as people copy it', async (t) => {
  const halves = `${token.slice(0, 30)}\r\n   ${token.slice(30)}`
  for (const given of [` ${token}\n`, `"${token}",`, `Bearer ${token}`, `authorization: bearer ${token}`, halves]) {
    t.equal(decodeToken(given).token, token, given)
  }
})

const expected = 'A signed token has three parts with a dot between them: header.payload.signature.'

t.test('decodeToken() says what is wrong', async (t) => {
  const encrypted = `${encodeJson({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`
  const isEncrypted =
    'This token has five parts: it is encrypted (JWE, RFC 7516). Only the holder of the key can read its payload.'
  const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  const cases: [given: string, message: string | RegExp][] = [
    ['hello', `${expected} This text has no dot.`],
    [`${header}.${payload}`, `${expected} This text has 2. Even a token without a signature ends with a second dot.`],
    ['a.b.c.d', `${expected} This text has 4.`],
    ['.'.repeat(1999), `${expected} This text has 2,000.`],
    [encrypted, `${isEncrypted} Its header says: "alg": "RSA-OAEP", "enc": "A256GCM".`],
    ['a.b.c.d.e', `${isEncrypted} Its header cannot be read either.`],
    [`.${payload}.`, 'The header is empty.'],
    [`${header}..c2ln`, 'The payload is empty.'],
    [`${header}.ab+c.`, /^The payload is not base64url: character 3 is "\+", but only A–Z, a–z, 0–9, "-" and "_" can/],
    [`${header}.a😀.`, /^The payload is not base64url: character 2 is "😀", /],
    [`${header}.YQ==.`, /^The payload is not base64url: character 3 is "=", but in a token it has no padding\.$/],
    [`${header}.${payload}.abcde`, /^The signature is not base64url: a text of 5 characters is too long or too short /],
    [
      `${header}.${encodeBytes(Buffer.from([0xff, 0xfe]))}.`,
      'The payload is base64url, but its bytes are not text (UTF-8).'
    ],
    [`${header}.${encodeText('{"sub":')}.`, /^The payload is not JSON \(.+\)\. It begins with: \{"sub":$/],
    [`${encodeText('x'.repeat(5000))}.${payload}.`, /^The header is not JSON \(.{0,121}\)\. It begins with: x{40}…$/],
    [`${header}.${encodeText('["a"]')}.`, /^The payload is JSON, but a list and not an object such as /],
    [`${header}.${encodeText('null')}.`, /^The payload is JSON, but null and not an object/],
    [`${header}.${encodeText('1')}.`, /^The payload is JSON, but a number and not an object/],
    [`${header}.${encodeText(deep(10_000))}.`, 'The payload is nested 10,000 levels deep. This page shows 50.'],
    [
      'x'.repeat(1_048_576),
      /^This text has 1,048,576 characters\. This page decodes up to 100,000; a token has to fit /
    ]
  ]
  for (const [given, message] of cases) {
    t.throws(() => decodeToken(given), { name: 'NotAToken', message }, given.slice(0, 60))
  }
  t.ok(decodeToken(`${header}.${encodeText(deep(50))}.`))
  t.equal(maxCharacters, 100_000)
})
