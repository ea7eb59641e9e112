import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import type { JsonWebKey } from '../options/json-web-key.ts'
import type { KeyOption, KeyState } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import { keyRequirement, type Algorithm } from './algorithms.ts'
import { checkPair, checkPublicKey } from './asymmetric-key.ts'
import { checkJwk, isJwk } from './jwk.ts'
import { chooseAlgorithm, readMaterial } from './key-material.ts'
import { checkSecret, derive } from './secret.ts'

/** A public key as the route `jwks` publishes it (RFC 7517 §4). */
export type PublicJwk = Readonly<JsonWebKey & { kid: string; alg: string; use: 'sig' }>

/** A key that has been checked for its algorithm. */
export interface Key {
  readonly kid: string
  readonly alg: Algorithm
  readonly state: KeyState | undefined
  /** The secret of an HMAC key, else `null`. */
  readonly secret: Buffer | null
  /** PEM (PKCS #8) of a private key, else `null`. */
  readonly privatePem: string | null
  /** PEM (SPKI) of the public key; `null` for HMAC. */
  readonly publicPem: string | null
  /** The public key as it is published (RFC 7517); `null` for HMAC. */
  readonly publicJwk: PublicJwk | null
}

export function canSign(key: Key): boolean {
  return key.secret !== null || key.privatePem !== null
}

/** The same `kid` may name another key than before. */
export function isSameKey(key: Key, other: Key): boolean {
  const sameSecret =
    key.secret === null ? other.secret === null : other.secret !== null && key.secret.equals(other.secret)
  return key.kid === other.kid && key.alg === other.alg && key.publicPem === other.publicPem && sameSecret
}

/**
 * Reads one entry of the option `keys` and refuses a key that must not sign or verify access tokens: the wrong curve, a
 * short or weak RSA modulus, a JWK whose `use`, `key_ops` or `alg` forbid it (RFC 7517 §4.2–4.4), a private key that
 * does not match its public key. Takes milliseconds for any input.
 * @param name the option's name, as the error message shows it
 * @throws TypeError that names the option; the message never shows key material
 */
export function readKey(option: KeyOption, name: string): Key {
  const jwk = isJwk(option.key) ? option.key : null
  const material = readMaterial(option.key, `${name}.key`)
  const alg = chooseAlgorithm(material, { given: option.alg ?? jwk?.alg, name: `${name}.alg` })
  if (jwk) checkJwk(jwk, { name: `${name}.key`, alg, state: option.state, material })
  const kid = readKid(option.kid ?? jwk?.kid, `${name}.kid`)
  const read = { kid, alg, state: option.state }
  return material.type === 'secret'
    ? readSecretKey(material, { ...read, name: `${name}.key` })
    : readAsymmetricKey(material, { ...read, name: `${name}.key` })
}

interface ReadParts extends Pick<Key, 'alg' | 'state'> {
  readonly kid: string | undefined
  readonly name: string
}

function readSecretKey(material: KeyObject, { kid, alg, state, name }: ReadParts): Key {
  const { minBytes } = keyRequirement(alg)
  if (minBytes === undefined) throw optionError(name, `is not a key for ${alg}`)
  const secret = material.export()
  checkSecret(secret, { name, minBytes })
  return secretKey(secret, { kid, alg, state })
}

function readAsymmetricKey(material: KeyObject, { kid: given, alg, state, name }: ReadParts): Key {
  const isPrivate = material.type === 'private'
  const publicKey = isPrivate ? createPublicKey(material) : material
  checkPublicKey(publicKey, { alg, name })
  if (isPrivate) checkPair({ privateKey: material, publicKey, name })
  const members = publicKey.export({ format: 'jwk' })
  const kid = given ?? thumbprint(members)
  return Object.freeze({
    kid,
    alg,
    state,
    secret: null,
    privatePem: isPrivate ? (material.export({ type: 'pkcs8', format: 'pem' }) as string) : null,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    publicJwk: Object.freeze({ ...members, kid, alg, use: 'sig' as const })
  })
}

/** An HMAC key. Its default `kid` is derived: a hash or thumbprint of the secret would help guess the secret. */
export function secretKey(
  secret: Buffer,
  { kid, alg = 'HS256', state }: { kid?: string | undefined; alg?: Algorithm; state: KeyState | undefined }
): Key {
  return Object.freeze({
    kid: kid ?? derive(secret, { purpose: 'kid', bytes: 9 }).toString('base64url'),
    alg,
    state,
    secret,
    privatePem: null,
    publicPem: null,
    publicJwk: null
  })
}

function readKid(kid: unknown, name: string): string | undefined {
  if (kid === undefined) return undefined
  if (typeof kid !== 'string' || kid === '' || kid.length > 256) {
    throw optionError(name, 'must be a string of 1 to 256 characters')
  }
  return kid
}

/** RFC 7638 §3: the SHA-256 of the required members in lexical order. */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
