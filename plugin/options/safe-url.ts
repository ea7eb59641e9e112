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
