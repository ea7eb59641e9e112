import { keyRequirement } from './algorithms.ts'
import type { Key } from './key.ts'

/** How many characters that many bytes take as base64url without padding, RFC 7515 §2. */
export function base64urlLength(bytes: number): number {
  return Math.ceil((bytes * 4) / 3)
}

/** The length of a key's signatures: RFC 7518 §3.2 (HMAC), §3.3 and §3.5 (RSA), §3.4 (ECDSA), RFC 8032 §5.1.6. */
export function signatureBytes({ alg, publicJwk }: Pick<Key, 'alg' | 'publicJwk'>): number {
  const { kty, minBytes } = keyRequirement(alg)
  switch (kty) {
    // An HMAC is as long as its hash, and so is the shortest key accepted.
    case 'oct':
      return minBytes!
    case 'RSA':
      return bytesOf(publicJwk!.n)
    case 'EC':
      return 2 * bytesOf(publicJwk!.x)
    case 'OKP':
      return 64
  }
}

function bytesOf(member: string | undefined): number {
  return Buffer.from(member!, 'base64url').length
}
