import { refusal } from '../errors.ts'
import type { KeySource } from './key-source.ts'

export interface UnknownKidParts<Token> {
  readonly keys: Pick<KeySource, 'reloadForUnknownKid' | 'hasFailed'>
  /** Whether a key in use matches the token's header. */
  readonly hasKey: (token: Token) => boolean
  /** By its `iss`, which is not verified yet. */
  readonly claimsToBeOurs: (token: Token) => boolean
}

/**
 * What happens when no key in use matches a local token's `kid` and `alg`: the keys are reloaded, because another
 * server may sign with a new one already. If that fails, a token that claims to be ours may be valid: 503, not 401.
 * Any other token without a key is refused by the verifier. The keys of trusted issuers are
 * in `remote-keys.ts`.
 */
export function createLoadUnknownKey<Token>({ keys, hasKey, claimsToBeOurs }: UnknownKidParts<Token>) {
  /** @throws AuthError AUTH_KEYS_UNAVAILABLE */
  return async function loadUnknownKey(token: Token): Promise<void> {
    await keys.reloadForUnknownKid()
    const isUncertain = !hasKey(token) && keys.hasFailed() && claimsToBeOurs(token)
    if (isUncertain) {
      throw refusal('AUTH_KEYS_UNAVAILABLE', 'no key matches alg and kid, and the last load of "keys" failed')
    }
  }
}
