import type { IncomingHttpHeaders } from 'node:http'
import { maxTokenLength } from '../tokens/jws.ts'

/** A token, and where it stood. */
export interface Presented {
  readonly kind: 'header' | 'cookie'
  readonly token: string
}

/** What a request presents, before any of it has been verified. */
export type Credentials =
  | Presented
  /** Nothing that concerns us. */
  | { readonly kind: 'none' }
  /** An `Authorization` of a scheme or shape that is not ours: it was meant, so the cookie is not consulted. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'malformed'; readonly detail: string }
  /** Several access cookies of different values, in the browser's order. */
  | { readonly kind: 'several'; readonly tokens: readonly string[] }

export function isPresented(credentials: Credentials): credentials is Presented {
  return credentials.kind === 'header' || credentials.kind === 'cookie'
}

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

export function isToken68(token: string): boolean {
  return token68.test(token)
}

/** Where the token comes from: the header, and only the header, or else the cookie. */
export function readCredentials({ headers, rawHeaders }: RawRequest, cookieName: string | null): Credentials {
  const { authorization } = headers
  if (authorization === undefined) return readCookie(headers.cookie, cookieName)
  // Never Node's doing, but a hook of the host may have written here.
  if (typeof authorization !== 'string') return { kind: 'foreign' }
  if (hasTwo(rawHeaders)) return { kind: 'malformed', detail: 'more than one Authorization line' }
  const token = bearerToken(authorization)
  if (token === null) {
    return ambientScheme.test(authorization) ? readCookie(headers.cookie, cookieName) : { kind: 'foreign' }
  }
  if (token.length > maxTokenLength) return { kind: 'malformed', detail: 'the token is longer than 8 KiB' }
  return { kind: 'header', token }
}

/** What follows the scheme (RFC 6750 §2.1, in any case and after any number of spaces: RFC 9110 §11.1); `null` for another scheme. */
function bearerToken(authorization: string): string | null {
  // As nearly all clients write it: told without a regular expression.
  if (authorization.startsWith('Bearer ') && authorization[7] !== ' ') return authorization.slice(7)
  const scheme = bearer.exec(authorization)
  return scheme && authorization.slice(scheme[0].length)
}

/** Node keeps the first of several lines and drops the others: only the raw lines tell. */
function hasTwo(rawHeaders: readonly string[]): boolean {
  let lines = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 13 && name.toLowerCase() === 'authorization') lines++
  }
  return lines > 1
}

function readCookie(header: string | undefined, name: string | null): Credentials {
  if (header === undefined || name === null) return { kind: 'none' }
  const values = cookieValues(header, name)
  const [token] = values
  if (token === undefined) return { kind: 'none' }
  const isOne = values.length === 1 || values.every((value) => value === token)
  return isOne ? { kind: 'cookie', token } : { kind: 'several', tokens: values }
}

/** All non-empty values of a cookie, raw: percent-decoding would give one token several spellings. */
export function cookieValues(header: string | undefined, name: string): string[] {
  const values: string[] = []
  if (header === undefined) return values
  for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + 1)) {
    if (!beginsPair(header, at) || header[at + name.length] !== '=') continue
    const end = header.indexOf(';', at)
    const value = trimBlanks(header.slice(at + name.length + 1, end < 0 ? undefined : end))
    if (value !== '') values.push(value)
  }
  return values
}

/** Nothing but blanks between this place and the pair before (RFC 6265 §5.4): else it is the end of another name, or of a value. */
function beginsPair(header: string, at: number): boolean {
  let before = at - 1
  while (isBlank(header[before])) before--
  return before < 0 || header[before] === ';'
}

function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (isBlank(text[start])) start++
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

/**
 * RFC 6265 §5.2. `trim()` would take U+00A0 too, which to a browser is part of the name: it would not keep the rules of
 * `__Host-` for what is read as such here, and any subdomain could have set it.
 */
function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}
