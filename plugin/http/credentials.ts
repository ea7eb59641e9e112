import type { IncomingHttpHeaders } from 'node:http'
import { refusal, type AuthError } from '../errors.ts'
import { maxTokenLength } from '../tokens/jws.ts'

/** A token, and where it was found. */
export interface Presented {
  readonly kind: 'header' | 'cookie'
  readonly token: string
}

interface Absent {
  readonly kind: 'none'
}

/** Several access cookies of different values, in the order in which the browser sent them. */
interface Several {
  readonly kind: 'several'
  readonly tokens: readonly string[]
}

/** What a request presents, before any of it has been verified. */
export type Credentials =
  | Presented
  | Absent
  | Several
  /** An `Authorization` of another scheme. The client sent it on purpose, so the cookie is not read. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'malformed'; readonly detail: string }

export function isPresented(credentials: Credentials): credentials is Presented {
  return credentials.kind === 'header' || credentials.kind === 'cookie'
}

/** RFC 7235 §2.1. */
const token68 = /^[\w.~+/-]+=*$/

/**
 * Why an `Authorization` header does not hold one bearer token: AUTH_NO_CREDENTIALS or AUTH_MALFORMED_CREDENTIALS;
 * `null` if it does, or if the header is absent. A token that is accepted needs no such check, which costs as much as
 * the look-up in the cache.
 */
export function problemOf(credentials: Credentials): AuthError | null {
  switch (credentials.kind) {
    case 'foreign':
      return refusal('AUTH_NO_CREDENTIALS', 'the scheme of the Authorization header is not Bearer')
    case 'malformed':
      return refusal('AUTH_MALFORMED_CREDENTIALS', credentials.detail)
    case 'header':
      if (token68.test(credentials.token)) return null
      return refusal('AUTH_MALFORMED_CREDENTIALS', 'the Authorization header does not hold exactly one token68')
    case 'none':
    case 'cookie':
    case 'several':
      return null
  }
}

/** @throws AuthError as {@link problemOf} returns it */
export function assertWellFormed(credentials: Credentials): asserts credentials is Presented | Absent | Several {
  const problem = problemOf(credentials)
  if (problem !== null) throw problem
}

/** The parts of a raw request that are read here: HTTP/2 and `inject()` have them too. */
export interface RawRequest {
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
}

/** Schemes that browsers and proxies send automatically: a site behind Basic must keep working by cookie. */
const ambientScheme = /^(?:basic|digest|negotiate|ntlm)(?: |$)/i
const bearer = /^bearer(?: +|$)/i

/**
 * Reads the token from the header. Reads the cookie only if there is no header, or one with a scheme that browsers send
 * automatically.
 * @param cookieName `null` to read the header alone
 */
export function readCredentials({ headers, rawHeaders }: RawRequest, cookieName: string | null): Credentials {
  const { authorization } = headers
  if (authorization === undefined) return readCookie(headers.cookie, cookieName)
  // Node always makes it a string, but a hook of the application may have replaced it.
  if (typeof authorization !== 'string') return { kind: 'foreign' }
  if (hasTwo(rawHeaders)) return { kind: 'malformed', detail: 'there is more than one Authorization header' }
  const token = bearerToken(authorization)
  if (token === null) {
    return ambientScheme.test(authorization) ? readCookie(headers.cookie, cookieName) : { kind: 'foreign' }
  }
  if (token.length > maxTokenLength) return { kind: 'malformed', detail: 'the token is longer than 8 KiB' }
  return { kind: 'header', token }
}

/**
 * What follows the scheme: RFC 6750 §2.1, in any case and after any number of spaces (RFC 9110 §11.1). `null` for
 * another scheme.
 */
function bearerToken(authorization: string): string | null {
  const scheme = bearer.exec(authorization)
  return scheme && authorization.slice(scheme[0].length)
}

/** Node keeps the first of several headers of this name and drops the others: only the raw headers show them. */
function hasTwo(rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 13 && name.toLowerCase() === 'authorization') count++
  }
  return count > 1
}

function readCookie(header: string | undefined, name: string | null): Credentials {
  if (name === null) return { kind: 'none' }
  const values = cookieValues(header, name)
  const [token] = values
  if (token === undefined) return { kind: 'none' }
  return values.every((value) => value === token) ? { kind: 'cookie', token } : { kind: 'several', tokens: values }
}

/** All non-empty values of a cookie, as they were sent: percent-decoding would give one token several spellings. */
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

/** Whether only blanks precede this place in its pair (RFC 6265 §5.4): else it is inside another name, or a value. */
function beginsPair(header: string, at: number): boolean {
  let before = at - 1
  while (isBlank(header[before])) before--
  return before < 0 || header[before] === ';'
}

function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (isBlank(text[start])) start++
  while (isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

/**
 * RFC 6265 §5.2. Not `trim()`, which removes U+00A0 too. For browsers U+00A0 is a part of the name, so they do not
 * enforce `__Host-` for such a cookie: any subdomain could set it, and it would be read here as ours.
 */
function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}
