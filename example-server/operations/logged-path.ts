/** The scheme and host of an absolute URL, or credentials and a host: `http://user:password@host/`. */
const beforePath = /^(?:[a-z][a-z\d+.-]*:\/\/[^/]*|\/\/[^/]*@[^/]*)/i

/** Begins a part that may contain a token: a query, a fragment, parameters of a segment. */
const delimiter = /[?#;&=]/

/** A JWT, a refresh token, or a text long enough to be another secret; our ids are shorter. */
const token = /eyJ[\w-]|rt\d+\.|[\w-]{10,}\.[\w-]{4,}\.[\w-]{10,}|.{65}/

/** Percent-encoded printable ASCII, encoded once or several times (`%3f`, `%253f`). */
const encoded = /%(?:25)*([2-7][\da-f])/gi

/** Passes of decoding. If the path is still encoded afterwards, the rest is cut off: no client does that by mistake. */
const maxPasses = 3

/**
 * The path of a URL without anything that looks like a secret: the request has not been verified when it is logged. A
 * path with nothing to hide is returned unchanged.
 */
export function loggedPath(url: string): string {
  const path = url.replace(beforePath, '')
  const decoded = decode(path)
  const shown = until(until(decoded, encoded), delimiter)
  const segments = shown.split('/')
  if (shown === decoded && !segments.some((segment) => token.test(segment))) return path
  return segments.map((segment) => (token.test(segment) ? '[redacted]' : segment)).join('/')
}

function decode(path: string): string {
  let decoded = path
  for (let pass = 0; pass < maxPasses; pass++) {
    decoded = decoded.replace(encoded, (_text, byte: string) => String.fromCharCode(parseInt(byte, 16)))
  }
  return decoded
}

function until(text: string, end: RegExp): string {
  const at = text.search(end)
  return at < 0 ? text : text.slice(0, at)
}
