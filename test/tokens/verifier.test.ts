import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import t from 'tap'
import { algorithms, keyRequirement, type Algorithm } from '../../plugin/tokens/algorithms.ts'
import { readKey } from '../../plugin/tokens/key.ts'
import { createVerifier } from '../../plugin/tokens/verifier.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { rsaKey } from '../fixtures/rsa-key.ts'
import { encode, signature } from '../fixtures/tokens.ts'

const names = Object.keys(algorithms) as Algorithm[]
const input = `${encode({ typ: 'at+jwt' })}.${encode({ sub: 'älice' })}`

/** Keys of the same kind are the same: only the algorithm differs. */
const secret = randomBytes(64)
const ed25519 = generateKeyPairSync('ed25519').privateKey
const ec = Object.fromEntries(
  ['prime256v1', 'secp384r1', 'secp521r1'].map((namedCurve) => [
    namedCurve,
    generateKeyPairSync('ec', { namedCurve }).privateKey
  ])
)
const rsa = rsaKey(2048)

function keyOf(alg: Algorithm): KeyObject | Buffer {
  const { kty, curve } = keyRequirement(alg)
  return { oct: secret, RSA: rsa, EC: ec[curve!]!, OKP: ed25519 }[kty]
}

function verifierOf(alg: Algorithm, key = keyOf(alg)) {
  const material = Buffer.isBuffer(key) ? { kty: 'oct', k: key.toString('base64url') } : key
  return createVerifier(readKey({ key: material, alg, kid: 'key' }, 'key'))
}

function signatureOf(alg: Algorithm, key = keyOf(alg)): Buffer {
  return Buffer.from(signature({ alg, key }, input), 'base64url')
}

/** The same bytes with one bit changed. */
function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}

for (const alg of names) {
  t.test(`verifies() accepts the key's signature and no other: ${alg}`, async (t) => {
    const { verifies, key } = verifierOf(alg)
    const good = signatureOf(alg)
    t.equal(key.alg, alg)
    t.equal(verifies(input, good), true)
    t.equal(verifies(input, signatureOf(alg)), true, 'also a second one, which is random for ES and PS')
    const wrong: Record<string, Buffer> = {
      'no signature': Buffer.alloc(0),
      'one byte less': good.subarray(0, -1),
      'one byte less at the front': good.subarray(1),
      'one byte more': Buffer.concat([good, Buffer.alloc(1)]),
      'a zero before it': Buffer.concat([Buffer.alloc(1), good]),
      twice: Buffer.concat([good, good]),
      'zeros (CVE-2022-21449)': Buffer.alloc(good.length),
      ones: Buffer.alloc(good.length, 255),
      'random bytes': randomBytes(good.length),
      'the first bit': flipped(good, 0),
      'the last bit': flipped(good, good.length - 1)
    }
    for (const [what, bytes] of Object.entries(wrong)) t.equal(verifies(input, bytes), false, what)
    for (const other of [`${input}A`, input.slice(0, -1), input.replace('.', ''), '', ` ${input}`]) {
      t.equal(verifies(other, good), false, `another text: ${other}`)
    }
  })
}

t.test('verifies() follows the key, so that a token cannot choose another algorithm of the same key', async (t) => {
  for (const alg of names) {
    const sameKey = names.filter((other) => keyOf(other) === keyOf(alg))
    const isEd25519 = keyRequirement(alg).kty === 'OKP'
    for (const other of sameKey.filter((other) => other !== alg)) {
      t.equal(verifierOf(alg).verifies(input, signatureOf(other)), isEd25519, `${other} with a key for ${alg}`)
    }
  }
})

t.test('verifies() refuses an HMAC with the text of a public key (the RS256/HS256 confusion)', async (t) => {
  for (const alg of names.filter((name) => keyRequirement(name).kty !== 'oct')) {
    const { verifies, key } = verifierOf(alg)
    for (const text of [key.publicPem!, key.publicPem!.trim(), JSON.stringify(key.publicJwk)]) {
      for (const hmac of ['HS256', 'HS384', 'HS512'] as const) {
        t.equal(verifies(input, signatureOf(hmac, Buffer.from(text))), false, `${alg}: ${hmac}`)
      }
    }
  }
})

t.test('verifies() refuses an ECDSA signature in DER, though it is valid (RFC 7518 §3.4)', async (t) => {
  for (const alg of ['ES256', 'ES384', 'ES512'] as const) {
    const { verifies } = verifierOf(alg)
    // DER is as long as the two numbers if both begin with enough zeros, which is not worth waiting for.
    for (let turn = 0; turn < 20; turn++) {
      const der = sign(`sha${alg.slice(2)}`, Buffer.from(input), { key: keyOf(alg) as KeyObject, dsaEncoding: 'der' })
      t.equal(verifies(input, der), false, `${alg}: ${der.length} bytes`)
    }
  }
})

t.test('verifies() refuses another spelling of a valid number in a signature', async (t) => {
  /** The order of the base point of edwards25519, little-endian (RFC 8032 §5.1). */
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const good = signatureOf('EdDSA')
  const s = BigInt(`0x${Buffer.from(good.subarray(32)).reverse().toString('hex')}`) + order
  const larger = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()
  t.equal(verifierOf('EdDSA').verifies(input, Buffer.concat([good.subarray(0, 32), larger])), false, 'S + L, Ed25519')

  const number = BigInt(`0x${signatureOf('RS256').toString('hex')}`)
  const modulus = BigInt(`0x${Buffer.from(jwkOf(rsa).n!, 'base64url').toString('hex')}`)
  const hex = (number + modulus).toString(16)
  const sum = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  t.equal(verifierOf('RS256').verifies(input, sum), false, 's + n, RSA')
})

t.test('verifies() does not throw, whatever a client sends as a signature', async (t) => {
  for (const alg of names) {
    const { verifies } = verifierOf(alg)
    const { length } = signatureOf(alg)
    for (let turn = 0; turn < 50; turn++) {
      const bytes = randomBytes(length)
      // Numbers that are zero, or larger than the order or the modulus.
      if (turn % 3 === 0) bytes.fill(0, 0, length / 2)
      if (turn % 3 === 1) bytes.fill(255, length / 2)
      t.equal(verifies(input, bytes), false)
    }
  }
})
