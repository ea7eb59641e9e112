import type { TrustedIssuerSettings } from '../options/trusted-issuers.ts'
import { fetchBounded, maxBytes } from './bounded-fetch.ts'
import { discoverJwksUri } from './discovery.ts'
import type { PublishedKey } from './published-key.ts'
import { kindOfThrown } from './thrown.ts'

/** Loads an issuer's keys. The caller must limit the time: the application's functions can ignore `signal`. */
export type LoadKeySet = (signal: AbortSignal) => Promise<readonly PublishedKey[]>

export type KeySetLocation = Pick<
  TrustedIssuerSettings,
  'issuer' | 'jwks' | 'jwksUri' | 'fetch' | 'allowInsecureRequests'
>

/** Keys from the function `jwks`, from `jwksUri`, or from where the issuer says. */
export function createLoadKeySet(location: KeySetLocation): LoadKeySet {
  const { issuer, jwks, jwksUri, fetch, allowInsecureRequests } = location
  if (typeof jwks === 'function') return async () => readKeySet(await callJwks(jwks))
  let uri = jwksUri

  return async function loadKeySet(signal) {
    try {
      uri ??= await discoverJwksUri(issuer, { signal, fetch, allowInsecureRequests })
      return readKeySet(await fetchBounded(uri, { signal, fetch }))
    } catch (error) {
      // The location of discovered keys may have changed: the next attempt discovers it again.
      uri = jwksUri
      throw error
    }
  }
}

/** As text, like a set that was fetched: the application may change the objects later. */
async function callJwks(jwks: () => Promise<unknown>): Promise<string> {
  let text: string
  try {
    text = JSON.stringify(await jwks()) ?? ''
  } catch (error) {
    throw new Error(`"jwks" threw ${kindOfThrown(error)}`, { cause: error })
  }
  if (text.length > maxBytes) throw new Error(`the JWK Set exceeds ${maxBytes} characters`)
  return text
}

/** RFC 7517 §5. Which of the keys can be used is checked when a token names one. */
function readKeySet(text: string): readonly PublishedKey[] {
  const keys = parse(text)?.keys
  const isKeySet = Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null)
  if (!isKeySet) throw new Error('the JWK Set is malformed')
  return keys
}

function parse(text: string): { readonly keys?: unknown } | null {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('cannot parse the JWK Set as JSON')
  }
}
