import type { KeyObject } from 'node:crypto'
import { optionError } from '../options/option-error.ts'
import { primesBelow } from './primes.ts'
import { isRoca } from './roca.ts'

const minBits = 2048
/** Longer keys are slow on both sides, and OpenSSL verifies with none over 16384. */
const maxBits = 8192
const minExponent = 65537n
/** OpenSSL verifies with no longer one where the modulus is long, and each bit makes it slower. */
const maxExponentBits = 64
const smallPrimes = primesBelow(752).map(BigInt)

/**
 * Refuses a public key that is short, slow or weak: NIST SP 800-89 §5.3.3, and ROCA. It is not asked whether the
 * modulus is a prime or a power of one: that takes longer, and happens to nobody who makes a key with a tool.
 * @throws TypeError that names the option
 */
export function checkRsa(publicKey: KeyObject, name: string): void {
  // Not by `asymmetricKeyDetails`: with an exponent of a published key's choice it would take minutes.
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
    throw optionError(name, "has a modulus that Infineon's chips made: its primes can be found (ROCA, CVE-2017-15361)")
  }
  if (smallPrimes.some((prime) => modulus % prime === 0n)) {
    throw optionError(name, 'has a modulus with a small prime in it')
  }
}

/**
 * Whether the parts of a private key belong together, RFC 8017 §3.2. OpenSSL does not look: with some wrong parts it
 * signs all the same, with others it fails when it is to sign.
 */
export function isRsaWhole(privateKey: KeyObject): boolean {
  const { n, e, d, p, q, dp, dq, qi } = privateKey.export({ format: 'jwk' })
  const [one, other, exponent] = [integer(p), integer(q), integer(d)]
  return (
    one > 1n &&
    other > 1n &&
    one * other === integer(n) &&
    isInverse(integer(e), exponent, one - 1n) &&
    isInverse(integer(e), exponent, other - 1n) &&
    integer(dp) === exponent % (one - 1n) &&
    integer(dq) === exponent % (other - 1n) &&
    isInverse(integer(qi), other, one)
  )
}

function isInverse(one: bigint, other: bigint, modulus: bigint): boolean {
  return (one * other) % modulus === 1n
}

function integer(base64url = ''): bigint {
  return BigInt(`0x0${Buffer.from(base64url, 'base64url').toString('hex')}`)
}

function bitsOf(value: bigint): number {
  return value.toString(2).length
}
