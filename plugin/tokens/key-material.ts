import { createPrivateKey, createPublicKey, createSecretKey, KeyObject, type JsonWebKey } from 'node:crypto'
import { optionError } from '../options/option-error.ts'
import { isAlgorithm, keyRequirement, type Algorithm } from './algorithms.ts'
import { isCryptoKey, isJwk, type Jwk } from './jwk.ts'
import { restorePem } from './pem.ts'

/**
 * Reads PEM text, a JWK, a KeyObject or a CryptoKey.
 * @throws TypeError that names the option; the message never shows key material
 */
export function readMaterial(key: unknown, name: string): KeyObject {
  if (key instanceof KeyObject) return copyOf(key)
  if (isCryptoKey(key)) {
    if (!key.extractable) {
      throw optionError(name, 'is a CryptoKey that is not extractable: generate or import it with extractable: true')
    }
    // A JWK with such `key_ops` is refused too (RFC 7517 §4.3).
    if (!key.usages.some((usage) => usage === 'sign' || usage === 'verify')) {
      throw optionError(name, 'is a CryptoKey without the usage "sign" or "verify"')
    }
    return copyOf(KeyObject.from(key))
  }
  try {
    if (typeof key === 'string') {
      const pem = restorePem(key)
      return pem.includes('PRIVATE KEY-----') ? createPrivateKey(pem) : createPublicKey(pem)
    }
    if (isJwk(key)) return readJwk(key)
  } catch (error) {
    // Node's message may quote the key, so only its error code is shown.
    const { code } = error as NodeJS.ErrnoException
    throw optionError(
      name,
      `cannot be read as a key (${code}): expected unencrypted PEM, a JWK, a KeyObject or a CryptoKey`
    )
  }
  throw optionError(name, 'must be PEM text, a JWK, a KeyObject or a CryptoKey')
}

/**
 * The same key, without the lock that it shares with its generation. If garbage of the generation is collected while
 * Node exports the key as a JWK, the process waits for itself forever (seen in Node 20.20).
 */
export function copyOf(key: KeyObject): KeyObject {
  if (key.type === 'secret') return key
  if (key.type === 'public') {
    return createPublicKey({ key: key.export({ type: 'spki', format: 'der' }), type: 'spki', format: 'der' })
  }
  return createPrivateKey({ key: key.export({ type: 'pkcs8', format: 'der' }), type: 'pkcs8', format: 'der' })
}

function readJwk(jwk: Jwk): KeyObject {
  if (jwk.kty === 'oct') return createSecretKey(Buffer.from((jwk.k ?? '') as string, 'base64url'))
  const input = { key: jwk as JsonWebKey, format: 'jwk' } as const
  return jwk.d === undefined ? createPublicKey(input) : createPrivateKey(input)
}

/**
 * The algorithm that was given, or else the default one of the key's type.
 * @throws TypeError that names the option
 */
export function chooseAlgorithm(
  material: KeyObject,
  { given, name }: { readonly given: unknown; readonly name: string }
): Algorithm {
  const alg = given ?? defaultAlgorithm(material)
  if (isAlgorithm(alg)) return alg
  throw optionError(
    name,
    alg === undefined
      ? `is missing: a key of type "${material.asymmetricKeyType}" has no default algorithm`
      : 'is not a supported signature algorithm'
  )
}

function defaultAlgorithm(material: KeyObject): Algorithm | undefined {
  if (material.type === 'secret') return 'HS256'
  switch (material.asymmetricKeyType) {
    case 'rsa':
      return 'RS256'
    case 'ed25519':
      return 'EdDSA'
    case 'ec':
      return (['ES256', 'ES384', 'ES512'] as const).find(
        (alg) => keyRequirement(alg).curve === material.asymmetricKeyDetails?.namedCurve
      )
    default:
      return undefined
  }
}
