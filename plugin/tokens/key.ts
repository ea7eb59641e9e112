import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  KeyObject,
  sign,
  verify,
  type JsonWebKey
} from 'node:crypto'
import type { KeyOption, KeyState } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import { isAlgorithm, keyRequirement, type Algorithm } from './algorithms.ts'
import { isValidEd25519Key } from './ed25519.ts'
import { checkRsa, isConsistentRsa } from './rsa.ts'
import { checkSecret, derive } from './secret.ts'

/** A key that has been found fit for its algorithm. */
export interface Key {
  readonly kid: string
  readonly alg: Algorithm
  readonly state: KeyState | undefined
  /** For HMAC, the secret. */
  readonly secret: Buffer | null
  /** PEM (PKCS #8), for keys that can sign; `null` for public ones and for HMAC. */
  readonly privatePem: string | null
  /** PEM (SPKI); `null` for HMAC. */
  readonly publicPem: string | null
  /** The public half as it is published (RFC 7517); `null` for HMAC. */
  readonly publicJwk: Readonly<JsonWebKey & { kid: string; alg: string; use: 'sig' }> | null
}

export function canSign(key: Key): boolean {
  return key.secret !== null || key.privatePem !== null
}

/**
 * Reads one entry of the option `keys` and refuses what is not fit to sign or verify access tokens: the wrong curve, a
 * short or weak RSA modulus, a JWK whose `use`, `key_ops` or `alg` forbid it (RFC 7517 §4.2–4.4), a private half that
 * does not belong to its public half. Takes milliseconds, whatever it is given.
 * @throws TypeError that names the option; the message never shows key material
 */
export function readKey(option: KeyOption, name: string): Key {
  const jwk = isJwk(option.key) ? option.key : null
  const material = readMaterial(option.key, `${name}.key`)
  const alg = chooseAlgorithm(material, option.alg ?? jwk?.alg, `${name}.alg`)
  if (jwk) checkJwk(jwk, { alg, state: option.state, material }, `${name}.key`)
  if (material.type === 'secret') {
    const { minBytes } = keyRequirement(alg)
    if (minBytes === undefined) throw optionError(`${name}.key`, `is not a key for ${alg}`)
    const secret = material.export()
    checkSecret(secret, `${name}.key`, minBytes)
    return secretKey(secret, { kid: kidOf(option, jwk, name) ?? secretKid(secret), alg, state: option.state })
  }
  const publicKey = material.type === 'private' ? createPublicKey(material) : material
  checkAsymmetric(publicKey, alg, `${name}.key`)
  if (material.type === 'private') checkPair(material, publicKey, `${name}.key`)
  const parts = publicKey.export({ format: 'jwk' })
  const kid = kidOf(option, jwk, name) ?? thumbprint(parts)
  return Object.freeze({
    kid,
    alg,
    state: option.state,
    secret: null,
    privatePem: material.type === 'private' ? (material.export({ type: 'pkcs8', format: 'pem' }) as string) : null,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    publicJwk: Object.freeze({ ...parts, kid, alg, use: 'sig' as const })
  })
}

/** An HMAC key; its `kid` is derived, never a hash or thumbprint of the secret, which would help guessing it. */
export function secretKey(
  secret: Buffer,
  {
    kid = secretKid(secret),
    alg = 'HS256' as Algorithm,
    state
  }: {
    kid?: string
    alg?: Algorithm
    state: KeyState | undefined
  }
): Key {
  return Object.freeze({ kid, alg, state, secret, privatePem: null, publicPem: null, publicJwk: null })
}

function secretKid(secret: Buffer): string {
  return derive(secret, 'kid', 9).toString('base64url')
}

function isJwk(key: unknown): key is JsonWebKey & { alg?: unknown; use?: unknown; key_ops?: unknown; kid?: unknown } {
  return typeof key === 'object' && key !== null && !(key instanceof KeyObject) && !Buffer.isBuffer(key)
}

function readMaterial(key: unknown, name: string): KeyObject {
  if (key instanceof KeyObject) return key
  try {
    if (typeof key === 'string') return key.includes('PRIVATE KEY-----') ? createPrivateKey(key) : createPublicKey(key)
    if (isJwk(key)) return readJwk(key)
  } catch (error) {
    // Node's own words can quote the input: only its error code is passed on.
    throw optionError(
      name,
      `cannot be read as a key (${(error as NodeJS.ErrnoException).code}): expected unencrypted PEM, a JWK or a KeyObject`
    )
  }
  throw optionError(name, 'must be PEM text, a JWK or a KeyObject')
}

function readJwk(jwk: JsonWebKey): KeyObject {
  if (jwk.kty !== 'oct') {
    return jwk.d === undefined
      ? createPublicKey({ key: jwk, format: 'jwk' })
      : createPrivateKey({ key: jwk, format: 'jwk' })
  }
  return createSecretKey(Buffer.from(jwk.k ?? '', 'base64url'))
}

