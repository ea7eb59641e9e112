import type { KeyObject } from 'node:crypto'
import { optionError } from '../options/option-error.ts'
import { primesBelow } from './primes.ts'
import { isRoca } from './roca.ts'

const minBits = 2048
/** Longer keys are slow to sign and verify with, and OpenSSL does not verify with more than 16384 bits. */
const maxBits = 8192
const minExponent = 65537n
/** OpenSSL does not verify with a longer exponent when the modulus is long, and each bit makes it slower. */
const maxExponentBits = 64
/** Computed for the first RSA key. */
let smallPrimes: readonly bigint[] | undefined

/**
 * Refuses a public key that is short, slow or weak: NIST SP 800-89 §5.3.3, and ROCA. Does not check whether the modulus
 * is a prime or a power of a prime: that takes longer, and no tool generates such a key.
 * @throws TypeError that names the option
 */
export function checkRsa(publicKey: KeyObject, name: string): void {
  // `asymmetricKeyDetails` would take minutes for a huge exponent, which a published key may have.
  const { n, e } = publicKey.export({ format: 'jwk' })
  const [modulus, exponent] = [integer(n), integer(e)]
  const bits = bitsOf(modulus)
  if (bits < minBits) throw optionError(name, `must be RSA of at least ${minBits} bits: received ${bits}`)
  if (bits > maxBits) throw optionError(name, `must be RSA of at most ${maxBits} bits: received ${bits}`)
  if (exponent < minExponent) throw optionError(name, `must have a public exponent of at least ${minExponent}`)
  if (exponent % 2n === 0n || bitsOf(exponent) > maxExponentBits) {
    throw optionError(name, `must have an odd public exponent of at most ${maxExponentBits} bits`)
  }
  if (isRoca(modulus)) {
    throw optionError(name, 'has a modulus whose primes can be computed (ROCA, CVE-2017-15361)')
  }
  smallPrimes ??= primesBelow(752).map(BigInt)
  if (smallPrimes.some((prime) => modulus % prime === 0n)) {
    throw optionError(name, 'has a modulus that is divisible by a small prime')
  }
}

/**
 * Whether the parts of a private key belong together, RFC 8017 §3.2. OpenSSL does not check: with some wrong parts it
 * signs anyway, with others it fails only when it signs.
 */
export function isConsistentRsa(privateKey: KeyObject): boolean {
  const { n, e, d, p, q, dp, dq, qi } = privateKey.export({ format: 'jwk' })
  const [prime, otherPrime, exponent] = [integer(p), integer(q), integer(d)]
  return (
    prime > 1n &&
    otherPrime > 1n &&
    prime * otherPrime === integer(n) &&
    (integer(e) * exponent) % (prime - 1n) === 1n &&
    (integer(e) * exponent) % (otherPrime - 1n) === 1n &&
    integer(dp) === exponent % (prime - 1n) &&
    integer(dq) === exponent % (otherPrime - 1n) &&
    (integer(qi) * otherPrime) % prime === 1n
  )
}

/** Base64urlUInt, RFC 7518 §2. */
function integer(base64url = ''): bigint {
  return BigInt(`0x0${Buffer.from(base64url, 'base64url').toString('hex')}`)
}

function bitsOf(value: bigint): number {
  return value.toString(2).length
}
