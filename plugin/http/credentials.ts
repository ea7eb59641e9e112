import type { IncomingHttpHeaders } from 'node:http'
import { maxTokenLength } from '../tokens/compact.ts'

/** What a request presents, before any of it has been verified. */
export type Credentials =
  | { readonly kind: 'token', readonly source: 'header' | 'cookie', readonly token: string }
  /** Nothing that concerns us. */
  | { readonly kind: 'none' }
  /** An `Authorization` of a scheme or shape that is not ours: it was meant, so the cookie is not consulted. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'malformed', readonly detail: string }
  /** The access cookie more than once: which one the browser meant cannot be known. */
  | { readonly kind: 'ambiguous' }

/** The parts of a request that are read here; also satisfied by HTTP/2 and by `inject`. */
export interface RawRequest {
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
}

/** Schemes that browsers and proxies attach by themselves: a site behind Basic must keep working by cookie. */
const ambientScheme = /^(?:basic|digest|negotiate|ntlm)(?: |$)/i
const bearer = /^bearer(?: +|$)/i
/** RFC 7235 §2.1. */
const token68 = /^[\w.~+/-]+=*$/

/** Where the token comes from: the header, and only the header, or else the cookie. */
export function readCredentials ({ headers, rawHeaders }: RawRequest, cookieName: string | null): Credentials {
  const { authorization } = headers
  if (authorization !== undefined && hasTwo(rawHeaders)) return { kind: 'malformed', detail: 'more than one Authorization line' }
  if (authorization === undefined || ambientScheme.test(authorization)) return readCookie(headers.cookie, cookieName)
  const scheme = bearer.exec(authorization)
  if (scheme === null) return { kind: 'foreign' }
  const token = authorization.slice(scheme[0].length)
  if (token.length > maxTokenLength) return { kind: 'malformed', detail: 'the token is longer than 8 KiB' }
  if (!token68.test(token)) return { kind: 'malformed', detail: 'not exactly one token68' }
  return { kind: 'token', source: 'header', token }
}

/** Node keeps the first of several lines and drops the others: only the raw lines tell. */
function hasTwo (rawHeaders: readonly string[]): boolean {
  let lines = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 13 && name.toLowerCase() === 'authorization') lines++
  }
  return lines > 1
}

function readCookie (header: string | undefined, name: string | null): Credentials {
  if (header === undefined || name === null) return { kind: 'none' }
  const [token, second] = cookieValues(header, name)
  if (token === undefined) return { kind: 'none' }
  return second === undefined ? { kind: 'token', source: 'cookie', token } : { kind: 'ambiguous' }
}

/** All non-empty values of a cookie, raw: percent-decoding would give one token several spellings. */
export function cookieValues (header: string | undefined, name: string): string[] {
  if (header === undefined || !header.includes(name)) return []
  return header.split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(name) && pair[name.length] === '=' && pair.length > name.length + 1)
    .map((pair) => pair.slice(name.length + 1))
}
