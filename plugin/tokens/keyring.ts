import type { KeyOption } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import { canonicalName, isSameAlgorithm, type Algorithm } from './algorithms.ts'
import type { KeyHint } from './header.ts'
import { canSign, readKey, secretKey, type Key, type PublicJwk } from './key.ts'
import { createSigner, type Signer } from './signer.ts'
import { createVerifier, type Verifier } from './verifier.ts'

/** Without a `kid`, every key of an algorithm may have to be tried. */
const maxKeysPerAlgorithm = 8

/** The keys in use: one signs, all verify. */
export interface Keyring {
  readonly active: Signer
  readonly keys: readonly Key[]
  readonly kids: readonly string[]
  /** The keys that a header may mean: the one with its `kid` if `alg` is the same; without `kid`, all keys of `alg`. */
  candidates(hint: KeyHint): readonly Verifier[]
  /**
   * Returns the public keys as a JWK Set (RFC 7517 §5), as the route `jwks` publishes them: keys with the state `next`
   * are included, secrets and private keys never are. Empty if only `secret` signs.
   * ```ts
   * const { keys } = app.keys.jwks()
   * ```
   */
  jwks(): { keys: PublicJwk[] }
}

export interface KeyringParts {
  /** The option `keys`; may be empty. */
  readonly keys: readonly KeyOption[]
  readonly secrets: readonly Buffer[]
  /** The `typ` of the tokens that are signed. */
  readonly type: string
}

/**
 * Reads the keys and chooses the one that signs: the active key of `keys`, or the first secret if no key can sign. With
 * an active key, secrets neither sign nor verify access tokens.
 * @throws TypeError that names the option
 */
export function createKeyring({ keys: options, secrets, type }: KeyringParts): Keyring {
  const given = withStates(options.map((option, index) => readKey(option, `keys.${index}`)))
  const activeCount = given.filter((key) => key.state === 'active').length
  if (activeCount > 1) throw optionError('keys', 'must have exactly one active private key: received several')
  const verifyOnly = given.every((key) => key.state === 'previous')
  if (activeCount === 0 && !verifyOnly) {
    throw optionError('keys', 'must have exactly one active private key: received none')
  }
  const keys = activeCount === 0 ? [...secretKeys(secrets), ...given] : given
  checkUnique(keys)
  const active = keys.find((key) => key.state === 'active')
  if (active === undefined) throw optionError('secret', 'is missing: no key can sign')
  return index(keys, createSigner(active, type))
}

function secretKeys(secrets: readonly Buffer[]): readonly Key[] {
  return secrets.map((secret, index) => secretKey(secret, { state: index === 0 ? 'active' : 'previous' }))
}

/** Without `state`, the only private key is active and public keys are previous. Several private keys need states. */
function withStates(keys: readonly Key[]): readonly Key[] {
  const privateKeys = keys.filter(canSign)
  const unstated = privateKeys.find((key) => key.state === undefined)
  if (privateKeys.length > 1 && unstated !== undefined) {
    throw optionError(
      `keys.${keys.indexOf(unstated)}.state`,
      'is missing: with several private keys, each must be "next", "active" or "previous"'
    )
  }
  return keys.map((key, position) => {
    if (!canSign(key) && key.state !== undefined && key.state !== 'previous') {
      throw optionError(`keys.${position}.state`, `must be "previous" for a public key: received "${key.state}"`)
    }
    return { ...key, state: key.state ?? (canSign(key) ? 'active' : 'previous') }
  })
}

function checkUnique(keys: readonly Key[]): void {
  const repeated = keys.find((key, index) => keys.findIndex((other) => other.kid === key.kid) !== index)
  if (repeated) throw optionError('keys', `must not repeat a kid: received ${JSON.stringify(repeated.kid)} twice`)
  for (const { alg } of keys) {
    const count = keys.filter((key) => isSameAlgorithm(alg, key.alg)).length
    if (count > maxKeysPerAlgorithm) {
      throw optionError(
        'keys',
        `must have at most ${maxKeysPerAlgorithm} keys for one algorithm: received ${count} for ${alg}`
      )
    }
  }
}

function index(keys: readonly Key[], active: Signer): Keyring {
  const verifiers = keys.map(createVerifier)
  const byKid = new Map(verifiers.map((verifier) => [verifier.key.kid, [verifier] as const]))
  const ofAlgorithm = (alg: Algorithm) => verifiers.filter(({ key }) => isSameAlgorithm(alg, key.alg))
  const byAlgorithm = new Map(keys.map(({ alg }) => [canonicalName(alg), ofAlgorithm(alg)]))
  const published = keys.map(({ publicJwk }) => publicJwk).filter((jwk) => jwk !== null)
  return Object.freeze({
    active,
    keys,
    kids: [...byKid.keys()],
    candidates({ alg, kid }: KeyHint) {
      if (kid === undefined) return byAlgorithm.get(alg) ?? []
      const named = byKid.get(kid)
      return named !== undefined && isSameAlgorithm(alg, named[0].key.alg) ? named : []
    },
    jwks: () => ({ keys: [...published] })
  })
}
