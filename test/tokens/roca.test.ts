import { generatePrimeSync } from 'node:crypto'
import t from 'tap'
import { readKey } from '../../plugin/tokens/key.ts'
import { primesBelow } from '../../plugin/tokens/primes.ts'
import { isRoca } from '../../plugin/tokens/roca.ts'

const primorial = primesBelow(702)
  .map(BigInt)
  .reduce((product, prime) => product * prime)
const random = (bits: number) => generatePrimeSync(bits, { bigint: true })

/** `k * primorial + 65537^a`, as in the paper. It need not be prime to have the fingerprint. */
function weakFactor(a: number): bigint {
  let power = 1n
  for (let exponent = 0; exponent < a; exponent++) power = (power * 65537n) % primorial
  return random(60) * primorial + power
}

t.test('isRoca() recognizes a weak modulus, and readKey() rejects it', async (t) => {
  for (const [one, other] of [
    [1, 2],
    [17, 4711],
    [1234, 999],
    [0, 0]
  ] as const) {
    const modulus = weakFactor(one) * weakFactor(other)
    t.equal(isRoca(modulus), true, `65537^${one} and 65537^${other}`)
    t.equal(isRoca(modulus + 2n), false, 'and not its neighbour')
  }
  const n = weakFactor(17) * weakFactor(4711)
  const hex = n.toString(16)
  const key = {
    kty: 'RSA',
    e: 'AQAB',
    n: Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
  }
  t.throws(() => readKey({ key }, 'key'), {
    message:
      'Cannot register fastify-authenticate: ' +
      '"key.key" has a modulus whose primes can be computed (ROCA, CVE-2017-15361)'
  })
})

t.test('isRoca() accepts moduli of random primes', async (t) => {
  const primes = Array.from({ length: 80 }, () => random(512))
  const moduli = primes.flatMap((one, index) => primes.slice(index + 1).map((other) => one * other))
  t.ok(moduli.length > 3000)
  t.strictSame(moduli.filter(isRoca), [])
})

t.test('primesBelow() returns the primes in ascending order', async (t) => {
  t.strictSame(primesBelow(30), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
  t.equal(primesBelow(702).length, 126)
})
