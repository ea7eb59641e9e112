import { isUtf8 } from 'node:buffer'
import { refusal } from '../errors.ts'

/** In bytes, because tokens are ASCII. RFC 7519 sets no limit; this one keeps every later step cheap. */
export const maxTokenLength = 8192

/** The header or the payload of a token. */
export type JsonObject = Readonly<Record<string, unknown>>

/** The segments of a JWS in compact serialization (RFC 7515 §7.1), as they were encoded. */
export interface Segments {
  readonly header: string
  readonly payload: string
  readonly signature: string
  /** What is signed: header and payload, with the dot between them (RFC 7515 §5.1). */
  readonly input: string
}

/** @throws AuthError AUTH_INVALID_TOKEN when the token is too long, or does not have three segments */
export function splitJws(token: string): Segments {
  if (token.length > maxTokenLength) throw refusal('AUTH_INVALID_TOKEN', 'the token is longer than 8 KiB')
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first < 0 || second < 0 || token.includes('.', second + 1)) {
    throw refusal('AUTH_INVALID_TOKEN', 'the token does not have three segments')
  }
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, second),
    signature: token.slice(second + 1),
    input: token.slice(0, second)
  }
}

/**
 * Decodes strictly: canonical base64url, valid UTF-8, a JSON object.
 * @throws AuthError AUTH_INVALID_TOKEN that names the segment
 */
export function decodeObject(segment: string, name: 'header' | 'payload'): JsonObject {
  const bytes = decodeBase64url(segment)
  if (bytes === null) throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not canonical base64url`)
  if (!isUtf8(bytes)) throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not UTF-8`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not an object`)
  }
  return value as JsonObject
}

/**
 * `null` unless the text is canonical: no padding, no other characters, no spare bits (RFC 4648 §3.5). Node decodes
 * leniently; only canonical text encodes back to itself.
 */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
