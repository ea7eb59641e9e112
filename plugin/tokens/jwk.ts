import { KeyObject, type webcrypto } from 'node:crypto'
import { types } from 'node:util'
import type { KeyState } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import { isSameAlgorithm, type Algorithm } from './algorithms.ts'

/** A JWK as an application gives it. Nothing in it has been checked yet. */
export type Jwk = Readonly<Record<string, unknown>>

export function isJwk(key: unknown): key is Jwk {
  return (
    typeof key === 'object' && key !== null && !(key instanceof KeyObject) && !isCryptoKey(key) && !Buffer.isBuffer(key)
  )
}

export function isCryptoKey(key: unknown): key is webcrypto.CryptoKey {
  return types.isCryptoKey(key)
}

export interface JwkUse {
  /** The option's name, as the error message shows it. */
  readonly name: string
  readonly alg: Algorithm
  readonly state: KeyState | undefined
  /** The key that Node has read from the JWK. */
  readonly material: KeyObject
}

/**
 * Refuses a JWK whose `alg`, `use` or `key_ops` forbid its use (RFC 7517 §4.2–4.4), or whose members are not exactly
 * those of its key.
 * @throws TypeError that names the option
 */
export function checkJwk(jwk: Jwk, { name, alg, state, material }: JwkUse): void {
  if (jwk.alg !== undefined && !isSameAlgorithm(alg, jwk.alg)) {
    throw optionError(name, `has an "alg" that is not ${alg}`)
  }
  if (jwk.use !== undefined && jwk.use !== 'sig') throw optionError(name, 'has a "use" that is not "sig"')
  if (jwk.oth !== undefined) throw optionError(name, 'is an RSA key with more than two primes')
  // Node decodes base64url leniently, and ignores the public part of an Ed25519 key that has a private one.
  const wrong = Object.entries(material.export({ format: 'jwk' })).find(([member, value]) => jwk[member] !== value)
  if (wrong?.[0] === 'n' && isPadded(jwk.n, String(wrong[1]))) {
    throw optionError(name, 'has an "n" that begins with a zero octet, which must be left out (RFC 7518 §6.3.1.1)')
  }
  if (wrong) {
    throw optionError(name, `has a "${wrong[0]}" that is not canonical base64url or does not belong to this key`)
  }
  if (jwk.key_ops === undefined) return
  const operations: unknown[] = Array.isArray(jwk.key_ops) ? jwk.key_ops : []
  const missing = neededOperations(material, state).find((operation) => !operations.includes(operation))
  if (missing) throw optionError(name, `must have "${missing}" among its "key_ops"`)
  const repeated = operations.find((operation, index) => operations.indexOf(operation) !== index)
  if (repeated) throw optionError(name, `must not repeat "${repeated}" in its "key_ops"`)
  const foreign = operations.find((operation) => operation !== 'sign' && operation !== 'verify')
  if (foreign && jwk.use) {
    throw optionError(name, `must not have "${foreign}" among its "key_ops" when its "use" is "sig"`)
  }
}

function isPadded(n: unknown, canonical: string): boolean {
  return n === Buffer.concat([Buffer.alloc(1), Buffer.from(canonical, 'base64url')]).toString('base64url')
}

/** A private key only signs, because its public key verifies. A secret does both, unless it is `previous`. */
function neededOperations(material: KeyObject, state: KeyState | undefined): readonly string[] {
  if (material.type === 'public') return ['verify']
  if (material.type === 'private') return ['sign']
  return state === 'previous' ? ['verify'] : ['sign', 'verify']
}
