import type { KeyOption } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import type { Algorithm } from './algorithms.ts'
import { createSigner, type Signer } from './signer.ts'
import { canSign, readKey, secretKey, type Key } from './key.ts'

/** Trying every key of an algorithm is bounded, when a token names no `kid`. */
const maxKeysOfOneAlgorithm = 8

/** The keys in force: one signs, all verify. */
export interface Keyring {
  readonly active: Signer
  readonly keys: readonly Key[]
  readonly kids: readonly string[]
  /** The keys that a header may mean: the one that `kid` names, if its algorithm is `alg`; without `kid`, all of `alg`. */
  candidates(alg: Algorithm, kid: string | undefined): readonly Signer[]
  /** RFC 7517 §5: the public halves, `next` keys included; never a secret. */
  jwks(): { keys: NonNullable<Key['publicJwk']>[] }
}

/**
 * Chooses who signs: the active key of `keys`, or the first secret when all keys only verify. With an active key,
 * secrets have no say over access tokens at all.
 * @throws TypeError that names the option
 */
export async function createKeyring(
  options: readonly KeyOption[],
  secrets: readonly Buffer[],
  type: string
): Promise<Keyring> {
  const keys = withStates(options.map((option, index) => readKey(option, `keys.${index}`)))
  const actives = keys.filter((key) => key.state === 'active')
  if (actives.length > 1) throw optionError('keys', 'must have exactly one active private key: received several')
  const verifyOnly = keys.every((key) => key.state === 'previous')
  if (actives.length === 0 && !verifyOnly) {
    throw optionError('keys', 'must have exactly one active private key: received none')
  }
  const all =
    actives.length === 0
      ? [...secrets.map((secret, index) => secretKey(secret, { state: index === 0 ? 'active' : 'previous' })), ...keys]
      : keys
  checkUnique(all)
  const jwts = await Promise.all(all.map((key) => createSigner(key, type)))
  const active = jwts.find(({ key }) => key.state === 'active')
  if (active === undefined) throw optionError('secret', 'is missing: there is no key that signs')
  return index(jwts, active)
}

/** Without `state`, the only private key is active and public keys are previous; several private keys must say. */
function withStates(keys: readonly Key[]): readonly Key[] {
  const privates = keys.filter(canSign)
  const silent = privates.findIndex((key) => key.state === undefined)
  if (privates.length > 1 && silent >= 0) {
    throw optionError(
      `keys.${keys.indexOf(privates[silent]!)}.state`,
      'is missing: several private keys must say which is next, active or previous'
    )
  }
  return keys.map((key, position) => {
    if (!canSign(key) && key.state !== undefined && key.state !== 'previous') {
      throw optionError(`keys.${position}.state`, `must not be "${key.state}": a public key only verifies`)
    }
    return { ...key, state: key.state ?? (canSign(key) ? 'active' : 'previous') }
  })
}

function checkUnique(keys: readonly Key[]): void {
  const twice = keys.find((key, index) => keys.findIndex((other) => other.kid === key.kid) !== index)
  if (twice) throw optionError('keys', `must not have two keys of one kid: received ${JSON.stringify(twice.kid)} twice`)
  for (const { alg } of keys) {
    const count = keys.filter((key) => key.alg === alg).length
    if (count > maxKeysOfOneAlgorithm) {
      throw optionError(
        'keys',
        `must have at most ${maxKeysOfOneAlgorithm} keys of one algorithm: received ${count} of ${alg}`
      )
    }
  }
}

function index(jwts: readonly Signer[], active: Signer): Keyring {
  const byKid = new Map(jwts.map((jwt) => [jwt.key.kid, jwt]))
  const byAlgorithm = new Map(jwts.map(({ key: { alg } }) => [alg, jwts.filter(({ key }) => key.alg === alg)]))
  const published = jwts.map(({ key }) => key.publicJwk).filter((jwk) => jwk !== null)
  return Object.freeze({
    active,
    keys: jwts.map(({ key }) => key),
    kids: [...byKid.keys()],
    candidates(alg: Algorithm, kid: string | undefined) {
      if (kid === undefined) return byAlgorithm.get(alg) ?? []
      const jwt = byKid.get(kid)
      return jwt?.key.alg === alg ? [jwt] : []
    },
    jwks: () => ({ keys: [...published] })
  })
}
