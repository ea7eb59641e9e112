import { constants, createHmac, generateKeyPair, randomBytes, randomUUID, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { JsonWebKey } from '../options/json-web-key.ts'
import { algorithms, isAlgorithm, type Algorithm } from '../tokens/algorithms.ts'

/** A fresh key that signs whatever it is given. */
export interface TestKey {
  readonly kid: string
  readonly alg: Algorithm
  /** RFC 7517; `null` of a secret. */
  readonly publicJwk: JsonWebKey | null
  /** The compact serialization of a JWS (RFC 7515 §3.1). */
  sign(header: object, payload: object): string
}

/** @throws TypeError for an algorithm that is not supported */
export async function createTestKey(alg: string): Promise<TestKey> {
  if (!isAlgorithm(alg)) throw new TypeError(`"algorithm" must be one of ${Object.keys(algorithms).join(', ')}`)
  const kid = randomUUID()
  if (algorithms[alg].kty === 'oct') {
    const secret = randomBytes(64)
    const signature = (input: string) => createHmac(hashOf(alg), secret).update(input).digest()
    return { kid, alg, publicJwk: null, sign: signWith(signature) }
  }
  const { privateKey, publicKey } = await generateKeys(alg)
  return {
    kid,
    alg,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    sign: signWith((input) => signAs(alg, { privateKey, input }))
  }
}

/** `header.payload.signature` */
export function signWith(signature: (input: string) => Buffer) {
  return function signJws(header: object, payload: object): string {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${signature(input).toString('base64url')}`
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

async function generateKeys(alg: Algorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const requirement = algorithms[alg]
  const generate = promisify(generateKeyPair)
  if (requirement.kty === 'EC') return await generate('ec', { namedCurve: requirement.curve })
  if (requirement.kty === 'OKP') return await generate('ed25519')
  return await generate('rsa', { modulusLength: 2048 })
}

/** RFC 7518 §3.3 to §3.5, RFC 8037 §3.1 */
function signAs(alg: Algorithm, { privateKey: key, input }: { privateKey: KeyObject; input: string }): Buffer {
  const data = Buffer.from(input)
  switch (alg.slice(0, 2)) {
    case 'RS':
      return sign(hashOf(alg), data, key)
    case 'PS': {
      const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants
      return sign(hashOf(alg), data, { key, padding, saltLength })
    }
    case 'ES':
      return sign(hashOf(alg), data, { key, dsaEncoding: 'ieee-p1363' })
    default:
      return sign(null, data, key)
  }
}

function hashOf(alg: Algorithm): string {
  return `sha${alg.slice(2)}`
}
