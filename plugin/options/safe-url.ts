/**
 * Whether a URL is https, or a loopback address. Plain http could be tampered with.
 * @param allowInsecureRequests accept plain http everywhere
 */
export function isSafeUrl(url: string, allowInsecureRequests = false): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password } = new URL(url)
  // `fetch` rejects credentials in a URL, and its message quotes them.
  if (username !== '' || password !== '') return false
  const mayBePlain = allowInsecureRequests || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'https:' || (protocol === 'http:' && mayBePlain)
}

/** Whether a text is an absolute URL of http or https. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

/** OpenID Connect Discovery 1.0 §3 and RFC 8414 §2: an issuer has no query and no fragment. */
export function isIssuerUrl(issuer: string, allowInsecureRequests = false): boolean {
  return isSafeUrl(issuer, allowInsecureRequests) && !/[?#]/.test(issuer)
}

/**
 * The path of a URL as Fastify matches it: decoded. `null` if no request can reach a route there: malformed UTF-8, a
 * wildcard, or an encoded reserved character such as `%2F`, which Fastify does not decode.
 */
export function routablePath(url: string): string | null {
  const { pathname } = new URL(url)
  try {
    const path = decodeURI(pathname)
    return path === decodeURIComponent(pathname) && !path.includes('*') ? path : null
  } catch {
    return null
  }
}

/** One spelling of a path for all those that Fastify can match with each other, depending on its options. */
export function normalizePath(path: string): string {
  return path
    .replace(/\/{2,}/g, '/')
    .replace(/\/$/, '')
    .toLowerCase()
}
