import { isSafeUrl } from '../options/safe-url.ts'
import { fetchBounded, type BoundedRequest } from './bounded-fetch.ts'

export interface DiscoveryRequest extends BoundedRequest {
  /** Whether any plain http URL is accepted. */
  readonly allowInsecureRequests: boolean
}

/**
 * Asks an issuer where it publishes its keys: by OpenID Connect Discovery 1.0 §4, or else by RFC 8414 §3.
 * @throws Error when neither document exists, names this issuer and has a safe `jwks_uri`
 */
export async function discoverJwksUri(issuer: string, request: DiscoveryRequest): Promise<string> {
  const problems = new Set<string>()
  for (const url of metadataUrls(issuer)) {
    try {
      return readJwksUri(await fetchBounded(url, request), { issuer, ...request })
    } catch (error) {
      request.signal.throwIfAborted()
      problems.add(problemOf(error))
    }
  }
  throw new Error([...problems].join('; '))
}

/** Both specifications remove a terminating slash. */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  return [
    `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`
  ]
}

function readJwksUri(text: string, { issuer, allowInsecureRequests }: DiscoveryRequest & { issuer: string }): string {
  const document = parse(text)
  if (document?.issuer !== issuer) throw new Error('its discovery document is not JSON, or names another issuer')
  const { jwks_uri: uri } = document
  // Only an issuer on this machine may refer to another service on this machine.
  const mayBePlain = allowInsecureRequests || issuer.startsWith('http:')
  const isSafe =
    typeof uri === 'string' && isSafeUrl(uri, allowInsecureRequests) && (mayBePlain || uri.startsWith('https:'))
  if (!isSafe) throw new Error('its jwks_uri is not an https URL')
  return uri
}

function parse(text: string): { readonly issuer?: unknown; readonly jwks_uri?: unknown } | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `fetch` fails with "fetch failed" whatever happened; the reason is in `cause`. */
export function problemOf(error: unknown): string {
  // A stream of the application's `fetch` can fail with any value.
  if (typeof (error as Error | null)?.message !== 'string') return 'a value that is not an Error was thrown'
  const { name, message, cause } = error as Error
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  if (/Timeout/.test(name)) return 'the request timed out'
  return code && !message.includes(code) ? `${message} (${code})` : message
}
