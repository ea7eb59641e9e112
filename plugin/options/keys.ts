import type { KeyObject, webcrypto } from 'node:crypto'
import type { JsonWebKey } from './json-web-key.ts'
import { checkShape } from './check-shape.ts'
import { anything, fn, listOf, objectOf, oneOf, text, textOf, unionOf, whole } from './shape.ts'

const keyStates = ['next', 'active', 'previous'] as const
/** A key's stage: `next` verifies and is published, `active` signs, `previous` only verifies. */
export type KeyState = (typeof keyStates)[number]

/** A key for access tokens. Private keys sign and verify, public keys only verify. */
export interface KeyOption {
  /**
   * PEM text (PKCS #8, PKCS #1, SEC 1 or SPKI), a JWK (RFC 7517), a `KeyObject` or an extractable `CryptoKey`. PEM may
   * be on one line, with `\n` for its line breaks, or in base64. Encrypted PEM and weak keys are rejected. Required.
   */
  readonly key: string | JsonWebKey | KeyObject | webcrypto.CryptoKey
  /** The header parameter `kid`, 1 to 256 characters. Default: the JWK's `kid`, else its thumbprint (RFC 7638). */
  readonly kid?: string | undefined
  /**
   * A JWS algorithm of RFC 7518 §3.1, RFC 8037 or RFC 9864. `Ed25519` and `EdDSA` are one algorithm; the name that is
   * given here is signed, both are accepted. Default: the JWK's `alg`, else the usual one for the key's type (RSA:
   * `RS256`, Ed25519: `EdDSA`).
   */
  readonly alg?: string | undefined
  /**
   * `next` verifies and is published, `active` signs, `previous` only verifies. Required for each private key if there
   * are several. Default: `active` for the only private key, `previous` for public keys.
   */
  readonly state?: (typeof keyStates)[number] | undefined
}

/** The keys that sign and verify access tokens. Private keys never become part of the settings. */
export interface KeysOptions {
  /**
   * Keys for access tokens: a non-empty list, or an async function that returns one. The function is called at start
   * and then every `keysReloadSeconds`, so that keys can be rotated without a restart. With an active key, `secret`
   * neither signs nor verifies access tokens. Default: none, so that `secret` signs by HS256.
   */
  readonly keys?: readonly KeyOption[] | (() => Promise<readonly KeyOption[]>) | undefined
  /** Seconds between two calls of a `keys` function, 1 to 86400. Default 300. */
  readonly keysReloadSeconds?: number | undefined
}

export const keysDefaults = Object.freeze({ keysReloadSeconds: 300 })

const must = 'be a non-empty list of { key, kid?, alg?, state? }'
const kid = textOf({
  must: 'be a string of 1 to 256 characters',
  matches: ({ length }) => length >= 1 && length <= 256
})
const keyListShape = listOf(
  objectOf(
    {
      key: anything,
      kid,
      alg: text,
      state: oneOf(keyStates)
    },
    { required: ['key'] }
  ),
  { minItems: 1, must }
)

export const keysShape = {
  keys: unionOf([fn, keyListShape], { must: `${must}, or a function that returns one` }),
  keysReloadSeconds: whole(1, 86_400)
}

export function resolveKeys({ keysReloadSeconds = keysDefaults.keysReloadSeconds }: KeysOptions) {
  return { keysReloadSeconds }
}

/**
 * Checks the list that a `keys` function returned. An empty list means that the source has lost its keys, not that
 * `secret` is to sign.
 * @throws TypeError that names the option
 */
export function checkKeyList(keys: unknown): readonly KeyOption[] {
  checkShape(objectOf({ keys: keyListShape }, { required: ['keys'] }), { keys })
  return keys as readonly KeyOption[]
}
