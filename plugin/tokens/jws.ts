import { isUtf8 } from 'node:buffer'
import { refusal } from '../errors.ts'

/** In bytes, because tokens are ASCII. RFC 7519 sets no limit; this one keeps every later step cheap. */
export const maxTokenLength = 8192

/** The JSON of a JWS in compact serialization (RFC 7515 §7.1). Nothing in it has been verified yet. */
export interface DecodedJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
}

/** The three segments of a JWS in compact serialization, as they were encoded. */
export interface Segments {
  readonly header: string
  readonly payload: string
  readonly signature: string
}

/** @throws AuthError AUTH_INVALID_TOKEN when the token is too long, or does not have three segments */
export function splitJws(token: string): Segments {
  if (token.length > maxTokenLength) throw refusal('AUTH_INVALID_TOKEN', 'the token is longer than 8 KiB')
  const segments = token.split('.', 4)
  if (segments.length !== 3) throw refusal('AUTH_INVALID_TOKEN', 'the token does not have three segments')
  const [header, payload, signature] = segments as [string, string, string]
  return { header, payload, signature }
}

/**
 * Decodes strictly: canonical base64url (no padding, no other characters, no spare bits), valid UTF-8, JSON objects.
 * @throws AuthError AUTH_INVALID_TOKEN
 */
export function decodeJws(segments: Segments): DecodedJws {
  const header = parseObject(segments.header, 'header')
  const payload = parseObject(segments.payload, 'payload')
  decode(segments.signature, 'signature')
  return { header, payload }
}

/**
 * Checks what {@link decodeJws} checks and `fast-jwt` does not. For a token that `fast-jwt` has verified: it has the
 * alphabet of base64url, no padding, and a payload that is a JSON object.
 * @throws AuthError AUTH_INVALID_TOKEN
 */
export function assertStrict({ payload, signature }: Segments): void {
  if (!isUtf8(Buffer.from(payload, 'base64url'))) throw refusal('AUTH_INVALID_TOKEN', 'the payload is not UTF-8')
  if (hasSpareBits(payload) || hasSpareBits(signature)) {
    throw refusal('AUTH_INVALID_TOKEN', 'the token is not canonical base64url')
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648 §3.5: unless the length is a multiple of four, the last character has unused bits, which must be 0. */
function hasSpareBits(segment: string): boolean {
  const spare = [0, 63, 15, 3][segment.length % 4]!
  return (alphabet.indexOf(segment.at(-1)!) & spare) !== 0
}

function parseObject(segment: string, name: string): Record<string, unknown> {
  const bytes = decodeText(segment, name)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not an object`)
  }
  return value as Record<string, unknown>
}

function decodeText(segment: string, name: string): Buffer {
  const bytes = decode(segment, name)
  if (!isUtf8(bytes)) throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not UTF-8`)
  return bytes
}

/** Node decodes leniently; only canonical text encodes back to itself. */
function decode(segment: string, name: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url')
  if (bytes.toString('base64url') !== segment) {
    throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not canonical base64url`)
  }
  return bytes
}
