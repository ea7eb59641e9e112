import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { createLocalTokens, outcomeOf, refused } from '../fixtures/local-tokens.ts'
import { secret } from '../fixtures/app.ts'
import { encode, forge, localSigner, signature } from '../fixtures/tokens.ts'

t.test(
  'decodeBase64url() rejects a token that differs from a good one only in unused bits (RFC 4648 §3.5)',
  async (t) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const strict = (segment: string) => refused(`the ${segment} is not canonical base64url`)
    const ed25519 = generateKeyPairSync('ed25519').privateKey
    const { tokens } = await createLocalTokens({
      keys: [
        { key: ed25519, kid: 'ed', state: 'active' },
        { key: { kty: 'oct', k: encode(secret) }, kid: localSigner.kid, state: 'previous' }
      ]
    })
    /** Every other encoding that a lenient decoder reads as the same bytes. */
    const reencoded = (segment: string, bits: number) =>
      Array.from(
        { length: 2 ** bits - 1 },
        (_, index) => `${segment.slice(0, -1)}${alphabet[alphabet.indexOf(segment.at(-1)!) + index + 1]}`
      )
    const unusedBits = (segment: string) => [0, 6, 4, 2][segment.length % 4]!

    for (const signer of [localSigner, { alg: 'EdDSA', kid: 'ed', key: ed25519 }]) {
      // One of these three payloads has no unused bits, one has two, one has four.
      for (const sub of ['a', 'ab', 'abc']) {
        const good = forge(signer, { claims: { sub } })
        t.equal(await outcomeOf(() => tokens.verify(good)), 'accepted')
        const [header, payload, signed] = good.split('.') as [string, string, string]
        for (const text of reencoded(signed, unusedBits(signed))) {
          t.strictSame(
            await outcomeOf(() => tokens.verify(`${header}.${payload}.${text}`)),
            strict('signature'),
            `${signer.alg}, ${sub}: a signature that ends in ${text.at(-1)}`
          )
        }
        const payloads = reencoded(payload, unusedBits(payload)).map(
          (text) => `${header}.${text}.${signature(signer, `${header}.${text}`)}`
        )
        for (const token of payloads) {
          t.strictSame(
            await outcomeOf(() => tokens.verify(token)),
            strict('payload'),
            `${signer.alg}, ${sub}: a payload, signed as it is`
          )
        }
      }
    }
  }
)
