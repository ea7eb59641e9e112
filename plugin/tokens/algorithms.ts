/** The JWS algorithms that are spoken here (RFC 7518 §3.1, RFC 8037 §3.1) and the key each one needs. */
interface Need {
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP'
  /** Curve in Node's words; only for EC and OKP. */
  readonly curve?: string
  /** An HMAC key is at least as long as its hash, RFC 7518 §3.2. */
  readonly minBytes?: number
}

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
} as const satisfies Record<string, Need>

export type Algorithm = keyof typeof algorithms

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(algorithms, name)
}

export function needOf(alg: Algorithm): Need {
  return algorithms[alg]
}
