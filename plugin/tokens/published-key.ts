import type { JsonWebKey } from '../options/json-web-key.ts'
import { isSameAlgorithm, keyRequirement, type Algorithm } from './algorithms.ts'
import { readKey, type Key } from './key.ts'
import { createVerifier, type Verifier } from './verifier.ts'

/** A member of an issuer's JWK Set (RFC 7517 §5). Nothing in it has been checked yet. */
export type PublishedKey = JsonWebKey & { readonly kid?: unknown; readonly alg?: unknown }

/** An issuer's JWK Set, wherever it comes from. */
export interface KeySet {
  /**
   * The keys, fetched if there are none yet.
   * @throws AuthError AUTH_KEYS_UNAVAILABLE when none can be fetched
   */
  get(): Promise<readonly PublishedKey[]>
  /**
   * The keys of a newer set, which is fetched at most once per cooldown.
   * @throws AuthError AUTH_KEYS_UNAVAILABLE when it cannot be fetched
   */
  reload(): Promise<readonly PublishedKey[]>
}

/** RFC 7518 §6: an issuer that publishes one of these has leaked the key. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

export function isPrivate(jwk: unknown): boolean {
  return typeof jwk === 'object' && jwk !== null && privateMembers.some((member) => Object.hasOwn(jwk, member))
}

/** A cheap check, so that only a few keys of a large set have to be read. */
export function mayFit(jwk: PublishedKey | null, alg: Algorithm): boolean {
  if (typeof jwk !== 'object' || jwk === null || jwk.kty !== keyRequirement(alg).kty) return false
  return (jwk.use ?? 'sig') === 'sig' && isSameAlgorithm(alg, jwk.alg ?? alg)
}

/** `null` for a key that must not verify: secret, private, weak, for encryption, for another algorithm. */
export function readPublishedKey(jwk: PublishedKey, alg: Algorithm): Key | null {
  if (isPrivate(jwk)) return null
  try {
    return readKey({ key: withoutLeadingZero(jwk), alg, kid: 'external' }, 'jwks')
  } catch {
    return null
  }
}

/** RFC 7518 §6.3.1.1: some libraries put a zero octet before the modulus. The number is the same. */
function withoutLeadingZero(jwk: PublishedKey): JsonWebKey {
  if (jwk.kty !== 'RSA' || typeof jwk.n !== 'string') return jwk as JsonWebKey
  const octets = Buffer.from(jwk.n, 'base64url')
  const isPadded = octets[0] === 0 && octets.toString('base64url') === jwk.n
  return isPadded ? ({ ...jwk, n: octets.subarray(1).toString('base64url') } as JsonWebKey) : (jwk as JsonWebKey)
}

/** Verifiers for published keys. Each is created when a token first needs it, so that a large set costs nothing. */
export function createVerifiers() {
  const created = new WeakMap<object, Map<Algorithm, Verifier | null>>()

  /** `null` for a key that must not verify: see {@link readPublishedKey}. */
  return function verifierOf(jwk: PublishedKey, alg: Algorithm): Verifier | null {
    let byAlgorithm = created.get(jwk)
    if (byAlgorithm === undefined) created.set(jwk, (byAlgorithm = new Map()))
    let verifier = byAlgorithm.get(alg)
    if (verifier === undefined) {
      const key = readPublishedKey(jwk, alg)
      byAlgorithm.set(alg, (verifier = key && createVerifier(key)))
    }
    return verifier
  }
}
