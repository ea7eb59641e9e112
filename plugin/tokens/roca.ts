import { primesBelow } from './primes.ts'

/** Of the paper's primorial for keys of 1984 bits and more, the largest prime is 701; longer keys have more. */
const subgroups = primesBelow(702).map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))

/**
 * Whether an RSA modulus of 2048 bits or more has the fingerprint of the keys that Infineon's chips made, whose primes
 * can be found (ROCA, CVE-2017-15361): modulo every small prime it is a power of 65537. M. Nemec et al., "The Return of
 * Coppersmith's Attack", ACM CCS 2017, §2.1. One random modulus in 2^167 has it too.
 */
export function isRoca(modulus: bigint): boolean {
  return subgroups.every(({ prime, powers }) => powers.has(Number(modulus % prime)))
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}
