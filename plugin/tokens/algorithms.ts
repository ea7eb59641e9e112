/** The key that an algorithm needs. */
interface KeyRequirement {
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP'
  /** The curve, as Node names it. EC and OKP only. */
  readonly curve?: string
  /** RFC 7518 §3.2: an HMAC key is at least as long as its hash. */
  readonly minBytes?: number
}

/** The supported JWS algorithms (RFC 7518 §3.1, RFC 8037 §3.1). */
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
  EdDSA: { kty: 'OKP', curve: 'ed25519' }
} as const satisfies Record<string, KeyRequirement>

export type Algorithm = keyof typeof algorithms

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(algorithms, name)
}

export function keyRequirement(alg: Algorithm): KeyRequirement {
  return algorithms[alg]
}
