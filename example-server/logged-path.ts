/** The scheme and the host of an absolute address, and a name and a password before a host: `http://user:password@host/`. */
const beforePath = /^(?:[a-z][a-z\d+.-]*:\/\/[^/]*|\/\/[^/]*@[^/]*)/i

/** Where people put tokens: a query, a fragment, parameters of a segment. */
const delimiter = /[?#;&=]/

/** A JWT, a refresh token, or so long that it can be another secret: no id of ours is. */
const token = /eyJ[\w-]|rt\d+\.|[\w-]{10,}\.[\w-]{4,}\.[\w-]{10,}|.{65}/

/** Percent-encoded printable ASCII, encoded once or again and again (`%3f`, `%253f`). */
const encoded = /%(?:25)*([2-7][\da-f])/gi

/** Passes of decoding. What is still encoded afterwards is cut off: that is not a mistake but a riddle. */
const mostPasses = 3

/**
 * The path of an address, without what may be a secret. Nothing of the request has been verified yet, so what only looks
 * like a secret is left out too. A path with nothing to hide is returned as it was sent.
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
  for (let pass = 0; pass < mostPasses; pass++) {
    decoded = decoded.replace(encoded, (_text, byte: string) => String.fromCharCode(parseInt(byte, 16)))
  }
  return decoded
}

function until(text: string, end: RegExp): string {
  const at = text.search(end)
  return at < 0 ? text : text.slice(0, at)
}
