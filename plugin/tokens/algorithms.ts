/** The key that an algorithm needs. */
interface KeyRequirement {
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP'
  /** The curve, as Node names it. EC and OKP only. */
  readonly curve?: string
  /** RFC 7518 §3.2: an HMAC key is at least as long as its hash. */
  readonly minBytes?: number
}

/** The supported JWS algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
export const algorithms = {
  HS256: { kty: 'oct', minBytes: 32 },
  HS384: { kty: 'oct', minBytes: 48 },
  HS512: { kty: 'oct', minBytes: 64 },
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', curve: 'prime256v1' },
  ES384: { kty: 'EC', curve: 'secp384r1' },
  ES512: { kty: 'EC', curve: 'secp521r1' },
  EdDSA: { kty: 'OKP', curve: 'ed25519' },
  Ed25519: { kty: 'OKP', curve: 'ed25519' }
} as const satisfies Record<string, KeyRequirement>

export type Algorithm = keyof typeof algorithms

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(algorithms, name)
}

/**
 * The name under which an algorithm is compared. RFC 9864 §2.2 names `Ed25519` what RFC 8037 §3.1 names `EdDSA`: with
 * the only curve that is supported, both are one algorithm.
 */
export function canonicalName(alg: Algorithm): Algorithm {
  return alg === 'Ed25519' ? 'EdDSA' : alg
}

/** Whether two names mean one algorithm. `other` need not be the name of a supported one. */
export function isSameAlgorithm(alg: Algorithm, other: unknown): boolean {
  return isAlgorithm(other) && canonicalName(alg) === canonicalName(other)
}

export function keyRequirement(alg: Algorithm): KeyRequirement {
  return algorithms[alg]
}
