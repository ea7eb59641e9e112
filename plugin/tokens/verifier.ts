import { constants, createHmac, createPublicKey, createSecretKey, timingSafeEqual, verify } from 'node:crypto'
import type { Algorithm } from './algorithms.ts'
import { signatureBytes } from './encoded-length.ts'
import type { Key } from './key.ts'

/** Verifies the signatures of one key. */
export interface Verifier {
  readonly key: Key
  /**
   * Whether a signature is this key's. The key decides on the algorithm, never the token.
   * @param input what was signed: the first two segments of the token and the dot between them
   */
  verifies(input: string, signature: Buffer): boolean
}

type Verifies = Verifier['verifies']

/** By `node:crypto`: a library would parse the token again, which costs more than the HMAC (see `bench/`). */
export function createVerifier(key: Key): Verifier {
  const bytes = signatureBytes(key)
  const matches = key.secret === null ? bySignature(key) : byHmac(key.alg, key.secret)
  return {
    key,
    // OpenSSL reads some signatures of other lengths too.
    verifies: (input, signature) => signature.length === bytes && matches(input, signature)
  }
}

/** RFC 7518 §3.2. */
function byHmac(alg: Algorithm, secret: Buffer): Verifies {
  const hash = hashOf(alg)
  const key = createSecretKey(secret)
  return (input, signature) => timingSafeEqual(createHmac(hash, key).update(input).digest(), signature)
}

/** RFC 7518 §3.3 (RS), §3.4 (ES: the two numbers as they are, not DER), §3.5 (PS), RFC 8037 §3.1 (EdDSA). */
function bySignature({ alg, publicPem }: Key): Verifies {
  const key = createPublicKey(publicPem!)
  switch (alg) {
    case 'EdDSA':
    case 'Ed25519':
      return (input, signature) => verify(null, Buffer.from(input), key, signature)
    case 'ES256':
    case 'ES384':
    case 'ES512':
      return by(hashOf(alg), { key, dsaEncoding: 'ieee-p1363' })
    case 'PS256':
    case 'PS384':
    case 'PS512':
      return by(hashOf(alg), {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST
      })
    default:
      return by(hashOf(alg), { key, padding: constants.RSA_PKCS1_PADDING })
  }
}

function by(hash: string, key: Parameters<typeof verify>[2]): Verifies {
  return (input, signature) => verify(hash, Buffer.from(input), key, signature)
}

/** `sha256` for RS256, for example. */
function hashOf(alg: Algorithm): string {
  return `sha${alg.slice(2)}`
}
