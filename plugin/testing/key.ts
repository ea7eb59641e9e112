import { constants, createHmac, generateKeyPair, randomBytes, randomUUID, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { JsonWebKey } from '../options/json-web-key.ts'
import { keyRequirement, type Algorithm } from '../tokens/algorithms.ts'
import { copyOf } from '../tokens/key-material.ts'

/** A new key, which signs whatever it is given. */
export interface TestKey {
  readonly alg: Algorithm
  readonly kid: string
  /** RFC 7517; `null` of a secret. */
  readonly publicJwk: JsonWebKey | null
  /** Returns the compact serialization of a JWS (RFC 7515 §3.1). */
  sign(header: object, payload: object): string
}

export async function createTestKey(alg: Algorithm): Promise<TestKey> {
  const kid = randomUUID()
  if (keyRequirement(alg).kty === 'oct') {
    const secret = randomBytes(64)
    const signatureOf = (input: string) => createHmac(hashOf(alg), secret).update(input).digest()
    return { alg, kid, publicJwk: null, sign: (header, payload) => jws(header, { payload, signatureOf }) }
  }
  const { privateKey, publicKey } = await generateKeys(alg)
  const signatureOf = (input: string) => signatureBy(privateKey, { alg, data: Buffer.from(input) })
  const publicJwk = { ...copyOf(publicKey).export({ format: 'jwk' }), kid, alg, use: 'sig' } as JsonWebKey
  return { alg, kid, publicJwk, sign: (header, payload) => jws(header, { payload, signatureOf }) }
}

/** The compact serialization of a JWS (RFC 7515 §3.1). */
export function jws(
  header: object,
  { payload, signatureOf }: { readonly payload: object; readonly signatureOf: (input: string) => Buffer }
): string {
  const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${signatureOf(input).toString('base64url')}`
}

async function generateKeys(alg: Algorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const { kty, curve = '' } = keyRequirement(alg)
  const generate = promisify(generateKeyPair)
  switch (kty) {
    case 'EC':
      return await generate('ec', { namedCurve: curve })
    case 'OKP':
      return await generate('ed25519')
    default:
      return await generate('rsa', { modulusLength: 2048 })
  }
}

/** RFC 7518 §3.3 to §3.5, RFC 8037 §3.1 */
function signatureBy(key: KeyObject, { alg, data }: { alg: Algorithm; data: Buffer }): Buffer {
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants
  switch (alg.slice(0, 2)) {
    case 'RS':
      return sign(hashOf(alg), data, key)
    case 'PS':
      return sign(hashOf(alg), data, { key, padding, saltLength })
    case 'ES':
      return sign(hashOf(alg), data, { key, dsaEncoding: 'ieee-p1363' })
    default:
      return sign(null, data, key)
  }
}

function hashOf(alg: Algorithm): string {
  return `sha${alg.slice(2)}`
}
