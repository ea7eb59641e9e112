import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { optionError } from '../options/option-error.ts'
import { keyRequirement, type Algorithm } from './algorithms.ts'
import { isValidEd25519Key } from './ed25519.ts'
import { checkRsa, isConsistentRsa } from './rsa.ts'

/**
 * Refuses a public key that does not fit its algorithm, or is weak.
 * @throws TypeError that names the option
 */
export function checkPublicKey(
  key: KeyObject,
  { alg, name }: { readonly alg: Algorithm; readonly name: string }
): void {
  const { kty } = keyRequirement(alg)
  if (!fits(key, alg)) throw optionError(name, `is not a key for ${alg}`)
  if (kty === 'RSA') checkRsa(key, name)
  if (kty === 'EC' && !namesItsCurve(key)) {
    throw optionError(name, 'uses explicit EC parameters; a named curve is required (RFC 5480 §2.1.1)')
  }
  if (kty === 'OKP' && !isValidEd25519Key(key)) {
    throw optionError(name, 'is not a valid Ed25519 key (not on the curve, or of small order)')
  }
}

function fits(key: KeyObject, alg: Algorithm): boolean {
  const { kty, curve } = keyRequirement(alg)
  const { asymmetricKeyType: type } = key
  switch (kty) {
    case 'RSA':
      return type === 'rsa'
    case 'EC':
      return type === 'ec' && key.asymmetricKeyDetails?.namedCurve === curve
    case 'OKP':
      return type === curve
    case 'oct':
      return false
  }
}

/** RFC 5480 §2.1.1 forbids explicit parameters, which an attacker can choose. They make the DER longer than a name. */
function namesItsCurve(publicKey: KeyObject): boolean {
  const sizeOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).length
  return sizeOf(publicKey) <= sizeOf(createPublicKey({ key: publicKey.export({ format: 'jwk' }), format: 'jwk' }))
}

/**
 * Refuses a private key that does not match its public key: nobody could verify what it signs. A JWK can hold such a
 * pair.
 * @throws TypeError that names the option
 */
export function checkPair({ privateKey, publicKey, name }: KeyPair & { readonly name: string }): void {
  const { asymmetricKeyType: type } = privateKey
  const matches = (type !== 'rsa' || isConsistentRsa(privateKey)) && verifiesItself({ privateKey, publicKey })
  if (!matches) throw optionError(name, 'has a private key that does not match its public key')
}

interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

function verifiesItself({ privateKey, publicKey }: KeyPair): boolean {
  const probe = Buffer.from('probe')
  const digest = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return verify(digest, probe, publicKey, sign(digest, probe, privateKey))
}
