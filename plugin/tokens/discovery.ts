import { isSafeUrl } from '../options/safe-url.ts'
import { fetchBounded } from './bounded-fetch.ts'

/**
 * Asks an issuer where it publishes its keys, OpenID Connect Discovery 1.0 §4.
 * @throws Error when the document is missing, names another issuer, or has an unsafe `jwks_uri`
 */
export async function discoverJwksUri(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const response = await fetchBounded(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } })
  const document = (await response.json().catch(() => null)) as { issuer?: unknown; jwks_uri?: unknown } | null
  if (document?.issuer !== issuer) throw new Error('its discovery document is not JSON, or names another issuer')
  const { jwks_uri: uri } = document
  // Only an issuer on this machine may refer to another service on this machine.
  const isSafe = typeof uri === 'string' && isSafeUrl(uri) && (uri.startsWith('https:') || issuer.startsWith('http:'))
  if (!isSafe) throw new Error('its jwks_uri is not an https URL')
  return uri
}

/** OpenID Connect Discovery 1.0 §3: an issuer has no query and no fragment. */
export function isDiscoverable(issuer: string): boolean {
  return isSafeUrl(issuer) && !/[?#]/.test(issuer)
}