function kidOf(option: KeyOption, jwk: { kid?: unknown } | null, name: string): string | undefined {
  const kid = option.kid ?? jwk?.kid
  if (kid === undefined) return undefined
  if (typeof kid !== 'string' || kid === '' || kid.length > 256) {
    throw optionError(`${name}.kid`, 'must be a string of 1 to 256 characters')
  }
  return kid
}

/** RFC 7638 §3: the SHA-256 of the required members in lexical order. */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

function chooseAlgorithm(material: KeyObject, wanted: unknown, name: string): Algorithm {
  const alg = wanted ?? usualAlgorithm(material)
  if (!isAlgorithm(alg)) {
    throw optionError(
      name,
      alg === undefined
        ? `is missing: a key of type "${material.asymmetricKeyType}" has no default algorithm`
        : 'is not a supported signature algorithm'
    )
  }
  return alg
}

function usualAlgorithm(material: KeyObject): Algorithm | undefined {
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

function checkJwk(
  jwk: JsonWebKey,
  { alg, state, material }: { alg: Algorithm; state: KeyState | undefined; material: KeyObject },
  name: string
): void {
  if (jwk.alg !== undefined && jwk.alg !== alg) throw optionError(name, `has an "alg" that is not ${alg}`)
  if (jwk.use !== undefined && jwk.use !== 'sig') throw optionError(name, 'has a "use" that is not "sig"')
  if (jwk.oth !== undefined) throw optionError(name, 'is an RSA key with more than two primes')
  // Node reads base64url leniently, and of an Ed25519 key with a private half it does not look at the public one.
  const wrong = Object.entries(material.export({ format: 'jwk' })).find(([member, value]) => jwk[member] !== value)
  if (wrong) {
    throw optionError(name, `has a "${wrong[0]}" that is not canonical base64url or does not belong to this key`)
  }
  if (jwk.key_ops === undefined) return
  const operations: unknown[] = Array.isArray(jwk.key_ops) ? jwk.key_ops : []
  const missing = neededOperations(material, state).find((operation) => !operations.includes(operation))
  if (missing) throw optionError(name, `must have "${missing}" among its "key_ops"`)
  const twice = operations.find((operation, index) => operations.indexOf(operation) !== index)
  if (twice) throw optionError(name, `must not repeat "${twice}" in its "key_ops"`)
  const foreign = operations.find((operation) => operation !== 'sign' && operation !== 'verify')
  if (foreign && jwk.use) {
    throw optionError(name, `must not have "${foreign}" among its "key_ops" when its "use" is "sig"`)
  }
}

/** What a key is used for here: a private key's public half verifies, but a secret does both, unless it is `previous`. */
function neededOperations(material: KeyObject, state: KeyState | undefined): readonly string[] {
  if (material.type === 'public') return ['verify']
  if (material.type === 'private') return ['sign']
  return state === 'previous' ? ['verify'] : ['sign', 'verify']
}

function checkAsymmetric(key: KeyObject, alg: Algorithm, name: string): void {
  const { kty, curve } = keyRequirement(alg)
  const { asymmetricKeyType: type } = key
  const fits =
    kty === 'RSA'
      ? type === 'rsa'
      : kty === 'EC'
        ? type === 'ec' && key.asymmetricKeyDetails?.namedCurve === curve
        : kty === 'OKP' && type === curve
  if (!fits) throw optionError(name, `is not a key for ${alg}`)
  if (kty === 'RSA') checkRsa(key, name)
  if (kty === 'EC' && !namesItsCurve(key)) {
    throw optionError(name, 'uses explicit EC parameters; a named curve is required (RFC 5480 §2.1.1)')
  }
  if (kty === 'OKP' && !isValidEd25519Key(key)) {
    throw optionError(name, 'is not a valid Ed25519 key (not on the curve, or of small order)')
  }
}

/** Parameters make DER longer than a name does. RFC 5480 §2.1.1 forbids them: they can be somebody's own. */
function namesItsCurve(publicKey: KeyObject): boolean {
  const sizeOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).length
  return sizeOf(publicKey) <= sizeOf(createPublicKey({ key: publicKey.export({ format: 'jwk' }), format: 'jwk' }))
}

/** A JWK can claim a private half that is not its public half's: then nobody could verify what is signed. */
function checkPair(privateKey: KeyObject, publicKey: KeyObject, name: string): void {
  const probe = Buffer.from(name)
  const { asymmetricKeyType: type } = privateKey
  const digest = type === 'ed25519' ? null : 'sha256'
  const belongs =
    (type !== 'rsa' || isConsistentRsa(privateKey)) && verify(digest, probe, publicKey, sign(digest, probe, privateKey))
  if (!belongs) throw optionError(name, 'has a private key that does not match its public key')
}
