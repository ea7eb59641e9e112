import t from 'tap'
import { meaningOf } from '../../../../../example-server/page/lessons/token/meanings.js'

const now = Date.UTC(2026, 0, 2, 12)
const payload = (name: string, value: unknown) => meaningOf('payload', { name, value, now })
const header = (name: string, value: unknown) => meaningOf('header', { name, value, now })

t.test(
  'meaningOf() explains each claim of the example server, and says so of one that is not registered',
  async (t) => {
    const unknown = payload('color', 'red')
    t.equal(unknown, 'a claim of the application that issued the token')
    for (const name of ['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid', 'scope', 'auth_time', 'name', 'roles']) {
      t.not(payload(name, 1), unknown, name)
    }
    for (const name of ['constructor', 'toString', '__proto__']) {
      t.equal(payload(name, 1), unknown, name)
      t.equal(header(name, 1), 'not a registered member of a header', name)
    }
  }
)

t.test('meaningOf() explains the algorithm and the type by their values', async (t) => {
  t.equal(header('alg', 'HS256'), 'HMAC: one secret signs and checks')
  t.equal(header('alg', 'EdDSA'), 'a private key signs, a public key checks (Ed25519)')
  t.equal(header('alg', 'ES256'), 'ECDSA: a private key signs, a public key checks')
  t.equal(header('alg', 'none'), 'no signature at all: a server must refuse this')
  for (const alg of ['toString', 1, null]) t.equal(header('alg', alg), 'an algorithm that this page does not know')
  t.equal(header('typ', 'at+jwt'), 'an access token (RFC 9068)')
  t.equal(header('typ', 'toString'), 'the type of the token')
})

t.test('meaningOf() makes times readable', async (t) => {
  const seconds = now / 1000
  for (const [value, distance] of [
    [seconds, /, now$/],
    [seconds + 1, /, in 1 second$/],
    [seconds + 119, /, in 119 seconds$/],
    [seconds + 600, /, in 10 minutes$/],
    [seconds - 3 * 86_400, /, 3 days ago$/],
    [seconds * 1000, /, in [\d,]+ days \(these look like milliseconds; a token counts seconds\)$/],
    [8e15, 'expires at a time that no calendar has'],
    ['soon', 'expires at a time that is not a number of seconds since 1970: "soon"']
  ] as const) {
    t.match(payload('exp', value), distance, String(value))
  }
  t.match(payload('exp', seconds), /^expires .*2026/)
})
